"""python -m dni_actors.report runs/NAME [runs/OTHER ...]: pictures of runs, ended or not, in one page: report.html.

The page needs nothing else and opens from the disk; the pictures lie beside it as PNGs. Of a comparison's folder it
draws comparison.png anew, and the first run of each contender. With --perfetto it also writes the run's trace beside
the page, for https://ui.perfetto.dev or chrome://tracing.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dni_actors.box.errors import BoxError
from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import Arguments
from dni_actors.observe.answers import Answers, answers
from dni_actors.observe.trace import usual
from dni_actors.record.accounts import Reader
from dni_actors.record.result import Result
from dni_actors.record.storage import Storage

if TYPE_CHECKING:
    from dni_actors.observe.account import Account
    from dni_actors.record.traces import Traces
    from dni_actors.view.page import Excerpt

TRACE = "trace.json.gz"
SLICES = 250  # boxes times ticks that are shown where no ticks are asked for


@command
def main() -> None:
    options = Arguments("dni_actors.report", __doc__)
    options.add_argument("runs", nargs="+", metavar="run", help="a run's folder, or a URI of it")
    options.add_argument("--ticks", metavar="A:B", help="ticks of the space-time diagram, from A to before B")
    options.add_argument("--output", type=Path, metavar="FOLDER", help="where to write (default: the first run's)")
    text = f"write the trace, too: to this file (default: {TRACE} beside the page)"
    options.add_argument("--perfetto", type=Path, nargs="?", const=Path(), metavar="FILE", help=text)
    chosen = options.parse_args()
    ticks = ticks_of(chosen.ticks)
    if chosen.perfetto is not None and len(chosen.runs) != 1:
        raise ConfigError("perfetto", f"{len(chosen.runs)} runs are too many for one trace; give one")
    page = write(chosen.runs, chosen.output, ticks)
    print(page)
    if chosen.perfetto is not None:
        beside = page.with_name(TRACE) if chosen.perfetto == Path() else chosen.perfetto
        print(perfetto(chosen.runs[0], beside, ticks))


def ticks_of(text: str | None) -> tuple[int, int] | None:
    """A:B as (A, B - 1)."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise ConfigError("ticks", f"{text!r} is no range of ticks; give one such as 100:110")
    return int(found[1]), int(found[2]) - 1


def write(places: Sequence[str], output: Path | None = None, ticks: tuple[int, int] | None = None) -> Path:
    """Writes report.html and its PNGs; where it lies. ConfigError if a run cannot be read."""
    contents = [content for place in places if (content := compared(place)) is not None]
    readers = [Reader(run) for place in places for run in runs_of(place)]
    from dni_actors.view.page import Page  # late: it takes a second

    accounts, excerpts, told = [], [], []
    for reader in readers:
        traces = reader.traces()
        accounts.append(reader.account())
        excerpts.append(excerpt(accounts[-1], traces, ticks))
        told.append(answered(accounts[-1]))
    when = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    report = Page(accounts, excerpts, told, contents, when)
    folder = output or Storage.of(places[0]).path or Path()
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in report.pngs.items():
        (folder / (name if name == "comparison.png" else f"report-{name}")).write_bytes(picture)
    page = folder / "report.html"
    page.write_text(report.html, encoding="utf-8")
    return page


def compared(place: str) -> dict[str, Any] | None:
    """The content of comparison.json, if the folder is a comparison's. ConfigError if that cannot be read."""
    try:
        storage = Storage.of(place)
        if not storage.exists("comparison.json"):
            return None
        content: dict[str, Any] = json.loads(storage.read("comparison.json"))
        if not all({"name", "update", "runs"} <= set(of) for of in content["contenders"]):
            raise ValueError("it has no contenders")
        return content
    except OSError:
        return None  # whoever reads the run says what is wrong
    except (ValueError, KeyError, TypeError) as error:
        problem = f"{place}/comparison.json cannot be read ({error}); compare again, or give the folder of a run"
        raise ConfigError("run", problem) from error


def runs_of(place: str) -> Iterator[str]:
    """The folder itself; of a comparison the first run of each contender."""
    content = compared(place)
    if content is None:
        yield place
    else:
        for contender in content["contenders"]:
            for run in contender["runs"][:1]:
                yield f"{place.rstrip('/')}/{run['path'].rpartition('/')[2]}"


def answered(account: "Account") -> Answers | None:
    """What the run's boxes say of some test samples; None where they, or the samples, cannot be had."""
    try:
        return answers(Result.from_path(account.place).load_model(data=True))
    except (ConfigError, BoxError, OSError, ValueError, KeyError, TypeError, MemoryError):
        return None


def in_notebook(result: Result) -> str:
    """A run, for a cell of a notebook: without its pictures where the run's folder is missing."""
    from dni_actors.view.brief import brief

    try:
        reader = Reader(str(result.path))
        traces, account = reader.traces(), reader.account()
    except ConfigError:  # it was in a folder that is gone
        return brief(result.content(), None, None)
    return brief(result.content(), account, excerpt(account, traces, None))


def excerpt(account: "Account", traces: "Traces | None", ticks: tuple[int, int] | None) -> "Excerpt | None":
    """What boxes did in these ticks, or in some that show how it went; None without a trace."""
    from dni_actors.view.page import Excerpt

    if traces is None:
        return None
    known = traces.overview.ticks
    first, last = ticks or usual(known, max(2, min(8, SLICES // max(1, account.boxes))))
    traced = in_words(known.tolist())
    if not ((known >= first) & (known <= last)).any():
        return Excerpt(first, last, traced=traced)
    # Boxes are in different ticks at a time: what others do meanwhile lies in the ticks around these.
    around = account.lag * max(1, account.boxes - 1) + 1
    events, messages = traces.excerpt(first - around, last + around)
    return Excerpt(first, last, events, messages, len(traces.overview.nodes), traced)


def in_words(ticks: Sequence[int], most: int = 4) -> str:
    """0 to 199, 300, 400, ... 800 to 999."""
    rows: list[list[int]] = []
    for tick in ticks:
        if rows and tick == rows[-1][-1] + 1:
            rows[-1] = [rows[-1][0], tick]
        else:
            rows.append([tick])
    ranges = [" to ".join(map(str, row)) for row in rows]
    return ", ".join(ranges if len(ranges) <= most else [*ranges[: most - 1], "...", ranges[-1]])


def perfetto(place: str, path: Path, ticks: tuple[int, int] | None) -> Path:
    """Writes a run's trace. ConfigError if there is none."""
    from dni_actors.view.perfetto import events, write

    reader = Reader(place)
    traces, account = reader.traces(), reader.account()
    if traces is None:
        missing = "; ".join(line for line in reader.missing if line.startswith("trace")) or "there is none"
        raise ConfigError("perfetto", f"{place!r} has no trace ({missing}); run with --trace sampled, or full")
    chosen = None if ticks is None else (ticks[0], ticks[1] + 1)
    write(path, events(account, traces.overview.nodes, traces.parts(None, chosen), traces.messages(chosen)))
    return path


if __name__ == "__main__":
    sys.exit(main())
