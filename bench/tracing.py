"""What does a trace cost? Runs of four boxes over sockets, recorded as by the command, without a trace and with one.

    python -m bench.tracing [--rounds 5]

A round takes each mode in turn. `ticks per second` is the steady state's; `cpu` is the boxes' threads' time per tick,
which a loaded machine makes little worse.
"""

import argparse
import statistics
import tempfile
from contextlib import closing

from bench.measure import save
from dni_actors.box.standing import Standing
from dni_actors.config import RunConfig
from dni_actors.record.recorder import Recorder
from dni_actors.runtime import Session, session

MODES = ("off", "sampled", "full")
SIZES = {"32 x 64": (32, 64, 8000), "128 x 256": (128, 256, 1500)}


def measured(running: Session, config: RunConfig) -> tuple[float, float]:
    """(ticks per second, CPU seconds of the boxes per tick)."""
    recorder = Recorder(config)
    standing = Standing(recorder.config)
    with closing(running.run(recorder.config)) as events:
        for event in events:
            standing.take(event)
            recorder.take(event, standing)
    recorder.close(standing, "finished", None)
    return standing.ticks_per_second, sum(report.cpu_seconds for report in standing.reports) / config.ticks


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with tempfile.TemporaryDirectory() as storage:
        base = RunConfig.of(task="rows", boxes=4, lag=3, evaluate_every=0, storage=storage, console="quiet")
        with session(base) as running:
            for size, (batch, hidden, ticks) in SIZES.items():
                of_size = found.setdefault(size, {})
                for n in range(chosen.rounds):
                    for mode in MODES:
                        fields = {"batch": batch, "hidden": hidden, "ticks": ticks, "trace": mode}
                        name = f"{batch}-{hidden}-{mode}-{n}"
                        of_size.setdefault(mode, []).append(measured(running, base.replace(name=name, **fields)))
    for size, modes in found.items():
        rate, cpu = (statistics.median(run[i] for run in modes["off"]) for i in (0, 1))
        for mode, runs in modes.items():
            mine, its = (statistics.median(run[i] for run in runs) for i in (0, 1))
            told = (
                f"{mine:7.1f} ticks/s ({mine / rate - 1:+.1%}), {its * 1e3:.3f} ms of CPU a tick ({its / cpu - 1:+.1%})"
            )
            print(f"{size:9}  {mode:8} {told}")
    save("tracing", {"rounds": chosen.rounds, "ticks_per_second_and_cpu_seconds": found})


if __name__ == "__main__":
    main()
