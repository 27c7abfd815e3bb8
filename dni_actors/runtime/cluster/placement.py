"""Where the boxes of a run go on a cluster: a placement group of Ray's, a bundle a box.

Ray finds the nodes, asks an autoscaler for more if there is one, and finds other nodes for what a lost one held. All
bundles are alike, so boxes are dealt out such that neighbours share a node wherever the group allows it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from dni_actors.box.errors import RuntimeUnavailableError
from dni_actors.observe.events import Warned
from dni_actors.runtime.cluster.below import Room

TELL_AFTER = 3.0  # seconds of waiting before it is told
GLANCE = 0.5  # seconds between two looks
OWN_OPTIONS = {"GPU": "num_gpus", "memory": "memory"}  # an actor is given these by options of their own


class Placement:
    """The places of a run's boxes. In a private Ray there is but one node, and nothing to reserve."""

    def __init__(self, room: Room, boxes: int, name: str) -> None:
        self._room, self._boxes = room, boxes
        self._group: Any = None
        self._bundles = list(range(boxes))  # of each box
        if not room.private:
            from ray.util import placement_group

            bundle = {"CPU": room.cpus, **room.resources}
            strategy = room.strategy.upper().replace("-", "_")
            self._group = placement_group([bundle] * boxes, strategy, name=name)

    def options(self, k: int) -> dict[str, Any]:
        """Of box k's actor."""
        given: dict[str, Any] = {"num_cpus": self._room.cpus}
        if self._group is None:
            return given
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        place = PlacementGroupSchedulingStrategy(self._group, self._bundles[k])
        own = {OWN_OPTIONS[name]: amount for name, amount in self._room.resources.items() if name in OWN_OPTIONS}
        others = {name: amount for name, amount in self._room.resources.items() if name not in OWN_OPTIONS}
        return given | own | {"resources": others or None, "scheduling_strategy": place}

    def serves(self, boxes: int) -> bool:
        """Whether so many boxes may have these places."""
        return self._group is None or boxes == self._boxes

    @property
    def whole(self) -> bool:
        """Whether every box has a place."""
        return self._group is None or self._table()["state"] == "CREATED"

    def reserve(self) -> Iterator[Warned]:
        """Until every box has a place, and which; tells what is waited for. RuntimeUnavailableError after too long."""
        yield from (warning for warning in self.patiently(self._comes) if warning is not None)
        if self._group is not None:
            nodes = self._nodes()
            first = {node: bundle for bundle, node in sorted(nodes.items(), reverse=True)}
            self._bundles.sort(key=lambda bundle: (first[nodes[bundle]], bundle))

    def _comes(self) -> bool:
        """`whole`, after a while at most."""
        return self._group is None or bool(self._group.wait(GLANCE))

    def patiently(self, settled: Callable[[], bool]) -> Iterator[Warned | None]:
        """Until `settled()`, which takes its time; yields None after each look. That a box has no place is told, and
        not waited for for ever."""
        since, warned = time.monotonic(), False
        while not settled():
            yield None
            if self.whole:
                since, warned = time.monotonic(), False
                continue
            waited = time.monotonic() - since
            if waited > self._room.patience:
                raise RuntimeUnavailableError(f"{self._lacking()}, and none came within {waited:.0f} s; {REMEDY}")
            if waited > TELL_AFTER and not warned:
                warned = True
                yield Warned(
                    f"{self._lacking()}: waiting for it, up to {self._room.patience:.0f} s (--placement-timeout)"
                )

    def _table(self) -> dict[str, Any]:
        from ray.util import placement_group_table

        table: dict[str, Any] = placement_group_table(self._group)
        return table

    def _nodes(self) -> dict[int, str]:
        """Of the bundles that have one."""
        return {bundle: node for bundle, node in self._table()["bundles_to_node_id"].items() if node}

    def _lacking(self) -> str:
        """What there is no room for."""
        import ray

        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        placed = {bundle for bundle, node in self._nodes().items() if node in alive}
        homeless = [k for k, bundle in enumerate(self._bundles) if bundle not in placed]
        which = f"box {homeless[0]}" if len(homeless) == 1 else f"{len(homeless) or self._boxes} of {self._boxes} boxes"
        needed = {"CPU": self._room.cpus, **self._room.resources}
        needs = " and ".join(f"{amount:g} {name}" for name, amount in needed.items())
        have = ray.cluster_resources().get("CPU", 0.0)
        where = f"the cluster ({len(alive)} nodes, {have:g} CPUs)"
        return f"{where} has no room for {which} of {needs} each ({self._room.strategy})"

    def close(self) -> None:
        if self._group is not None:
            from ray.util import remove_placement_group

            with suppress(Exception):  # Ray is gone already, and the group with it
                remove_placement_group(self._group)


REMEDY = (
    "add nodes, free some, use fewer --boxes, fewer CPUs each (--cpus-per-box 0.5) or another --placement, "
    "or wait longer (--placement-timeout)"
)
