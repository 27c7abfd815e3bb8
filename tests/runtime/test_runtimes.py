"""What every runtime does, whatever carries its messages."""

import os
import random
import re
import signal
import socket
from collections import Counter
from contextlib import ExitStack, closing
from typing import NamedTuple

import numpy as np
import pytest
import zmq

from dni_actors import experiment
from dni_actors.box.errors import NonFiniteError
from dni_actors.box.messages import Gradient
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Row, Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime import limits, started
from dni_actors.runtime.driver import actors
from dni_actors.runtime.driver.tuning import tune
from dni_actors.runtime.wires.frames import Frames
from tests.conftest import Shared
from tests.processes import alive, eventually
from tests.runtime.wires.relays import packed

WIRES = {
    "inline": {"runtime": "inline"},
    "ray": {"wire": "ray"},
    "sockets": {},
    "zmq": {"wire": "zmq"},
    "zmq with curve": {"wire": "zmq", "wire_security": "curve"},
}
LINKS = {
    "inline": (),
    "ray": ("Ray calls",) * 2,
    "sockets": ("stream sockets",) * 2,
    "zmq": ("ZeroMQ files",) * 2,
    "zmq with curve": ("ZeroMQ with CURVE",) * 2,
}
"""between three boxes of one node"""
RING = {"streams": 2, "batch": 6, "look_ahead": 4, "evaluate_every": 0}


def setting(**fields):
    chosen = {"task": "rows", "boxes": 3, "hidden": 8, "batch": 100, "ticks": 12, "evaluate_every": 5}
    if "unroll" in fields:
        del chosen["boxes"]
    return RunConfig.of(**{**chosen, **fields})


def run(config, fresh=False):
    """Its events; in `fresh` processes, or in those that other tests use, too."""
    if config.execution.runtime == "ray" and not fresh:
        yield from Shared.running.run(config)
    else:
        with started(config) as running:
            yield from running.run(config)


def start(events):
    """The first of a run's events that tells where its boxes are."""
    return next(event for event in events if isinstance(event, Started))


def finish(config, name, rows=None, fresh=False):
    """Runs to the end: how the chain stands then, and the rows of its metrics (added to `rows`)."""
    standing, rows = Standing(config), [] if rows is None else rows
    for event in run(config.replace(**WIRES[name]), fresh):
        standing.take(event)
        rows += getattr(event, "rows", ())
    return standing, rows


@pytest.fixture(scope="module")
def inline_digest():
    known = {}

    def digest(config):
        return known.setdefault(config, finish(config, "inline")[0].digest)

    return digest


class Finished(NamedTuple):
    runtime: str
    config: RunConfig
    standing: Standing
    rows: list[Row]


@pytest.fixture(scope="module", params=WIRES)
def finished(request):
    """A run that nothing disturbs, for the tests that only look at it: over every runtime, and every wire."""
    if request.param != "inline":
        request.getfixturevalue("ray_cluster")
    config = setting(ticks=230, evaluate_every=100)
    return Finished(request.param, config, *finish(config, request.param))


def test_the_digest_is_that_of_the_inline_runtime(finished, inline_digest):
    assert finished.standing.digest == inline_digest(finished.config)


def test_what_carries_the_messages_of_each_boundary_is_told(finished):
    assert finished.standing.kinds == LINKS[finished.runtime]


def test_a_ring_has_one_link_more_and_links_on_a_node_may_be_encrypted_too(ray_cluster):
    ring = setting(**RING, unroll=[3, 2], task="text", ticks=2)
    assert finish(ring, "sockets")[0].kinds == ("stream sockets",) * 2
    assert finish(ring.replace(wire_security="curve"), "sockets")[0].kinds == ("ZeroMQ with CURVE",) * 2


def test_evaluations_are_equal_and_lie_where_they_should(finished):
    assert [e.tick for e in finished.standing.evaluations] == [100, 200, 230]
    inline, _ = finish(finished.config, "inline")
    assert repr(finished.standing.evaluations) == repr(inline.evaluations)  # where NaNs are equal


