"""How much memory does a box take? Unique set size (what nobody else shares) against the number of boxes and the lag.
And how long does it take until 32 boxes are up?

    python -m bench.memory

Read from /proc/PID/smaps_rollup of every box while it runs. The model's own arrays are told beside it.
"""

import argparse
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.measure import save
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Started, Status
from dni_actors.runtime import Runtime, started

MIB = 2**20


def unique(pid: int) -> float:
    """MiB that only this process holds."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    private = ("Private_Clean:", "Private_Dirty:")
    return sum(int(line.split()[1]) for line in lines if line.startswith(private)) / 1024


def carried(config: RunConfig) -> float:
    """MiB of what a box carries from tick to tick: weights, optimizer, stash."""
    return sum(array.nbytes for array in TimeBox(config, 0).state().values()) / MIB


def measure(running: Runtime, config: RunConfig) -> list[float]:
    pids: list[int] = []
    with closing(running.run(config)) as events:
        for event in events:
            if isinstance(event, Started):
                pids = [place.pid for place in event.places]
            elif isinstance(event, Status) and event.box == config.boxes - 1 and event.tick >= config.ticks // 2:
                return [unique(pid) for pid in pids]
    raise SystemExit("the run was over before its memory was read; give more ticks")


def seconds_to_start(boxes: int) -> float:
    """From the command to the first tick of the whole chain, Ray's start included."""
    config = RunConfig.of(boxes=boxes, ticks=10**6, evaluate_every=0)
    began = time.monotonic()
    with started(config) as running, closing(running.run(config)) as events:
        for event in events:
            if isinstance(event, Status) and event.box == boxes - 1 and event.tick:
                return time.monotonic() - began
    raise SystemExit("the run was over before it began")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    endless: dict[str, Any] = {"ticks": 400, "evaluate_every": 0, "compute_delay_ms": "9", "local_readout": False}
    settings: dict[str, dict[str, Any]] = {
        **{f"{boxes} boxes, 4 x 64, lag 2": {"boxes": boxes} for boxes in (2, 4, 8, 16, 32)},
        **{
            f"4 boxes, 128 x 256, lag {lag}": {"task": "rows", "boxes": 4, "batch": 128, "hidden": 256, "lag": lag}
            for lag in (1, 4, 16, 64)
        },
    }
    rows: dict[str, list[float]] = {}
    print(f"{'':28}{'median box':>12}{'all boxes':>12}{'carried':>10}   MiB")
    with started(RunConfig.of(boxes=32)) as running:
        for name, fields in settings.items():
            config = RunConfig.of(**(endless | fields))
            rows[name] = measure(running, config)
            told = f"{statistics.median(rows[name]):12.1f}{sum(rows[name]):12.1f}{carried(config):10.1f}"
            print(f"{name:28}{told}", flush=True)
    up = seconds_to_start(32)
    print(f"{'32 boxes up and learning':28}{up:12.1f} s")
    save("memory", {"mebibytes_of_each_box": rows, "seconds_until_32_boxes_are_up": up})


if __name__ == "__main__":
    main()
