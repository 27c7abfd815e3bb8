"""python -m dni_actors.report runs/NAME [runs/OTHER ...]: pictures of runs, ended or not, in one page: report.html.

The page needs nothing else and opens from the disk; the pictures lie beside it as PNGs. With --perfetto it writes the
run's trace instead, for https://ui.perfetto.dev or chrome://tracing.
"""

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import Arguments
from dni_actors.observe.trace import usual
from dni_actors.record.accounts import Reader

if TYPE_CHECKING:
    from dni_actors.observe.account import Account
    from dni_actors.record.result import Result
    from dni_actors.record.traces import Traces
    from dni_actors.view.page import Excerpt

SLICES = 250  # boxes times ticks that are shown where no ticks are asked for


@command
def main() -> None:
    options = Arguments("dni_actors.report", __doc__)
    options.add_argument("runs", nargs="+", metavar="run", help="a run's folder, or a URI of it")
    options.add_argument("--ticks", metavar="A:B", help="ticks of the space-time diagram, from A to before B")
    options.add_argument("--output", type=Path, metavar="FOLDER", help="where to write (default: the first run's)")
    options.add_argument("--perfetto", type=Path, metavar="FILE", help="write the trace there, as trace.json.gz")
    chosen = options.parse_args()
    if chosen.perfetto is not None:
        print(perfetto(chosen.runs, chosen.perfetto, ticks_of(chosen.ticks)))
    else:
        print(write(chosen.runs, chosen.output, ticks_of(chosen.ticks)))


def ticks_of(text: str | None) -> tuple[int, int] | None:
    """A:B as (A, B - 1)."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise ConfigError("ticks", f"{text!r} is no range of ticks; give one such as 100:110")
    return int(found[1]), int(found[2]) - 1


def require_matplotlib() -> None:
    """ConfigError if it is not there."""
    if find_spec("matplotlib") is None:
        problem = "needs matplotlib, which is not installed; pip install matplotlib"
        raise ConfigError("report", problem)


def write(places: Sequence[str], output: Path | None = None, ticks: tuple[int, int] | None = None) -> Path:
    """Writes report.html and its PNGs; where it lies. ConfigError if a run cannot be read, or matplotlib is missing."""
    require_matplotlib()
    readers = [Reader(place) for place in places]
    from dni_actors.view.page import Page  # late: it takes a second

    accounts, excerpts = [], []
    for reader in readers:
        traces = reader.traces()
        accounts.append(reader.account())
        excerpts.append(excerpt(accounts[-1], traces, ticks))
    report = Page(accounts, excerpts, datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"))
    folder = output or readers[0].storage.path or Path()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in report.pngs.items():
        (folder / f"report-{name}").write_bytes(content)
    page = folder / "report.html"
    page.write_text(report.html, encoding="utf-8")
    return page


def in_notebook(result: "Result") -> str:
    """A run, for a cell of a notebook: without its pictures where matplotlib, or the run's folder, is missing."""
    from dni_actors.view.brief import brief

    try:
        reader = Reader(str(result.path))
        traces, account = reader.traces(), reader.account()
    except ConfigError:  # it was in a folder that is gone
        return brief(result.content(), None, None)
    if find_spec("matplotlib") is None:
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


def perfetto(places: Sequence[str], path: Path, ticks: tuple[int, int] | None) -> Path:
    """Writes a run's trace. ConfigError if there is none."""
    from dni_actors.view.perfetto import events, write

    if len(places) != 1:
        raise ConfigError("perfetto", f"{len(places)} runs are too many for one trace; give one")
    reader = Reader(places[0])
    traces, account = reader.traces(), reader.account()
    if traces is None:
        why = "; ".join(line for line in reader.missing if line.startswith("trace")) or "there is none"
        raise ConfigError("perfetto", f"{places[0]!r} has no trace ({why}); run with --trace sampled, or full")
    chosen = None if ticks is None else (ticks[0], ticks[1] + 1)
    write(path, events(account, traces.overview.nodes, traces.parts(None, chosen), traces.messages(chosen)))
    return path


if __name__ == "__main__":
    sys.exit(main())
