"""How fast? Mini-batches per second of a tanh RNN on 28 x 28 inputs, ours beside other frameworks, on this machine.

    python -m bench.throughput [--rounds 5] [--sizes 32x64 128x256] [--cell lstm]

Ours, without local read-outs, as the rivals have none: 4 boxes of 7 steps and 2 of 14, over sockets (those of the
system, or all of ZeroMQ), over Ray calls, in one process; `locked` and GPipe are the same boxes in lock-step. Rivals
train one RNN, uncut (bench/rivals): PyTorch with 1 and 2 threads, eager and compiled, JAX, NumPy in one process and
data-parallel in two. The limit is two inline processes at once: perfect use of two cores. With `--cell lstm`, ours and
PyTorch's.
"""

import argparse
import multiprocessing
import time
from functools import partial

import numpy as np

from bench.measure import Contender, Figure, median, ours, rival_figure, save, take_turns
from dni_actors.config.run import RunConfig
from dni_actors.runtime import Runtime, inline, started
from dni_actors.runtime.kernels import single_blas_thread

SIZES = {"32x64": (32, 64, 2000), "128x128": (128, 128, 700), "128x256": (128, 256, 250), "256x512": (256, 512, 50)}
LAG = 3


def setting(size: str, boxes: int, **fields: object) -> RunConfig:
    batch, hidden, ticks = SIZES[size]
    chosen = {"batch": batch, "hidden": hidden, "ticks": ticks, "lag": LAG, "evaluate_every": 0, "local_readout": False}
    return RunConfig.lenient(task="rows", boxes=boxes, **(chosen | fields))


def one_process(config: RunConfig, go: object, told: object) -> None:
    with inline.started() as running:
        go.wait()  # type: ignore[attr-defined]
        told.put(ours(running, config))  # type: ignore[attr-defined]


def at_once(config: RunConfig, processes: int) -> Figure:
    """So many inline runs at the same time, added up; CPU seconds per mini-batch of one."""
    context = multiprocessing.get_context("spawn")
    go, told = context.Barrier(processes), context.SimpleQueue()
    started = [context.Process(target=one_process, args=(config, go, told)) for _ in range(processes)]
    for process in started:
        process.start()
    figures = [told.get() for _ in started]
    for process in started:
        process.join()
    return Figure(sum(f.rate for f in figures), figures[0].cpu, sum(f.overlap for f in figures))


def on_ray(size: str, running: Runtime, cell: str) -> dict[str, Contender]:
    of = partial(setting, size, cell=cell)
    return {
        "ours, 4 boxes": partial(ours, running, of(4)),
        "ours, 2 boxes": partial(ours, running, of(2)),
        "ours, 4 boxes, ZeroMQ": partial(ours, running, of(4, wire="zmq")),
        "ours, 2 boxes, ZeroMQ": partial(ours, running, of(2, wire="zmq")),
        "ours, 4 boxes, Ray calls": partial(ours, running, of(4, wire="ray")),
        "locked, 4 boxes": partial(ours, running, of(4, update="locked")),
        "GPipe of 4, 4 boxes": partial(ours, running, of(4, update="locked", micro_batches=4)),
        "GPipe of 4, 2 boxes": partial(ours, running, of(2, update="locked", micro_batches=4)),
    }


def without_ray(size: str, cell: str) -> dict[str, Contender]:
    batch, hidden, ticks = SIZES[size]
    flags = ("--batch", batch, "--hidden", hidden, "--mini-batches", ticks)
    four, two = (setting(size, boxes, runtime="inline", cell=cell) for boxes in (4, 2))
    found: dict[str, Contender] = {
        "limit, 4 boxes": partial(at_once, four, 2),
        "limit, 2 boxes": partial(at_once, two, 2),
        "ours, 4 boxes, inline": partial(at_once, four, 1),
    }
    for threads in (1, 2):
        for form in ("--no-compiled", "--compiled"):
            name = f"PyTorch, {threads} thread{'s' * (threads - 1)}{', compiled' * (form == '--compiled')}"
            of = ("--threads", threads, "--cell", cell, form)
            found[name] = partial(rival_figure, "torch_bptt", *flags, *of)
    if cell != "rnn":
        return found
    found |= {
        "NumPy, 1 process": partial(rival_figure, "data_parallel", *flags, "--processes", 1),
        "NumPy, data-parallel in 2": partial(rival_figure, "data_parallel", *flags, "--processes", 2),
    }
    for threads in (1, 2):
        name = f"JAX, {threads} thread{'s' * (threads - 1)}"
        found[name] = partial(rival_figure, "jax_bptt", *flags, "--threads", threads, "--unroll", 28)
    return found


def sgemm_peak(told: object) -> None:
    with single_blas_thread():
        a = np.ones((1024, 1024), np.float32)
        best = min(timed(a) for _ in range(20))
    told.put(2 * 1024**3 / best)  # type: ignore[attr-defined]


def timed(a: np.ndarray) -> float:
    began = time.perf_counter()
    a @ a
    return time.perf_counter() - began


def two_peaks() -> float:
    """Floating-point operations per second of matrix products, two processes at once, added up."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    started = [context.Process(target=sgemm_peak, args=(told,)) for _ in range(2)]
    for process in started:
        process.start()
    total = sum(told.get() for _ in started)
    for process in started:
        process.join()
    return float(total)


def operations(batch: int, hidden: int) -> int:
    """Of the matrix products of one mini-batch: projection, recurrence, its transpose, and the weight gradients."""
    return 28 * 2 * batch * hidden * (29 + hidden + hidden + 29 + hidden)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    options.add_argument("--cell", choices=["rnn", "lstm"], default="rnn")
    chosen = options.parse_args()
    rows: dict[str, dict[str, list[Figure]]] = {size: {} for size in chosen.sizes}
    for n in range(chosen.rounds):
        for size in chosen.sizes:
            # Ray is down while the others run: its idle processes alone make PyTorch's two threads wait for each other.
            take_turns(without_ray(size, chosen.cell), rows[size], n)
            with started(setting(size, 4)) as running:
                take_turns(on_ray(size, running, chosen.cell), rows[size], n)
    peak = two_peaks()
    save(
        "throughput" if chosen.cell == "rnn" else f"throughput_{chosen.cell}",
        {"rounds": chosen.rounds, "sgemm_peak_of_two": peak, "figures": rows},
    )
    for size, found in rows.items():
        batch, hidden, _ = SIZES[size]
        ceiling = peak / operations(batch, hidden) / (1 if chosen.cell == "rnn" else 4)
        print(f"\n{size} (batch x hidden); matrix products alone at peak on two cores: {ceiling:.0f}/s")
        print(
            f"{'':28}{'mini-batches/s':>15}{'of the limit':>14}{'of sgemm peak':>15}{'CPU ms each':>13}{'overlap':>9}"
        )
        for name, figures in sorted(found.items(), key=lambda pair: -median(pair[1])):
            limit = median(found["limit, 2 boxes" if "2 boxes" in name else "limit, 4 boxes"])
            rate, cpu, overlap = (median(figures, field) for field in Figure._fields)
            told = f"{overlap:9.2f}" if overlap else ""
            print(f"{name:28}{rate:15.1f}{rate / limit:14.2f}{rate / ceiling:15.2f}{cpu * 1e3:13.2f}{told}")


if __name__ == "__main__":
    main()
