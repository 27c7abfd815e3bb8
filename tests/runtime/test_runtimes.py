"""What every runtime does, whatever carries its messages."""

import os
import random
import re
import signal
from collections import Counter

import numpy as np
import pytest
import zmq

from dni_actors import experiment
from dni_actors.box.errors import BoxDiedError, NonFiniteError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Started
from dni_actors.observe.standing import Standing
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime import started
from dni_actors.runtime.driver import actors, limits
from dni_actors.runtime.driver.tuning import tune
from dni_actors.runtime.wires.frames import Frames
from tests.conftest import WIRES, Shared
from tests.processes import alive, eventually


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


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"update": "truncated"},
        {"update": "locked", "unroll": [20, 8, 0]},
        {"update": "locked", "unroll": [1, 2, 3, 4, 5, 6, 7]},
        {"boxes": 1, "update": "locked"},
        {"update": "locked", "micro_batches": 4},
        {"update": "delayed"},
        {"wire_dtype": "float16"},
        {"task": "text", "unroll": [3, 2], "streams": 2, "batch": 6, "look_ahead": 4, "evaluate_every": 0},
        {"task": "copy", "unroll": [4], "batch": 6, "cell": "gru", "look_ahead": 3},
        {"weights": "shared", "sync_every": 2, "unroll": [20, 8, 0]},
        {"synthesizer": "mlp1", "auxiliary": True, "lambda": 0.5, "unlock": "full"},
        {"cell": "dense", "update": "noise", "update_probability": 0.5},
        {"task": "mnist01", "unroll": [1, 1, 0], "batch": 20, "lag": 3, "precision": "float64"},
    ],
    ids=str,
)
def test_the_digest_is_that_of_the_inline_runtime(runtime_name, inline_digest, fields):
    if runtime_name != "zmq" and len(fields) > 1 and "streams" not in fields:
        pytest.skip("the other wires know nothing of update rules: the simple settings tell, and a ring")
    config = setting(**fields)
    assert finish(config, runtime_name)[0].digest == inline_digest(config)


def test_random_delays_everywhere_leave_the_digest_alone(runtime_name, inline_digest):
    delayed = setting(compute_delay_ms="0:6", link_delay_ms="0:10")
    assert finish(delayed, runtime_name)[0].digest == inline_digest(setting())


def test_evaluations_are_equal_and_lie_where_they_should(runtime_name):
    standing, _ = finish(setting(), runtime_name)
    assert [e.tick for e in standing.evaluations] == [5, 10, 12]
    assert repr(standing.evaluations) == repr(finish(setting(), "inline")[0].evaluations)  # where NaNs are equal


def test_rows_of_the_metrics_cover_every_tick_of_every_box(runtime_name):
    config = setting(ticks=230, evaluate_every=0)
    _, rows = finish(config, runtime_name)
    for k in range(config.boxes):
        mine = sorted(row for row in rows if row.box == k)
        covered = [n for row in mine for n in range(row.first_tick, row.last_tick + 1)]
        assert covered == list(range(230))
        assert sum(row.updates for row in mine) == 230
        assert all((row.loss is not None) == (k == 2) for row in mine)
        # The first gradients to box 0 are zero (made with box 1's untrained synthesizer): there is no cosine to tell.
        assert all(row.cosine is not None and -1 <= row.cosine <= 1 for row in mine[3:] if k < 2)
        assert all(0 <= row.slack <= config.learning.lag for row in mine[1:] if k < 2)


def test_what_is_not_finite_ends_the_run_with_box_tick_and_knob(runtime_name):
    wild = setting(synthesizer_optimizer="sgd", synthesizer_learning_rate=1e30)
    rows = []
    with pytest.raises(NonFiniteError, match=r"box \d, tick \d+: .* is no longer finite; lower --") as caught:
        finish(wild, runtime_name, rows)
    told = [row.last_tick for row in rows if row.box == caught.value.box]
    assert told == list(range(caught.value.tick)), "every row up to the failure is told"


@pytest.mark.parametrize("name", ["inline", "zmq"])
def test_lag_auto_measures_and_then_runs_in_one_session(ray_cluster, inline_digest, name):
    config = setting(lag="auto", link_delay_ms="3", **WIRES[name])
    with started(config) as running:
        lag = tune(config, running).lag
        standing = Standing(config.replace(lag=lag))
        for event in running.run(config.replace(lag=lag)):
            standing.take(event)
    assert lag >= 2, "a round trip of 6 ms is longer than a tick"
    assert standing.digest == inline_digest(setting(lag=lag))


def test_slow_links_and_heavy_boxes_are_felt(runtime_name):
    """A lower bound, not a timing: lock-step, forward and backward of 3 boxes (1 ms each), 2 links of 4 ms and back."""
    slow = setting(update="locked", compute_delay_ms="3", link_delay_ms="4", evaluate_every=0)
    standing, rows = finish(slow, runtime_name)
    assert standing.seconds >= 12 * (3 * 2 + 4 * 4) / 1000
    assert sum(row.delay_seconds for row in rows) == pytest.approx(12 * 3 * 3 / 1000)
    waited = sum(row.wait_gradient_seconds for row in rows if row.box == 0)
    assert waited >= 12 * 4 * 4 / 1000 or runtime_name == "inline"


