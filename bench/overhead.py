"""What does Python itself cost? CPU-microseconds per box and tick with the numerics left out, without and with sockets.

    python -m bench.overhead [--ticks 20000] [--rounds 5]

Null numerics: every method of a time box that computes returns at once; messages keep their size (32 x 64 float32).
`inline`: three boxes in one process. `sockets`: three boxes, a process each, over the system's stream sockets, the
default between boxes of a node; `ZeroMQ`: over its socket files. All threads count, those of ZeroMQ among them.
All are CPU time, so a loaded machine makes them little worse.

Then, at 128 x 256: four boxes inline on one core beside the arithmetic alone, the same products and element-wise
operations in a bare loop.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.measure import in_processes, save
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.protocol.layout import layout
from dni_actors.protocol.schedule import TRACED
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.links import Links
from dni_actors.runtime.worker.loop import Loop

BOXES = 3


def null_numerics() -> None:
    """Takes the arithmetic out of every time box of this process."""
    array = np.zeros((32, 64), np.float32)
    nothing: dict[str, Any] = {
        "load": lambda self, n, piece=None: None,
        "learn": lambda self, n, answer: None,
        "forward": lambda self, h_in, piece=0: array,
        "synthesize": lambda self, n, piece=0: (array, array),
        "backward": lambda self, d_out, piece=0: array,
        "update": lambda self, n, piece=None: None,
        "verify": lambda self, n: None,
    }
    for name, method in nothing.items():
        setattr(TimeBox, name, method)


def setting(ticks: int) -> RunConfig:
    return RunConfig.of(
        task="rows", boxes=BOXES, batch=32, hidden=64, ticks=ticks, lag=4, evaluate_every=0, local_readout=False
    )


def inline(ticks: int, told: Any) -> None:
    null_numerics()
    chain = Chain(setting(ticks))
    began = time.process_time()
    chain.run()
    told.put((time.process_time() - began) / ticks / BOXES)


def box(k: int, ticks: int, scheme: str, folder: str, told: Any) -> None:
    null_numerics()
    config = setting(ticks)
    with single_blas_thread():
        loop = Loop(config, k)
        wire = loop.wire = Links(k, Frames(b"b" * 16, layout(config)), loop.deliver, loop.connected)
        if k < BOXES - 1:
            wire.listen(f"{scheme}://{folder}/{k}")
        if k:
            wire.connect(f"{scheme}://{folder}/{k - 1}")
        began = time.process_time()
        loop.start()
        while loop.status().digest is None:
            time.sleep(0.05)
        told.put((time.process_time() - began) / ticks)
        time.sleep(0.5)  # the others may still ask


def sockets(ticks: int, scheme: str) -> float:
    folder = SocketFolder(0)
    found = in_processes(box, [(k, ticks, scheme, folder.path) for k in range(BOXES)])
    folder.close()
    return statistics.mean(found)


def apart(job: Any, ticks: int) -> float:
    """What a function tells that runs in a process of its own."""
    return float(in_processes(job, [(ticks,)])[0])


def whole_inline(ticks: int, told: Any) -> None:
    """Seconds per tick of four boxes at 128 x 256, by the inline runtime, in the middle of a run: its first ticks are
    all traced, and a run of so few ticks would have a row of the metrics for each of them."""
    config = RunConfig.of(
        task="rows", boxes=4, batch=128, hidden=256, ticks=1250, lag=3, evaluate_every=0, local_readout=False
    )
    with single_blas_thread():
        chain = Chain(config)
        turns = chain.turns()
        advance(chain, turns, TRACED)
        began = time.process_time()
        advance(chain, turns, TRACED + ticks)
        told.put((time.process_time() - began) / ticks)


def advance(chain: Chain, turns: Iterator[None], until: int) -> None:
    while chain.steppers[-1].tick < until:
        next(turns)


def bare(ticks: int, told: Any) -> None:
    """The same arithmetic, no time boxes: forward, backward, weight gradients, Adam; the synthesizer and its Adam."""
    steps, batch, inputs, hidden, seen, classes = 7, 128, 29, 256, 256 + 10 + 1, 10
    rng = np.random.default_rng(0)

    def array(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(np.float32) / 16

    def adam(w: Any, g: Any, m: Any, v: Any, a: Any, b: Any) -> None:
        np.multiply(m, 0.9, out=m)
        np.add(m, np.multiply(g, 0.1, out=a), out=m)
        np.multiply(v, 0.999, out=v)
        np.multiply(g, g, out=a)
        np.add(v, np.multiply(a, 0.001, out=a), out=v)
        np.add(np.sqrt(v, out=a), 1e-8, out=a)
        np.divide(m, a, out=b)
        np.subtract(w, np.multiply(b, 1e-3, out=b), out=w)

    def box(last: bool) -> Any:
        x, h, p, d = array(steps, batch, inputs), array(steps + 1, batch, hidden), array(steps, batch, hidden), None
        d = array(steps, batch, hidden)
        size = inputs * hidden + hidden * hidden
        flat = [np.abs(array(size)) for _ in range(6)]
        w_x, w_h = (part.reshape(-1, hidden) for part in np.split(flat[0], [inputs * hidden]))
        g_x, g_h = (part.reshape(-1, hidden) for part in np.split(flat[1], [inputs * hidden]))
        w_t, carried, out = array(hidden, hidden), array(batch, hidden), array(batch, hidden)
        z, received, old = array(batch, seen), array(batch, hidden), array(batch, seen)
        s = [np.abs(array(seen * hidden)) for _ in range(6)]
        w_s, g_s = s[0].reshape(seen, hidden), s[1].reshape(seen, hidden)
        v, logits = array(hidden, classes), array(batch, classes)

        def tick() -> None:
            if not last:
                np.matmul(old, w_s, out=out)
                for one, other in ((out, out), (received, received), (out, received)):
                    np.vdot(one, other)
                np.subtract(out, received, out=out)
                np.divide(out, batch, out=out)
                np.matmul(old.T, out, out=g_s)
                np.vdot(g_s, g_s)
                np.vdot(old, old)
                adam(*s)
            np.matmul(x.reshape(-1, inputs), w_x, out=p.reshape(-1, hidden))
            for t in range(steps):
                np.matmul(h[t], w_h, out=h[t + 1])
                np.add(h[t + 1], p[t], out=h[t + 1])
                np.tanh(h[t + 1], out=h[t + 1])
            if last:
                np.matmul(h[-1], v, out=logits)
                np.matmul(logits, v.T, out=out)
            else:
                z[:, :hidden] = h[-1]
                np.matmul(z, w_s, out=out)
            np.copyto(w_t, w_h.T)
            back = out
            for t in reversed(range(steps)):
                np.multiply(h[t + 1], h[t + 1], out=d[t])
                np.subtract(1, d[t], out=d[t])
                np.multiply(d[t], back, out=d[t])
                np.matmul(d[t], w_t, out=carried)
                back = carried
            np.matmul(x.reshape(-1, inputs).T, d.reshape(-1, hidden), out=g_x)
            np.matmul(h[:-1].reshape(-1, hidden).T, d.reshape(-1, hidden), out=g_h)
            np.divide(flat[1], batch, out=flat[1])
            np.vdot(flat[1], flat[1])
            adam(*flat)

        return tick

    with single_blas_thread(), np.errstate(all="ignore"):
        ticks_of = [box(last=k == 3) for k in range(4)]
        began = time.process_time()
        for _ in range(ticks):
            for one in ticks_of:
                one()
        told.put((time.process_time() - began) / ticks)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ticks", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    names = ("inline", "sockets", "ZeroMQ", "inline 128x256", "bare 128x256")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(chosen.rounds):
        seconds["inline"].append(apart(inline, chosen.ticks))
        seconds["sockets"].append(sockets(chosen.ticks, "unix"))
        seconds["ZeroMQ"].append(sockets(chosen.ticks, "ipc"))
        seconds["inline 128x256"].append(apart(whole_inline, 100))
        seconds["bare 128x256"].append(apart(bare, 100))
    medians = {name: statistics.median(several) for name, several in seconds.items()}
    for name in ("inline", "sockets", "ZeroMQ"):
        print(f"null numerics, {name:8} {medians[name] * 1e6:6.0f} CPU-microseconds per box and tick")
    whole, arithmetic = medians["inline 128x256"], medians["bare 128x256"]
    print(
        f"128x256, four boxes inline {whole * 1e3:.2f} ms per tick, the arithmetic alone {arithmetic * 1e3:.2f} ms:",
        end=" ",
    )
    print(f"{whole / arithmetic:.3f} times")
    save("overhead", {"rounds": chosen.rounds, "seconds": seconds})


if __name__ == "__main__":
    main()
