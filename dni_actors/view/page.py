"""A report: one page of HTML that needs nothing else, and its pictures as PNGs."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from dni_actors.nn.arrays import Array
from dni_actors.observe.account import Account, titles
from dni_actors.observe.answers import Answers
from dni_actors.view import figures, pictures
from dni_actors.view.palette import RED
from dni_actors.view.spacetime import caption, spacetime
from dni_actors.view.theme import FAINT, GRID, INK, PAPER, css, png, style, svg, variable

SETTINGS_FIRST = ("task", "update", "boxes", "unroll", "cell", "hidden", "batch", "lag", "ticks", "epochs", "seed")
RULES = f"""
body{{margin:0 auto;padding:1.5rem;max-width:70rem;font:15px/1.5 system-ui,sans-serif;color:{variable(INK)};
background:{variable(PAPER)}}}
h1{{font-size:1.5rem;margin:0 0 .2rem}}h2{{font-size:1.25rem;margin:2.2rem 0 .4rem;padding-top:.8rem;
border-top:1px solid {variable(GRID)}}}h3{{font-size:1rem;margin:1.6rem 0 .2rem}}
p,figcaption,.quiet{{color:{variable(FAINT)};margin:.2rem 0}}.remark{{color:{variable(RED)}}}
figure{{margin:.6rem 0}}figure svg{{width:100%;height:auto;display:block}}
.scroll,figure{{overflow-x:auto}}figure svg{{min-width:40rem}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums}}
th,td{{text-align:left;padding:.15rem 1.2rem .15rem 0;border-bottom:1px solid {variable(GRID)};vertical-align:top}}
.facts td:first-child{{white-space:nowrap}}.facts td:last-child{{overflow-wrap:anywhere;min-width:14rem}}
th{{font-weight:600}}code{{font-size:.9em}}summary{{cursor:pointer;margin:.6rem 0}}
"""


class Excerpt(NamedTuple):
    """What boxes did in the ticks `first` to `last`; without events: they were not traced."""

    first: int
    last: int
    events: Array | None = None
    messages: Array | None = None
    nodes: int = 1
    traced: str = ""
    """which ticks were, in words"""


class Page:
    """Put together piece by piece; `html` and `pngs` (by name) at the end."""

    def __init__(
        self,
        accounts: Sequence[Account],
        excerpts: Sequence[Excerpt | None],
        told: Sequence[Answers | None],
        comparisons: Sequence[dict[str, Any]],
        when: str,
    ) -> None:
        """`told`: of each run, what it says of some test samples; `comparisons`: contents of comparison.json."""
        called = titles(accounts)
        self.pngs: dict[str, bytes] = {}
        self._parts: list[str] = []
        with style():
            self._head(accounts, called, when)
            for content in comparisons:
                self._comparison(content)
            for task in dict.fromkeys(account.task for account in accounts):
                pairs = [
                    (account, name) for account, name in zip(accounts, called, strict=True) if account.task == task
                ]
                of_task, names = [account for account, _ in pairs], [name for _, name in pairs]
                self._section(2, f"Learning: {task}")
                self._picture(
                    f"learning-{task}",
                    pictures.learning(of_task, names),
                    "Left against ticks: what is learned from as much. Right against seconds: what it takes."
                    + (" Dotted: went on from a cut." if len(of_task) == 1 and of_task[0].restarts else ""),
                    "No evaluation and no metrics yet.",
                )
            for account, name, excerpt, said in zip(accounts, called, excerpts, told, strict=True):
                self._run(account, name, excerpt, said)
        title = html.escape("; ".join(called))
        self.html = "\n".join(
            (
                f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
                '<meta name="viewport" content="width=device-width,initial-scale=1">',
                f"<style>{css()}{RULES}</style></head><body>",
                *self._parts,
                "</body></html>\n",
            )
        )

    def _head(self, accounts: Sequence[Account], called: Sequence[str], when: str) -> None:
        self._parts.append("<h1>dni_actors: " + html.escape("; ".join(called)) + "</h1>")
        self._parts.append(f"<p>Made {html.escape(when)}.</p>")
        columns = ("run", "task", "update", "lag", "status", "test", "ticks", "ticks/s", "overlap", "restarts")
        self._table((columns, *(line(account) for account in accounts)), head=True)

    def _comparison(self, content: dict[str, Any]) -> None:
        """Its figure, and a sentence for each decoupled rule."""
        self._section(2, f"Comparison: {content.get('task', '')}")
        for sentence in content.get("verdict", ()):
            self._parts.append(f"<p><strong>{html.escape(str(sentence))}</strong></p>")
        text = "Means over seeds; the band is from the least to the most. Dotted: what the time is measured to."
        self._picture("comparison", figures.accuracy(content), text, "")

    def _run(self, account: Account, title: str, excerpt: Excerpt | None, told: Answers | None) -> None:
        self._section(2, title)
        self._parts.append(f"<p><code>{html.escape(account.place)}</code>: {html.escape(account.status)}</p>")
        if verdict := account.result.get("verdict"):
            self._parts.append(f"<p><strong>{html.escape(str(verdict))}</strong></p>")
        for remark in remarks(account):
            self._parts.append(f'<p class="remark">{html.escape(remark)}</p>')
        if account.restarts:
            several = ", ".join(f"{tick} (incarnation {i})" for i, tick in account.restarts)
            self._parts.append(f"<p>Went on from the cut before tick {html.escape(several)}: dotted lines.</p>")
        self._scores(account.result.get("scores"))
        self._answers(account, told)
        self._spacetime(account, excerpt)
        name = account.name
        self._section(3, "How true the synthetic gradients were")
        self._picture(
            f"{name}-cosine",
            pictures.cosine(account),
            "Cosine between the synthetic and the received gradient, before the synthesizer learned from it. Only "
            f"the last boundary's (box {max(0, account.boxes - 2)}) is unbiased: further up, what is received was made "
            "with a synthetic gradient itself.",
            "No synthesizer, or no metrics yet.",
        )
        for what, text in (("cosine", "Cosine"), ("error", "Relative error")):
            figure = pictures.probes(account, what)
            if figure is not None:
                text += " of the synthetic against the exact gradient, from a locked pass over held-out samples."
                self._picture(f"{name}-probes-{what}", figure, text, "")
        self._section(3, "Where the time went")
        text = "What is neither a phase nor a wait is the rest: messages, Python, and waiting for a core."
        self._picture(f"{name}-waits", pictures.waits(account), text, "No metrics yet.")
        self._section(3, "Slack")
        text = "Ticks that a gradient lay ready before its turn. 0: the box waited for it."
        self._picture(f"{name}-slack", pictures.slack(account), text, "No gradients were waited for.")
        settings = {k: account.settings[k] for k in SETTINGS_FIRST if k in account.settings}
        self._facts("Configuration", settings | account.settings)
        self._facts("Manifest", account.manifest)
        if account.places:
            columns = tuple(account.places[0])
            rows = [tuple(place.get(name, "") for name in columns) for place in account.places]
            self._table((columns, *rows), head=True, title="Where boxes ran")

    def _scores(self, scores: dict[str, Any] | None) -> None:
        """Of each class; and which was taken for which."""
        if scores is None:
            return
        self._section(3, "How each class fared")
        names = [of["name"] for of in scores["classes"]]
        columns = ("class", "samples", "precision", "recall", "F1")
        rows = [
            (of["name"], of["samples"], *(percent(of[name]) for name in ("precision", "recall", "f1")))
            for of in scores["classes"]
        ]
        text = f"Of the test samples. Mean recall: {percent(scores['balanced_accuracy'])}."
        self._parts.append(f"<p>{html.escape(text)}</p>")
        self._table((columns, *rows), head=True)
        if "confusion" in scores:
            head = ("is \\ was taken for", *names)
            pairs = [(name, *row) for name, row in zip(names, scores["confusion"], strict=True)]
            self._table((head, *pairs), head=True, title="Which class was taken for which")

    def _answers(self, account: Account, told: Answers | None) -> None:
        """Some samples."""
        if told is None or not told.shown:
            return
        self._section(3, "Some test samples and answers")
        text = "The first ones."
        if told.wrong is not None:
            text = f"First right answers, then wrong ones. In all {told.wrong} of {told.asked} are wrong."
        self._picture(f"{account.name}-samples", pictures.samples(told), text, "")

    def _spacetime(self, account: Account, excerpt: Excerpt | None) -> None:
        self._section(3, "Who did what when")
        figure = None
        if excerpt is None:
            without = "No trace: run with --trace sampled, or full."
        elif excerpt.events is None or excerpt.messages is None:
            without = f"Ticks {excerpt.first} to {excerpt.last} were not traced; traced are {excerpt.traced}."
        else:
            without = "Nothing was traced in these ticks."
            figure = spacetime(excerpt.events, excerpt.messages, excerpt.first, excerpt.last)
        text = ""
        if figure is not None and excerpt is not None and excerpt.events is not None:
            text = "Down: hidden states. Up: gradients, which a box takes the lag later. "
            text += caption(excerpt.events, excerpt.first, excerpt.last)
            text += f" Traced are ticks {excerpt.traced}; choose with --ticks A:B."
            if excerpt.nodes > 1:
                text += " Clocks of nodes were brought together by the messages between them."
        self._picture(f"{account.name}-spacetime", figure, text, without)

    def _section(self, level: int, title: str) -> None:
        self._parts.append(f"<h{level}>{html.escape(title)}</h{level}>")

    def _picture(self, name: str, figure: Figure | None, text: str, without: str) -> None:
        """A figure and what it tells; or the sentence that stands there without one."""
        if figure is None:
            if without:
                self._parts.append(f'<p class="quiet">{html.escape(without)}</p>')
            return
        name = re.sub(r"[^\w.+=@-]", "_", name)
        unique = name if name not in self.pngs else f"{name}-{len(self.pngs)}"
        self.pngs[f"{unique}.png"] = png(figure)
        drawing = svg(figure, f"f{len(self.pngs)}", html.escape(text, quote=True))
        below = f"<figcaption>{html.escape(text)}</figcaption>"
        self._parts.append(f'<figure id="{html.escape(unique, quote=True)}">{drawing}{below}</figure>')

    def _facts(self, title: str, facts: dict[str, Any]) -> None:
        if facts:
            self._table([(name, plainly(value)) for name, value in facts.items()], title=title, kind_of="facts")

    def _table(
        self, rows: Iterable[Sequence[Any]], head: bool = False, title: str = "", kind_of: str = "figures"
    ) -> None:
        """Folded away under its title, if it has one."""
        lines = []
        for i, row in enumerate(rows):
            kind = "th" if head and i == 0 else "td"
            lines.append("<tr>" + "".join(f"<{kind}>{html.escape(str(cell))}</{kind}>" for cell in row) + "</tr>")
        table = '<div class="scroll"><table class="' + kind_of + '">' + "\n".join(lines) + "</table></div>"
        self._parts.append(f"<details><summary>{html.escape(title)}</summary>{table}</details>" if title else table)


def line(account: Account) -> tuple[str, ...]:
    """Of the table of runs."""
    result, newest = account.result, account.evaluations[-1] if account.evaluations else None
    ticks, seconds = account.seconds
    rate = result.get("ticks_per_second") or (ticks[-1] / seconds[-1] if seconds[-1] else None)
    return (
        account.name,
        account.task,
        str(account.settings.get("update", "-")),
        str(account.settings.get("lag", "-")),
        account.status,
        result.get("figure") or ("-" if newest is None else f"accuracy {newest.accuracy:.2%}"),
        str(result.get("ticks", int(ticks[-1]))),
        "-" if rate is None else f"{rate:.1f}",
        str(result.get("overlap", "-")),
        str(sum(result.get("restarts") or [0]) or "-"),
    )


def remarks(account: Account) -> list[str]:
    """What the run itself has to say, and what of it is missing."""
    result = account.result
    found = [f"It ended: {result['error']}"] if result.get("error") else []
    for name in ("warnings", "hints", "losses"):
        found += [str(remark) for remark in result.get(name) or []]
    return found + [f"Missing: {problem}." for problem in account.missing]


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def plainly(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {plainly(one)}" for name, one in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
