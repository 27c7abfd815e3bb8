"""The Ray runtime: starts the boxes, watches them, and takes all of them to the last complete cut when one is lost.

One act serves every fault: a box that died or hangs is started again (anywhere), the run's incarnation goes up, and
every box, dead or alive, goes on from the last complete cut; messages of an earlier incarnation are dropped. The lag
would have stopped the others soon, so what is done again is a few seconds' work, and it comes to the same bits. When a
private Ray is gone, all boxes are, and Ray is started again first.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial

from dni_actors.box.errors import BoxDiedError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Lost, Warned
from dni_actors.protocol.cut import Cuts, NoCuts
from dni_actors.runtime import Runtime
from dni_actors.runtime.cluster.below import RayBelow, RayLostError, Room
from dni_actors.runtime.cluster.cluster import cluster
from dni_actors.runtime.driver import prometheus
from dni_actors.runtime.driver.actors import Actors, Deaths
from dni_actors.runtime.driver.pool import Pool
from dni_actors.runtime.driver.watch import Watch
from dni_actors.runtime.kernels import cores

BACK_OFF = 30.0  # seconds, at most, before a box is started again that dies whenever it is


@contextmanager
def started(config: RunConfig) -> Iterator[Runtime]:
    """See the package's docstring. Boxes' processes of one run serve the next."""
    with cluster(config) as below:
        pool, room = Pool(below), below.room
        try:
            yield Runtime(partial(run, pool), cores=cores() if room.private else room.cpus * config.boxes)
        finally:
            if not room.private:  # where they end with Ray
                pool.close()


def run(pool: Pool, config: RunConfig, cuts: Cuts | None = None) -> Generator[Event]:
    kept: Cuts = cuts or NoCuts()
    below, cut = pool.below, kept.newest()
    actors, mending = Actors(config, pool), Mending(config.execution.max_restarts)
    cautious = True
    try:
        while True:
            first = cut[0].tick if cut else 0
            watch = Watch(config, actors, first)
            try:
                yield from actors.begin()
                if cautious:
                    cautious = False
                    yield from cautions(below.room, actors, kept.marker)
                    yield from prometheus.cautions(config)
                yield actors.stand(cut)
                yield from watch.statuses()
                return
            except (Deaths, RayLostError) as error:
                errors, lost = whose(error, below, config.boxes)
                if lost is None:
                    actors.hold()
                else:
                    actors.forget()
                    pool.forget()
                pause = 0.0
                for one in errors:
                    at = BoxDiedError(one.box, watch.ticks[one.box], one.cause)
                    pause = max(pause, mending.lost(at, first))
                    yield Lost(one.box, at.cause)
                time.sleep(pause)
                if lost is None:
                    for one in errors:
                        actors.replace(one.box)
                else:
                    below.renew()
                cut = kept.newest()
    finally:
        actors.end(rest=not isinstance(sys.exception(), KeyboardInterrupt))


def whose(error: Deaths | RayLostError, below: RayBelow, boxes: int) -> tuple[list[BoxDiedError], RayLostError | None]:
    """Which boxes are lost, and whether that is because all of Ray is."""
    try:
        below.check()
    except RayLostError as lost:
        error = lost
    if isinstance(error, RayLostError):
        return [BoxDiedError(k, 0, f"{error}: it is started again, with all boxes") for k in range(boxes)], error
    return list(error.errors), None


def cautions(room: Room, actors: Actors, marker: str | None) -> Iterator[Warned]:
    """What one should know of this cluster. Nodes that do not see the marker do not have the run's folder."""
    if room.private:
        return
    if not room.guarded:
        problem = "the cluster asks for no token: anyone who can reach it can run code on its nodes"
        yield Warned(f"{problem}; set RAY_AUTH_MODE=token where Ray is started (docs/security.md)")
    blind = [] if marker is None else actors.blind(marker)
    if marker is not None and blind:
        others = f"{blind[0]} and {len(blind) - 1} more nodes do" if len(blind) > 1 else f"node {blind[0]} does"
        problem = f"{others} not see {os.path.dirname(marker)}: cuts and result are kept on the driver's node alone"
        yield Warned(f"{problem}, and lost with it; --storage on a shared disk, or s3://..., outlives every node")


class Mending:
    """How often boxes were lost, and whether it is worth while to go on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._losses: Counter[int] = Counter()
        self._in_vain: Counter[int] = Counter()
        self._stood_at = -1

    def lost(self, error: BoxDiedError, tick: int) -> float:
        """Box lost in a chain that had gone on from `tick`: seconds to wait before it is started again.

        Raises the error when it was lost too often.
        """
        if tick > self._stood_at:  # there was progress since the last loss
            self._in_vain.clear()
        self._stood_at = tick
        self._losses[error.box] += 1
        if self._losses[error.box] > self._most:
            again = f"restarts left: 0 of {self._most} (--max-restarts)"
            problem = f"{error.cause}; {again}; the same command with --resume goes on from the last complete cut"
            raise BoxDiedError(error.box, error.tick, problem)
        self._in_vain[error.box] += 1
        vain = self._in_vain[error.box] - 1
        return min(BACK_OFF, 2.0 ** (vain - 1)) if vain else 0.0
