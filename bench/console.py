"""What does it cost to watch? The live console's share of a core, a frame's CPU time, and the boxes' part of it.

    python -m bench.console [--seconds 20] [--rounds 5]

`share`: CPU time of the redrawing thread over the wall time of a run of `rows` over Ray, 4 boxes. `frame`: CPU time of
a frame, made and printed, for a run recorded at 4 boxes and for 28. `mark`: what a box pays at each `work` and each
wait. `strip`: what it pays at each status, four times a second.
"""

import argparse
import statistics
import tempfile
import time
import timeit
from collections.abc import Callable

from rich.console import Console

from bench.measure import save
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Place, Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.runtime.worker.timeline import Clock, Timeline
from dni_actors.view.frame import frame
from dni_actors.view.live import LiveView
from tests.snapshot import standing
from tests.tiny import metrics_row

SIZES = ((60, 24), (100, 24), (160, 40))


def share(seconds: float) -> float:
    """Of a core, in a run that takes about so long."""
    views: list[LiveView] = []

    def live(of: Standing) -> LiveView:
        nowhere = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115  for as long as the view lives
        views.append(LiveView(of, Console(file=nowhere, force_terminal=True, width=160, height=40)))
        return views[-1]

    with tempfile.TemporaryDirectory() as folder:
        fields = {"task": "rows", "ticks": int(100 * seconds), "compute_delay_ms": "10", "storage": folder}
        began = time.perf_counter()
        run(RunConfig.of(**fields), shown_by=live)
    return views[0].redrawn.cpu_seconds / (time.perf_counter() - began)


def many(boxes: int) -> Standing:
    """A chain whose boxes show the recorded strips."""
    recorded, found = standing(), Standing(RunConfig.of(task="rows", boxes=boxes))
    found.take(Started(tuple(Place(k, k, "node", "host", "blas") for k in range(boxes))))
    strips = recorded.strips
    assert strips is not None
    for k in range(boxes):
        found.take(Status(k, 50, "forward", steady_rate=45.0, rows=(metrics_row(k),), strip=strips[k % len(strips)]))
    return found


def drawing(of: Standing, width: int, height: int) -> Callable[[], None]:
    nowhere = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115
    console = Console(file=nowhere, force_terminal=True, color_system="truecolor", width=width, height=height)
    return lambda: console.print(frame(of, 12.0, width, height))


def cpu(job: Callable[[], object], times: int) -> float:
    """CPU seconds of one, the least of three tries."""
    return min(timeit.repeat(job, timer=time.thread_time, repeat=3, number=times)) / times


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    timeline = Timeline(Clock())
    found = {"mark": cpu(lambda: timeline.add(1, 0), 100_000)}
    found["strip"] = cpu(lambda: timeline.strip(time.perf_counter(), 0.0), 200)
    for boxes, of in ((4, standing()), (28, many(28))):
        for width, height in SIZES:
            found[f"frame, {boxes} boxes, {width} x {height}"] = cpu(drawing(of, width, height), 50)
    shares = [share(chosen.seconds) for _ in range(chosen.rounds)]
    for name, seconds in found.items():
        print(f"{name:30} {seconds * 1e6:10.2f} CPU-microseconds")
    print(f"share of a core: median {statistics.median(shares):.2%}, most {max(shares):.2%}")
    save("console", {"cpu_seconds": found, "shares": shares})


if __name__ == "__main__":
    main()
