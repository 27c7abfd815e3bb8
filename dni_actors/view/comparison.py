"""How a comparison goes on, and the table of what came out of it (the content of comparison.json)."""

import json
import time
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style

from dni_actors.observe.events import Event
from dni_actors.observe.standing import Standing
from dni_actors.view.frame import Line, Picture, progress
from dni_actors.view.glyphs import ASCII, BOLD, DIM, UNICODE, cell, clock
from dni_actors.view.live import Redrawn, ascii_only
from dni_actors.view.palette import of_rule
from dni_actors.view.terminal import terminal

MB = 1e6


class Comparing:
    """One display for all runs: live, plain lines, JSON lines, or nothing.

    It is the view of every run, one after the other (see View).
    """

    def __init__(self, kind: str, heading: str, names: Sequence[str]) -> None:
        """`names`: of the contender of each run, in their order."""
        self._console = terminal()
        self._kind = ("live" if self._console.is_interactive else "plain") if kind == "auto" else kind
        self._heading, self._names = heading, list(names)
        self._results: list[dict[str, Any]] = []
        self._standing: Standing | None = None
        self._began = time.monotonic()
        self._glyphs = ASCII if ascii_only(self._console) else UNICODE
        self._redrawn = Redrawn(self._console, self._draw) if self._kind == "live" else None

    def begin(self) -> None:
        if self._redrawn is not None:
            self._redrawn.open()
        elif self._kind == "plain":
            print(f"seconds=0 event=comparing runs={len(self._names)} {self._heading}", flush=True)

    def end(self) -> None:
        if self._redrawn is not None:
            self._redrawn.close()

    def of(self, standing: Standing) -> "Comparing":
        """The next run's view."""
        self._standing = standing
        return self

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        pass

    def close(self, result: dict[str, Any] | None) -> None:
        """A run has ended."""
        self._standing = None
        if result is None:
            return
        name = self._names[len(self._results)]
        self._results.append(result)
        facts = {"contender": name} | {key: result[key] for key in SHOWN}
        if self._kind == "json":
            print(json.dumps({"event": "run"} | facts, allow_nan=False), flush=True)
        elif self._kind == "plain":
            words = " ".join(f"{key}={json.dumps(value)}" for key, value in facts.items())
            print(f"seconds={time.monotonic() - self._began:.0f} event=run {words}", flush=True)

    def tell(self, content: dict[str, Any], sentences: Sequence[str]) -> None:
        """What came out, and where it lies."""
        if self._kind == "json":
            print(json.dumps(content, allow_nan=False), flush=True)
        elif self._kind != "quiet":
            print("\n".join([table(content), *sentences]), flush=True)

    def _draw(self) -> RenderableType:
        width, height = self._console.size
        glyphs, done, standing = self._glyphs, len(self._results), self._standing
        elapsed = time.monotonic() - self._began
        left = f", about {clock(elapsed / done * (len(self._names) - done))} left" if done else ""
        head = f"run {min(done + 1, len(self._names))} of {len(self._names)}{left}"
        time_text = clock(elapsed).rjust(9)
        lines: list[Line] = [
            [
                Segment("dni_actors ", BOLD),
                cell(f"comparing: {head}", width - 11 - len(time_text), right=False),
                Segment(time_text, DIM),
            ]
        ]
        contenders = list(dict.fromkeys(self._names))
        for name in contenders[: max(1, height - 4)]:
            of = [i for i, other in enumerate(self._names) if other == name]
            results = [self._results[i] for i in of if i < done]
            lines.append(self._line(name, len(of), results, width))
        if standing is not None:
            lines.append(progress(standing, width, glyphs))
        return Picture(lines)

    def _line(self, name: str, runs: int, results: list[dict[str, Any]], width: int) -> Line:
        marks = [self._glyphs.parts[-1] if result["status"] == "finished" else "x" for result in results]
        known = [result["test_accuracy"] for result in results if result["test_accuracy"] is not None]
        figure = f"  test {sum(known) / len(known):6.1%}" if known else ""
        last = results[-1].get("figure_at_end") if results else None
        if last is not None and not last.startswith("accuracy"):
            figure = f"  test {last}"  # of the newest run: no share, of which a mean would tell
        shown = "".join(marks).ljust(runs, self._glyphs.wait)[: max(0, width - 44)]
        room = max(0, width - 28 - len(shown))
        return [
            cell(name, 27, right=False),
            Segment(shown, Style(color=of_rule(name.partition(",")[0]))),
            cell(figure, room, right=False),
        ]


SHOWN = ("seed", "status", "test_accuracy", "ticks_per_second", "overlap", "sent", "sent_bytes", "path")


def slow_links(content: dict[str, Any]) -> list[str]:
    """In what way the runs' links were slow."""
    delay, megabits = content["link_delay_ms"], content.get("link_mbps", 0)  # older comparisons do not have it
    return [f"links of {delay} ms one way"] * (delay != "0") + [f"links of {megabits:g} Mbit/s"] * (megabits > 0)


def table(content: dict[str, Any]) -> str:
    """A line per contender: means over the seeds."""
    target, seeds = content["target"], content["seeds"]
    several = "s" if len(seeds) > 1 else ""
    links = "".join(f", {emulated}" for emulated in slow_links(content))
    what = f"{content['task']}, {content['boxes']} boxes, {content['ticks']} ticks"
    lines = [f"{what}, {len(seeds)} seed{several}{links}"]
    share = content["figure"] == "accuracy"
    form = "{:.1%}" if share else "{:.4g}"
    titles = (
        f"test {content['figure']}",
        "least-most",
        "ticks/s",
        f"time to {target:{'.0%' if share else '.3g'}}",
        "overlap",
        "messages",
        "MB",
    )
    lines.append(f"{'update':24}" + "".join(title.rjust(width) for title, width in zip(titles, WIDTHS, strict=True)))
    for of in content["contenders"]:
        runs = len(of["runs"])
        failed = [run for run in of["runs"] if run["status"] != "finished"]
        seconds = f"{of['seconds_to_target']:.1f} s" if of["seconds_to_target"] is not None else "never"
        if 0 < of["reached"] < runs:
            seconds += f" ({of['reached']}/{runs})"
        cells = [
            number(of["figure"], form),
            "-".join(fraction(of[end]) if share else number(of[end], form) for end in ("least", "most")),
            number(of["ticks_per_second"], "{:.1f}"),
            seconds if runs else "-",
            number(of["overlap"], "{:.2f}"),
            number(of["sent"], "{:.0f}"),
            number(None if of["sent_bytes"] is None else of["sent_bytes"] / MB, "{:.1f}"),
        ]
        lines.append(f"{of['name']:24}" + "".join(c.rjust(w) for c, w in zip(cells, WIDTHS, strict=True)))
        lines += [f"  seed {run['seed']} {run['status']}: {run['error'] or 'cut short'}" for run in failed]
    lines += content.get("verdict", [])
    lines.append("messages, MB: what boxes put, evaluations included; arrays as the wire carries them, no headers")
    return "\n".join(lines)


WIDTHS = (15, 13, 9, 14, 9, 10, 8)


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def fraction(value: float | None) -> str:
    """.915, or 1.000"""
    return number(value, "{:.3f}").removeprefix("0")