@pytest.fixture
def known_secret(monkeypatch):
    """The run's secret name, which only its boxes know otherwise."""
    monkeypatch.setattr(actors.secrets, "token_bytes", lambda size: b"s" * size)
    return b"s" * 16


def test_two_thousand_messages_of_strangers_change_nothing(ray_cluster, known_secret, sockets):
    """At live boxes, before and while they learn; four kinds in turn, even ones that know the run's secret. (What comes
    from the neighbour itself: wires/test_zeromq.py.)"""
    config = setting(boxes=3, ticks=100, evaluate_every=0, compute_delay_ms="10")  # long enough for all of them
    events = run(config)
    folders = set(sockets.glob("dni-*"))
    standing = Standing(config)
    standing.take(next(events))
    (folder,) = set(sockets.glob("dni-*")) - folders
    rng, context = random.Random(0), zmq.Context()
    frames = Frames(known_secret, layout(config))
    array = np.zeros((config.rows, config.chain.hidden), np.float32)

    def gradient(index, incarnation, run=frames):
        return [bytes(f) for f in run.encode(Message(Kind.DATA, Channel.GRADIENT, index, incarnation, (array,)), 0.0)]

    strangers = [context.socket(zmq.DEALER) for _ in range(2)]
    for k, stranger in enumerate(strangers):
        stranger.sndhwm = 0
        stranger.connect(f"ipc://{folder}/{k:03}")
    for i in range(2000):
        foreign = [
            [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(1, 4))],
            gradient(0, incarnation=7),
            gradient(2**50, 0),
            [gradient(3, 0)[0], rng.randbytes(17)],
        ][i % 4]
        strangers[i % 2].send_multipart(foreign)
    for event in events:
        standing.take(event)
    counts = sum((Counter(dict(status.messages)) for status in standing.statuses), Counter())
    assert standing.digest == finish(config, "inline")[0].digest
    assert counts["no message of this run"] == 2000
    for stranger in strangers:
        stranger.close(linger=0)
    context.term()


def test_lost_repeated_and_late_calls_leave_the_digest_alone(ray_cluster, inline_digest, monkeypatch):
    """Over Ray's own calls, which do none of that by themselves: nothing here relies on it."""
    from tests.runtime.faulty import LossyActor  # late: Ray wants its variables set first

    monkeypatch.setattr("dni_actors.runtime.worker.actor.BoxActor", LossyActor)
    config = setting(evaluate_every=0)
    standing, _ = finish(config, "ray", fresh=True)
    assert standing.digest == inline_digest(config)
    assert min(standing.messages[what] for what in ("asked", "sent again", "came twice")) > 0


def test_a_box_whose_forward_pass_hangs_is_replaced(ray_cluster, inline_digest, monkeypatch):
    from tests.runtime.faulty import HangingActor

    monkeypatch.setattr("dni_actors.runtime.worker.actor.BoxActor", HangingActor)
    monkeypatch.setattr(limits, "STUCK_AFTER", 1.5)
    monkeypatch.setattr(limits, "SLOWER", 1)
    config = setting(ticks=20, evaluate_every=0)
    standing, _ = finish(config, "zmq", fresh=True)
    assert standing.digest == inline_digest(config)
    (loss,) = standing.losses
    assert (loss.box, standing.restarts) == (1, [0, 1, 0])
    assert re.fullmatch(r"its loop hangs, for \d+ s, in: forward", loss.why)


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
    fields = {"stop_after": 2, "ticks": 3000, "learning_rate": 1e-6, "console": "quiet", "storage": str(tmp_path)}
    ended = [experiment.run(setting(name=name, **fields, **WIRES[name])) for name in ("inline", "zmq")]
    assert [(result.status, result.ticks, result.cuts[-1]) for result in ended] == [("finished", 15, 15)] * 2
    assert ended[0].digest == ended[1].digest
    assert ended[0].evaluations == ended[1].evaluations


def test_a_killed_process_ends_the_run_naming_box_and_pid(ray_cluster):
    config = setting(ticks=100_000, evaluate_every=0, max_restarts=0)
    events = run(config, fresh=True)
    started = next(events)
    assert isinstance(started, Started)
    victim = started.places[1].pid
    for event in events:
        if event.box == 1 and event.tick > 0:
            os.kill(victim, signal.SIGKILL)
            break
    with pytest.raises(BoxDiedError, match=rf"box 1, tick \d+: its process {victim} died"):
        for _ in events:
            pass
    assert eventually(lambda: not any(alive(place.pid) for place in started.places))


def test_a_run_that_is_closed_leaves_no_process(ray_cluster):
    events = run(setting(ticks=100_000, evaluate_every=0), fresh=True)
    started = next(events)
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
                elif upto is not None and event.tick > upto:
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


def test_evaluations_are_no_part_of_the_training_time(runtime_name):
    """Ten evaluations of 0.1 s and more each, beside twelve ticks of some milliseconds."""
    often, _ = finish(setting(boxes=2, hidden=64, batch=2, evaluate_every=1), runtime_name)
    assert often.seconds < often.statuses[-1].elapsed / 3


def test_one_thread_has_an_overlap_of_one_at_most():
    standing, _ = finish(setting(boxes=4, lag=64, ticks=100, evaluate_every=0), "inline")
    assert 0.5 < standing.overlap <= 1.01


def test_numpy_is_left_as_it_was():
    before = np.geterr()
    finish(setting(), "inline")
    assert np.geterr() == before
