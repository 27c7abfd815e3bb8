"""What does a trace cost? Without one, sampled, and full.

    python -m bench.tracing [--rounds 5] [--alone]

First with the numerics left out, three boxes in one process: CPU-microseconds per box and tick that the box spends, and
that the driver spends on writing the Parquet parts. CPU time, so a loaded machine makes it little worse. Then (unless
--alone) whole runs of four boxes over sockets, recorded as by the command; the modes take turns.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from typing import Any

from bench.measure import in_processes, save
from bench.overhead import null_numerics, setting
from dni_actors.config.run import RunConfig
from dni_actors.observe.standing import Standing
from dni_actors.record.recorder import Recorder
from dni_actors.record.storage import Storage
from dni_actors.record.traces import TraceTable
from dni_actors.runtime import Runtime, started
from dni_actors.runtime.inline import Chain

MODES = ("off", "sampled", "full")
SIZES = {"32 x 64": (32, 64, 8000), "128 x 256": (128, 256, 1500)}


def alone(mode: str, ticks: int, told: Any) -> None:
    """(CPU seconds per box and tick in the box, and in the driver)."""
    null_numerics()
    config = setting(ticks).replace(trace=mode)
    chain, driver = Chain(config), 0.0
    with tempfile.TemporaryDirectory() as folder:
        traces = TraceTable(Storage.of(folder))
        for _ in turns(chain):
            began = time.process_time()
            for status in chain.statuses():
                traces.take(status.box, 0, "node", status.trace.rows)
            traces.flush()
            driver += time.process_time() - began
    boxes = sum(stepper.status().cpu_seconds for stepper in chain.steppers)
    told.put((mode, boxes / ticks / config.boxes, driver / ticks / config.boxes))


def turns(chain: Chain) -> Any:
    """Yields after every thousand ticks, and at the end."""
    last = 0
    for _ in chain.turns():
        if chain.steppers[0].tick - last >= 1000:
            last = chain.steppers[0].tick
            yield
    yield


def measured(running: Runtime, config: RunConfig) -> tuple[float, float]:
    """(ticks per second, CPU seconds of the boxes per tick)."""
    recorder = Recorder(config)
    standing = Standing(recorder.config)
    with closing(running.run(recorder.config)) as events:
        for event in events:
            standing.take(event)
            recorder.take(event, standing)
    recorder.close(standing, "finished", None)
    return standing.ticks_per_second, sum(status.cpu_seconds for status in standing.statuses) / config.ticks


def runs(rounds: int) -> dict[str, dict[str, list[tuple[float, float]]]]:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with tempfile.TemporaryDirectory() as storage:
        base = RunConfig.of(task="rows", boxes=4, lag=3, evaluate_every=0, storage=storage, console="quiet")
        with started(base) as running:
            for size, (batch, hidden, ticks) in SIZES.items():
                of_size = found.setdefault(size, {})
                for n in range(rounds):
                    for mode in MODES:
                        fields = {"batch": batch, "hidden": hidden, "ticks": ticks, "trace": mode}
                        name = f"{batch}-{hidden}-{mode}-{n}"
                        of_size.setdefault(mode, []).append(measured(running, base.replace(name=name, **fields)))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--ticks", type=int, default=5000, help="of the boxes without numerics")
    options.add_argument("--alone", action="store_true", help="the boxes without numerics only")
    chosen = options.parse_args()
    bare: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    for _ in range(chosen.rounds):
        for mode in MODES:
            _, *told = in_processes(alone, [(mode, chosen.ticks)])[0]
            bare[mode].append((told[0], told[1]))
    base = statistics.median(box for box, _ in bare["off"])
    for mode, several in bare.items():
        box, driver = (statistics.median(one[i] for one in several) * 1e6 for i in (0, 1))
        print(f"without numerics  {mode:8} box {box:6.1f} us a tick ({box - base * 1e6:+.1f}), driver {driver:.1f} us")
    found = {} if chosen.alone else runs(chosen.rounds)
    for size, modes in found.items():
        rate, cpu = (statistics.median(run[i] for run in modes["off"]) for i in (0, 1))
        for mode, several in modes.items():
            mine, its = (statistics.median(run[i] for run in several) for i in (0, 1))
            told = (
                f"{mine:7.1f} ticks/s ({mine / rate - 1:+.1%}), {its * 1e3:.3f} ms of CPU a tick ({its / cpu - 1:+.1%})"
            )
            print(f"{size:9}  {mode:8} {told}")
    save("tracing", {"rounds": chosen.rounds, "cpu_seconds_per_box_and_tick": bare, "runs": found})


if __name__ == "__main__":
    main()