def test_rows_of_the_metrics_cover_every_tick_of_every_box(finished):
    config = finished.config
    for k in range(config.boxes):
        mine = sorted(row for row in finished.rows if row.box == k)
        covered = [n for row in mine for n in range(row.first_tick, row.last_tick + 1)]
        assert covered == list(range(230))
        assert sum(row.updates for row in mine) == 230
        assert all((row.loss is not None) == (k == 2) for row in mine)
        # The first gradients to box 0 are zero (made with box 1's untrained synthesizer): there is no cosine to tell.
        assert all(row.cosine is not None and -1 <= row.cosine <= 1 for row in mine[3:] if k < 2)
        assert all(0 <= row.slack <= config.learning.lag for row in mine[1:] if k < 2)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("sockets", {"update": "locked", "unroll": [1, 8, 2, 12, 5]}),
        ("zmq", RING | {"unroll": [3, 2], "task": "text"}),
        ("sockets", RING | {"unroll": [3, 2], "task": "text", "weights": "shared", "sync_every": 3}),
        ("sockets", {"synthesizer": "mlp1", "auxiliary": True, "lambda": 0.5, "unlock": "full"}),
        ("sockets", {"settle": True, "target_scale": True, "trust": "readout", "update_probability": 0.5}),
        ("ray", RING | {"unroll": [4], "task": "copy", "cell": "gru"}),
        ("ray", {"wire_dtype": "float16", "update": "delayed"}),
        ("ray", {"wire_dtype": "int8", "cell": "lstm"}),
        ("sockets", {"wire_dtype": "int8"}),
        ("zmq with curve", RING | {"unroll": [1, 1, 1], "task": "text", "weights": "shared", "sync_every": 3}),
    ],
    ids=str,
)
def test_the_digest_is_that_of_the_inline_runtime_for_other_chains(ray_cluster, inline_digest, name, fields):
    """Many boxes, rings, messages of every shape. (Every update rule over real sockets: wires/test_links.py.)"""
    config = setting(**fields)
    assert finish(config, name)[0].digest == inline_digest(config)


@pytest.mark.parametrize("name", ["inline", "sockets"])
def test_random_delays_everywhere_are_felt_and_leave_the_digest_alone(ray_cluster, inline_digest, name):
    """A lower bound, not a timing: with a lag of 2, every second tick waits for a link of 4 ms and back."""
    standing, rows = finish(setting(compute_delay_ms="2:6", link_delay_ms="4:10", evaluate_every=0), name)
    assert standing.digest == inline_digest(setting())
    assert 12 * 3 * 0.002 <= sum(row.delay_seconds for row in rows) <= 12 * 3 * 0.006
    assert standing.seconds >= 10 / 2 * 2 * 0.004


@pytest.mark.parametrize(("name", "kind"), [("inline", None), ("sockets", None), ("inline", "int8")])
def test_what_is_not_finite_ends_the_run_with_box_tick_and_knob(ray_cluster, name, kind):
    wild = setting(synthesizer_optimizer="sgd", synthesizer_learning_rate=1e30, wire_dtype=kind)
    rows = []
    with pytest.raises(NonFiniteError, match=r"box \d, tick \d+: .* is no longer finite; lower --") as caught:
        finish(wild, name, rows)
    covered = [row.last_tick for row in rows if row.box == caught.value.box]
    assert covered == list(range(caught.value.tick)), "every row up to the failure is told"


@pytest.mark.parametrize("name", ["inline", "sockets"])
def test_lag_auto_measures_and_then_runs_in_one_session(ray_cluster, inline_digest, name):
    config = setting(lag="auto", link_delay_ms="3", **WIRES[name])
    with started(config) as running:
        lag, round_trip, _ = tune(config, running)
        standing = Standing(config.replace(lag=lag))
        for event in running.run(config.replace(lag=lag)):
            standing.take(event)
    assert round_trip >= 0.006, "two links"
    assert standing.digest == inline_digest(setting(lag=lag))


class Dealer:
    """A ZeroMQ socket of somebody's."""

    def __init__(self, path):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.sndhwm = self._socket.linger = 0
        self._socket.connect(f"ipc://{path}")

    def send(self, frames):
        self._socket.send_multipart(frames)

    def close(self):
        self._context.destroy(linger=0)


class Stream:
    """A stream socket of somebody's."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)

    def send(self, frames):
        self._socket.sendall(packed(frames))

    def close(self):
        self._socket.close()


@pytest.fixture
def known_secret(monkeypatch):
    """The run's secret name, which only its boxes know otherwise."""
    monkeypatch.setattr(actors.secrets, "token_bytes", lambda size: b"s" * size)
    return b"s" * 16


