"""Wires up a run's boxes by sockets: files between neighbours on one node, TCP between nodes."""

import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Place
from dni_actors.observe.links import KINDS
from dni_actors.runtime.cluster.below import RayBelow

_numbers = itertools.count()  # of folders in private ones: a name is used once, and short


class Sockets:
    """Of the boxes of a run; each lets in its right neighbour only."""

    def __init__(self, config: RunConfig, below: RayBelow) -> None:
        self._ring = config.streaming is not None
        self._files = config.execution.wire_security == "auto"
        self._scheme = "unix" if config.execution.wire == "sockets" else "ipc"
        self._below = below
        self._folder = ""

    def open(
        self, actors: Sequence[Any], places: Sequence[Place], keys: Sequence[bytes], all_: Callable[..., list[Any]]
    ) -> tuple[str, ...]:
        """`keys`: public ones; `all_` gathers the answers to calls. The kind of link that each boundary has got."""
        self.close()
        boundaries = [*pairwise(places), *([(places[-1], places[0])] if self._ring else [])]
        near = [left.node == right.node for left, right in boundaries]
        folders: dict[str, str] = {}
        wheres = []
        for k, (left, _) in enumerate(boundaries):
            host = f"[{left.address}]" if ":" in left.address else left.address
            file = near[k] and self._files
            if file and left.node not in folders:
                private = self._below.room.private
                folders[left.node] = self._make() if private else all_([actors[k].folder.remote()], first=k)[0]
            wheres.append(f"{self._scheme}://{folders[left.node]}/{k:03}" if file else f"tcp://{host}:*")
        nobody = (None, b"", True)
        rights = [*zip(wheres, [*keys[1:], keys[0]], near, strict=False), *([] if self._ring else [nobody])]
        addresses = all_([a.listen.remote(*right) for a, right in zip(actors, rights, strict=True)])
        lefts = [*zip(addresses, keys, near, strict=False)]
        lefts = [lefts[-1] if self._ring else nobody, *lefts[: len(places) - 1]]
        all_([a.connect.remote(*left) for a, left in zip(actors, lefts, strict=True)])
        return tuple(KINDS[address.partition(":")[0]] for address in addresses if address is not None)

    def _make(self) -> str:
        self._folder = f"{self._below.room.folder}/{next(_numbers)}"
        os.mkdir(self._folder, 0o700)
        return self._folder

    def close(self) -> None:
        """The private folder is gone at once; others go with the boxes that made them."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
