"""A slow link between two network namespaces: what leaves one host reaches the other a while later, or never.

    python -m tests.cluster.link NAMESPACE ADDRESS NAMESPACE ADDRESS --delay-ms 50 --loss 0.0001

It makes a TUN device `wire` in each, and carries packets between them until it is ended; `up` on its output tells when
it does. (tc netem does the same in the kernel, but not every kernel has it.) Needs root.
"""

import argparse
import ctypes
import errno
import fcntl
import os
import random
import struct
import subprocess
import threading
import time
from collections import deque

SET_INTERFACE, TUN, NO_HEADER = 0x400454CA, 0x0001, 0x1000
NEW_NETWORK = 0x40000000
LONGEST = 65_536


def device(namespace: str, address: str) -> int:
    """Makes the device in a namespace; its file."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        if libc.setns(there.fileno(), NEW_NETWORK):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        try:
            file = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(file, SET_INTERFACE, struct.pack("16sH22x", b"wire", TUN | NO_HEADER))
        finally:
            libc.setns(home.fileno(), NEW_NETWORK)
    for words in (f"address add {address}/24 dev wire", "link set wire up", "link set lo up"):
        subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
    return file


class Direction:
    """Carries packets from one device's file to the other's, in a thread that reads and one that writes."""

    def __init__(self, source: int, target: int, delay: float, loss: float, seed: int) -> None:
        self._source, self._target, self._delay, self._loss = source, target, delay, loss
        self._rng = random.Random(seed)
        self._flying: deque[tuple[float, bytes]] = deque()
        self._news = threading.Semaphore(0)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._write, daemon=True).start()

    def _read(self) -> None:
        while True:
            packet = os.read(self._source, LONGEST)
            if self._loss and self._rng.random() < self._loss:
                continue
            self._flying.append((time.monotonic() + self._delay, packet))
            self._news.release()

    def _write(self) -> None:
        while True:
            self._news.acquire()
            due, packet = self._flying.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                os.write(self._target, packet)
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EINVAL, errno.ENOBUFS):  # it is down: the packet is lost
                    raise


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("hosts", nargs=4)
    options.add_argument("--delay-ms", type=float, default=0.0)
    options.add_argument("--loss", type=float, default=0.0)
    chosen = options.parse_args()
    left, left_address, right, right_address = chosen.hosts
    one, other = device(left, left_address), device(right, right_address)
    Direction(one, other, chosen.delay_ms / 1000, chosen.loss, 1)
    Direction(other, one, chosen.delay_ms / 1000, chosen.loss, 2)
    print("up", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