@pytest.mark.parametrize("name", ["sockets", "zmq"])
def test_two_thousand_messages_of_strangers_change_nothing(ray_cluster, inline_digest, known_secret, sockets, name):
    """At live boxes while they learn; four kinds in turn, even ones that know the run's secret. (What comes from the
    neighbour itself: wires/test_links.py.) The last box stands still meanwhile: the others cannot end before they have
    heard all of it."""
    quick = setting(boxes=3, ticks=100, evaluate_every=0)
    config = quick.replace(compute_delay_ms="10", **WIRES[name])
    events = run(config)
    folders = set(sockets.glob("dni-*"))
    standing = Standing(config)
    begun = start(events)
    standing.take(begun)
    (folder,) = set(sockets.glob("dni-*")) - folders
    rng, connect = random.Random(0), Stream if name == "sockets" else Dealer
    frames = Frames(known_secret, layout(config))
    array = np.zeros((config.rows, config.chain.hidden), np.float32)

    def gradient(index, incarnation, run=frames):
        return [
            bytes(f) for f in run.encode(Message(Kind.DATA, Channel.GRADIENT, index, incarnation, Gradient(array)), 0.0)
        ]

    with ExitStack() as stack:
        strangers = [stack.enter_context(closing(connect(f"{folder}/{k:03}"))) for k in range(2)]
        last = begun.places[-1].pid
        os.kill(last, signal.SIGSTOP)
        for i in range(2000):
            foreign = [
                [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(1, 4))],
                gradient(0, incarnation=7),
                gradient(2**50, 0),
                [gradient(3, 0)[0], rng.randbytes(17)],
            ][i % 4]
            strangers[i % 2].send(foreign)
        os.kill(last, signal.SIGCONT)
        for event in events:
            standing.take(event)
    counts = sum((Counter(dict(status.messages)) for status in standing.statuses), Counter())
    assert standing.digest == inline_digest(quick)
    assert counts["no message of this run"] == 2000


def test_lost_repeated_and_late_calls_leave_the_digest_alone(ray_cluster, inline_digest, monkeypatch):
    """Over Ray's own calls, which do none of that by themselves: nothing here relies on it."""
    from tests.runtime.faulty import LossyActor  # late: Ray wants its variables set first

    monkeypatch.setattr("dni_actors.runtime.worker.actor.BoxActor", LossyActor)
    config = setting(evaluate_every=0)
    standing, _ = finish(config, "ray", fresh=True)
    assert standing.digest == inline_digest(config)
    assert min(standing.messages[what] for what in ("asked", "sent again", "came twice")) > 0


def test_a_box_whose_forward_pass_hangs_and_one_whose_process_does_are_killed_and_replaced(
    ray_cluster, inline_digest, monkeypatch
):
    from tests.runtime.faulty import HangingActor

    monkeypatch.setattr("dni_actors.runtime.worker.actor.BoxActor", HangingActor)
    monkeypatch.setattr(limits, "STUCK_AFTER", 1.5)
    monkeypatch.setattr(limits, "SLOWER", 1)
    monkeypatch.setattr(limits, "SILENT_AFTER", 2.0)
    config = setting(ticks=100, evaluate_every=0, compute_delay_ms="10")
    standing, places, stopped = Standing(config), [], None
    for event in run(config, fresh=True):
        standing.take(event)
        if isinstance(event, Started):
            places.append([place.pid for place in event.places])
        elif len(places) == 2 and stopped is None:
            stopped = places[1][2]
            os.kill(stopped, signal.SIGSTOP)
    assert standing.digest == inline_digest(setting(ticks=100, evaluate_every=0))
    first, second = standing.losses
    assert (first.box, second.box, standing.restarts) == (1, 2, [0, 1, 1])
    assert re.fullmatch(r"its loop hangs, for \d+ s, in: forward", first.why)
    assert re.search(r"its process hangs, silent for \d+ s, in: ", second.why)
    assert eventually(lambda: not alive(stopped)), "it will not wake up any more"


