"""What does Python itself cost? CPU-microseconds per box and tick with the numerics left out, without and with sockets.

    python -m bench.overhead [--ticks 20000] [--rounds 5]

Null numerics: every method of a time box that computes returns at once, messages keep their size (32 x 64 float32, 8 KiB).
`inline`: three boxes in one process. `sockets`: three boxes, a process each, over ZeroMQ's ipc; all threads count, ZeroMQ's
own among them. Both are CPU time, so a loaded machine makes them little worse.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from dni_actors.box.time_box import TimeBox
from dni_actors.config import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread
from dni_actors.runtime.loop import Loop
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.zeromq import ZeroMQ

BOXES = 3
OUT = Path(__file__).with_name("results") / "overhead.json"


def null_numerics() -> None:
    """Takes the arithmetic out of every time box of this process."""
    array = np.zeros((32, 64), np.float32)
    nothing: dict[str, Any] = {
        "load": lambda self, n, piece=None: None,
        "train_synthesizer": lambda self, n, gradient, stashed: None,
        "forward": lambda self, h_in, piece=0: array,
        "synthesize": lambda self, n: array,
        "backward": lambda self, d_out, piece=0: array,
        "update": lambda self, n, piece=None: None,
        "verify": lambda self, n: None,
        "score": lambda self, chunk, h_in, piece: array,
        "judge": lambda self, piece: (1, 1, 0.0),
    }
    for name, method in nothing.items():
        setattr(TimeBox, name, method)


def setting(ticks: int) -> RunConfig:
    return RunConfig.of(task="rows", boxes=BOXES, batch=32, hidden=64, ticks=ticks, lag=4, evaluate_every=0)


def inline(ticks: int, told: Any) -> None:
    null_numerics()
    chain = Chain(setting(ticks))
    began = time.process_time()
    chain.run()
    told.put((time.process_time() - began) / ticks / BOXES)


def box(k: int, ticks: int, folder: str, told: Any) -> None:
    null_numerics()
    config = setting(ticks)
    with single_blas_thread():
        loop = Loop(config, k)
        wire = loop.wire = ZeroMQ(k, Frames(b"b" * 16, (32, 64), "float32"), loop.stepper.deliver, loop.connected)
        if k < BOXES - 1:
            wire.listen(f"ipc://{folder}/{k}")
        if k:
            wire.connect(f"ipc://{folder}/{k - 1}")
        began = time.process_time()
        loop.start()
        while loop.report().digest is None:
            time.sleep(0.05)
        told.put((time.process_time() - began) / ticks)
        time.sleep(0.5)  # the others may still ask


def sockets(ticks: int) -> float:
    folder = SocketFolder()
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    boxes = [context.Process(target=box, args=(k, ticks, folder.path, told)) for k in range(BOXES)]
    for process in boxes:
        process.start()
    found = [told.get() for _ in boxes]
    for process in boxes:
        process.join()
    folder.close()
    return statistics.mean(found)


def alone(ticks: int) -> float:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=inline, args=(ticks, told))
    process.start()
    process.join()
    return float(told.get())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ticks", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    seconds: dict[str, list[float]] = {"inline": [], "sockets": []}
    for _ in range(chosen.rounds):
        seconds["inline"].append(alone(chosen.ticks))
        seconds["sockets"].append(sockets(chosen.ticks))
    for name, several in seconds.items():
        print(f"{name:10} {statistics.median(several) * 1e6:6.0f} CPU-microseconds per box and tick")
    OUT.write_text(json.dumps({"rounds": chosen.rounds, "seconds_per_box_and_tick": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
