"""What does a message cost? CPU-microseconds and rate of one hop between two processes, by size and by wire.

    python -m bench.messages [--rounds 5]

Two processes play ball: a hidden state there, a gradient back, one at a time. A hop's CPU time is that of both
processes, all their threads, over the number of hops. The floor is a bare socket pair of multiprocessing.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench.measure import cpu_seconds, in_processes, save
from dni_actors.box.messages import Gradient, State
from dni_actors.config.run import RunConfig
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import Spec
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.cluster.cluster import cluster
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.links import Links
from dni_actors.runtime.wires.ray_calls import RayCalls
from dni_actors.runtime.wires.wire import Wire
from dni_actors.runtime.wires.zeromq import Keys

SHAPES = {8: (32, 64), 64: (128, 128), 128: (128, 256), 512: (256, 512)}  # KiB: float32 arrays
HOPS = {8: 6000, 64: 4000, 128: 3000, 512: 1000}
WARM = 200
WIRES = ("stream", "zmq ipc", "zmq tcp", "zmq tcp+CURVE", "bare socket")


class Player:
    """One end: throws back what it catches."""

    def __init__(self, direction: int, shape: tuple[int, int]) -> None:
        self._direction = direction
        channel = Channel.STATE if direction > 0 else Channel.GRADIENT
        ones = np.ones(shape, np.float32)
        self._message = Message(Kind.DATA, channel, 0, 0, State(ones) if direction > 0 else Gradient(ones))
        self.caught, self.greeted = 0, False
        self.wire: Wire

    def catch(self, message: Message) -> None:
        self.caught += message.kind is Kind.DATA
        self.greeted |= message.kind is Kind.HELLO

    def throw(self) -> None:
        self.wire.carry(self._direction, self._message)

    def play(self, hops: int, serve: bool) -> None:
        target = self.caught + hops // 2
        while self.caught < target:
            if serve:
                self.throw()
            seen = self.caught
            while self.caught == seen:
                self.wire.wait(1.0, self._direction)
            if not serve:
                self.throw()


def end(direction: int, wire: str, size: int, folder: str, line: Connection, ball: Connection, told: Any) -> None:
    """A process with one end; `line` tells addresses and keys."""
    shape, hops = SHAPES[size], HOPS[size]
    play = bare(ball, size) if wire == "bare socket" else sockets(direction, wire, shape, folder, line)
    play(WARM, direction > 0)
    line.send(None)
    line.recv()
    began, cpu = time.perf_counter(), time.process_time()
    play(hops, direction > 0)
    told.put(((time.process_time() - cpu) / hops, hops / (time.perf_counter() - began)))
    line.send(None)
    line.recv()
    os._exit(0)


def bare(ball: Connection, size: int) -> Callable[[int, bool], None]:
    content = bytes(size * 1024)

    def play(hops: int, serve: bool) -> None:
        for _ in range(hops // 2):
            if serve:
                ball.send_bytes(content)
            ball.recv_bytes()
            if not serve:
                ball.send_bytes(content)

    return play


def sockets(
    direction: int, wire: str, shape: tuple[int, int], folder: str, line: Connection
) -> Callable[[int, bool], None]:
    player, keys = Player(direction, shape), Keys.new() if "CURVE" in wire else None
    greet = Message(Kind.HELLO, Channel.STATE, 0)
    frames = Frames(b"m" * 16, dict.fromkeys(Channel, (Spec("float32", shape),)))
    mine = player.wire = Links(int(direction < 0), frames, player.catch, lambda: mine.carry(-1, greet))
    line.send(keys.public if keys else b"")
    key = line.recv()
    if direction > 0:
        where = {"stream": f"unix://{folder}/0", "zmq ipc": f"ipc://{folder}/0"}.get(wire, "tcp://127.0.0.1:*")
        line.send(mine.listen(where, keys, key))
        line.recv()
        while not player.greeted:
            mine.wait(0.1, 1)
    else:
        address = line.recv()
        line.send(None)
        mine.connect(address, keys, key)
    return player.play


def by_sockets(wire: str, size: int) -> tuple[float, float]:
    """(CPU seconds, hops per second) of one hop."""
    context = multiprocessing.get_context("spawn")
    folder = SocketFolder(0)
    line, ball = context.Pipe(), context.Pipe()
    found = in_processes(end, [(d, wire, size, folder.path, line[d < 0], ball[d < 0]) for d in (1, -1)])
    folder.close()
    return sum(cpu for cpu, _ in found), statistics.mean(rate for _, rate in found)


class RayEnd:
    """An actor with one end; its main thread takes the calls, as a box's does."""

    def __init__(self, direction: int, size: int) -> None:
        self._player, self._direction = Player(direction, SHAPES[size]), direction

    def join(self, other: Any) -> int:
        self._player.wire = RayCalls(None if self._direction > 0 else other, other, self._player.catch)
        return os.getpid()

    def arrive(self, message: Message) -> None:
        wire = self._player.wire
        assert isinstance(wire, RayCalls)
        wire.arrive(message)

    def play(self, hops: int) -> None:
        import threading

        self._thread = threading.Thread(target=self._player.play, args=(hops, self._direction > 0))
        self._thread.start()

    def playing(self) -> bool:
        return self._thread.is_alive()


def by_ray(size: int) -> tuple[float, float]:
    import ray

    hops = HOPS[size] // 4
    remote: Any = ray.remote(RayEnd)
    ends = [remote.options(num_cpus=1).remote(direction, size) for direction in (1, -1)]
    pids = ray.get([ends[0].join.remote(ends[1]), ends[1].join.remote(ends[0])])

    def rally(n: int) -> None:
        for one in reversed(ends):
            ray.get(one.play.remote(n))
        while any(ray.get([one.playing.remote() for one in ends])):
            time.sleep(0.05)

    rally(WARM)
    began, cpu = time.perf_counter(), cpu_seconds(pids)
    rally(hops)
    found = (cpu_seconds(pids) - cpu) / hops, hops / (time.perf_counter() - began)
    for one in ends:
        ray.kill(one)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    found: dict[str, dict[int, list[tuple[float, float]]]] = {
        wire: {size: [] for size in SHAPES} for wire in (*WIRES, "Ray calls")
    }
    with cluster(RunConfig.of(boxes=2, unroll=None)):
        for _ in range(rounds):
            for size in SHAPES:
                for wire in WIRES:
                    found[wire][size].append(by_sockets(wire, size))
                found["Ray calls"][size].append(by_ray(size))
    print(f"{'CPU-microseconds (hops/s)':28}" + "".join(f"{size:>10} KiB    " for size in SHAPES))
    for wire, sizes in found.items():
        cells = []
        for several in sizes.values():
            cpu, rate = (statistics.median(values) for values in zip(*several, strict=True))
            cells.append(f"{cpu * 1e6:8.0f} ({rate:6.0f})")
        print(f"{wire:28}" + " ".join(cells))
    save("messages", {"rounds": rounds, "cpu_seconds_and_hops_per_second": found})


if __name__ == "__main__":
    main()