def test_a_box_that_was_given_up_and_wakes_up_changes_nothing(ray_cluster, inline_digest, monkeypatch):
    """It was stopped, and could not be killed, as on a node out of reach: what it still says is of the past."""
    monkeypatch.setattr(limits, "SILENT_AFTER", 1.5)
    out_of_reach = []

    def give_up(several, k):
        out_of_reach.append(several._actors[k])
        several.places[k] = None

    monkeypatch.setattr(actors.Actors, "_kill", give_up)
    # Its place would be free again on a node that is lost; here it still holds it.
    monkeypatch.setattr(actors.Placement, "options", lambda self, k: {"num_cpus": 0})
    config = setting(ticks=100, evaluate_every=0, compute_delay_ms="10", **WIRES["ray"])
    standing, sleeper = Standing(config), None
    try:
        for event in run(config, fresh=True):
            standing.take(event)
            if isinstance(event, Started) and sleeper is not None:
                os.kill(sleeper, signal.SIGCONT)
            elif sleeper is None and standing.ticks > 5:
                sleeper = standing.places[1].pid
                os.kill(sleeper, signal.SIGSTOP)
    finally:
        for actor in out_of_reach:
            ray_cluster.kill(actor)
    assert eventually(lambda: not alive(sleeper))
    assert [loss.box for loss in standing.losses] == [1]
    assert standing.messages["of another incarnation"] > 0, "it has woken up, and was not heard"
    assert standing.digest == inline_digest(setting(ticks=100, evaluate_every=0))


def test_patience_that_is_used_up_ends_the_run_at_the_same_cut(ray_cluster, tmp_path):
    fields = {"stop_after": 2, "ticks": 3000, "learning_rate": 1e-30, "console": "quiet", "storage": str(tmp_path)}
    ended = [experiment.run(setting(name=name, **fields, **WIRES[name])) for name in ("inline", "sockets")]
    assert [(result.status, result.ticks, result.cuts[-1]) for result in ended] == [("finished", 15, 15)] * 2
    assert ended[0].digest == ended[1].digest
    assert ended[0].evaluations == ended[1].evaluations


def test_a_run_that_is_closed_leaves_no_process(ray_cluster):
    events = run(setting(ticks=100_000, evaluate_every=0), fresh=True)
    started = start(events)
    assert len({place.pid for place in started.places}) == 3
    events.close()
    assert eventually(lambda: not any(alive(place.pid) for place in started.places))


def test_processes_serve_one_run_after_the_other_as_other_boxes_of_other_chains(ray_cluster, inline_digest):
    """Also after a run that is closed half-way, and one that fails; a process that dies meanwhile is replaced."""
    wild = setting(synthesizer_optimizer="sgd", synthesizer_learning_rate=1e30)
    with started(setting()) as running:

        def pids(config, upto=None):
            events, found = running.run(config), []
            for event in events:
                if isinstance(event, Started):
                    found.append({place.pid for place in event.places})
                elif upto is not None and isinstance(event, Status) and event.tick > upto:
                    events.close()
                last = event
            return found, last

        first, _ = pids(setting(ticks=100_000, evaluate_every=0), upto=10)
        with pytest.raises(NonFiniteError):
            pids(wild)
        standing = Standing(setting(update="locked"))
        for event in running.run(setting(update="locked")):
            standing.take(event)
        assert [{place.pid for place in standing.places}] == first
        assert standing.digest == inline_digest(setting(update="locked"))
        os.kill(standing.places[1].pid, signal.SIGKILL)
        again = Standing(setting())
        for event in running.run(setting()):
            again.take(event)
        assert again.digest == inline_digest(setting())
        assert len({place.pid for place in again.places} & first[0]) == 2
        four = Standing(setting(boxes=4))
        for event in running.run(setting(boxes=4)):
            four.take(event)
        assert four.digest == inline_digest(setting(boxes=4))
    everyone = first[0] | {place.pid for place in (*again.places, *four.places)}
    assert eventually(lambda: not any(alive(pid) for pid in everyone))


def test_one_thread_has_an_overlap_of_one_at_most():
    standing, _ = finish(setting(boxes=4, lag=64, ticks=100, evaluate_every=0), "inline")
    assert 0 < standing.overlap <= 1.01


def test_numpy_is_left_as_it_was():
    before = np.geterr()
    finish(setting(), "inline")
    assert np.geterr() == before
