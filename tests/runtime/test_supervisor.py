"""The supervisor's judgement: who is lost, who is only slow, and when it is enough. Boxes are played, time is told."""

import pytest

from dni_actors.box.errors import BoxDiedError, BoxError
from dni_actors.observe.events import Place, Status
from dni_actors.runtime.driver import watch as watching
from dni_actors.runtime.driver.actors import Deaths, check_versions
from dni_actors.runtime.driver.supervisor import BACK_OFF, Mending
from dni_actors.runtime.driver.watch import Watch
from dni_actors.runtime.limits import SILENT_AFTER, STALLED_AFTER, STUCK_AFTER
from dni_actors.runtime.wires.frames import VERSION
from tests.tiny import tiny


def test_a_box_of_another_version_is_named_with_its_address_and_the_remedy():
    places = [Place(k, 100 + k, "node", f"10.0.0.{k}", "blas") for k in range(3)]
    check_versions([(place, VERSION) for place in places])
    told = rf"box 1, tick 0: on 10\.0\.0\.1 it speaks version {VERSION + 1} .* the driver {VERSION}; install the same"
    with pytest.raises(BoxError, match=told):
        check_versions([(places[0], VERSION), (places[1], VERSION + 1), (places[2], VERSION)])


def died(box, tick=0):
    return BoxDiedError(box, tick, "its process died")


def test_a_box_that_dies_again_and_again_is_started_later_and_later():
    mending = Mending(most=100)
    assert [mending.lost(died(1), 0) for _ in range(4)] == [0, 1, 2, 4]
    assert mending.lost(died(2), 0) == 0, "another box's first loss"
    assert mending.lost(died(1), 50) == 0, "there was a cut since: progress"
    assert max(mending.lost(died(1), 50) for _ in range(20)) == BACK_OFF


def test_restarts_are_counted_for_each_box_whatever_the_progress():
    mending = Mending(most=2)
    for tick in (10, 20):
        mending.lost(died(0), tick)
        mending.lost(died(1), tick)
    with pytest.raises(BoxDiedError, match=r"its process died; restarts left: 0 of 2 \(--max-restarts\); the same"):
        mending.lost(died(1), 30)


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(watching.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(watching.time, "sleep", lambda seconds: None)


class Played:
    """Actors whose answers are a list of rounds; each round takes a second."""

    def __init__(self, clock, rounds, silent=None):
        self._clock, self._rounds, self._silent = clock, list(rounds), silent or {}

    def ask(self, boxes):
        pass

    def answers(self, timeout):
        self._clock.now += 1
        if not self._rounds:
            raise AssertionError("the watch goes on")
        yield from self._rounds.pop(0)

    def silent(self, seconds):
        return [k for k, since in self._silent.items() if self._clock.now - since > seconds]


@pytest.fixture
def watch(monkeypatch):
    """Watches played boxes of a chain of two until something is raised, or their rounds are over."""

    def go(rounds, silent=None, **fields):
        clock = Clock(monkeypatch)
        silent = {k: clock.now + since for k, since in (silent or {}).items()}
        watched = Watch(tiny(boxes=2, **fields), Played(clock, rounds, silent), 0)
        return list(watched.statuses())

    return go


def at(box, tick, state, turns):
    return Status(box, tick, state, turns=turns)


def alive(n, state="forward"):
    """Box 1 gets on; box 0 as told."""
    return [at(0, 3, state, 17), at(1, n, "backward", n)]


def test_a_loop_that_no_longer_turns_is_named_with_what_it_was_doing(watch):
    with pytest.raises(Deaths) as caught:
        watch([alive(n) for n in range(200)])
    (error,) = caught.value.errors
    assert (error.box, error.tick) == (0, 3)
    assert error.cause == f"its loop hangs, for {STUCK_AFTER:.0f} s, in: forward"


@pytest.mark.parametrize("state", ["wait State 4", "done"])
def test_a_box_that_waits_or_is_done_does_not_hang(watch, state):
    with pytest.raises(AssertionError, match="the watch goes on"):
        watch([alive(n, state) for n in range(500)])


def test_a_box_that_is_known_to_be_slow_does_not_hang(watch):
    slow = [[at(0, 3 + n // 20, "forward", n // 20), at(1, n, "backward", n)] for n in range(60)]
    still = [[at(0, 6, "backward", 99), at(1, 100 + n, "backward", n)] for n in range(300)]
    with pytest.raises(AssertionError, match="the watch goes on"):
        watch(slow + still)


def test_emulated_work_is_no_hanging(watch):
    with pytest.raises(AssertionError, match="the watch goes on"):
        watch([alive(n) for n in range(80)], compute_delay_ms="60000")


def test_the_first_tick_may_take_longer(watch):
    first = [[at(0, 0, "forward", 2), at(1, n, "backward", n)] for n in range(int(3 * STUCK_AFTER))]
    with pytest.raises(AssertionError, match="the watch goes on"):
        watch(first)


def test_a_process_that_does_not_answer_is_named_with_what_it_was_doing(watch):
    rounds = [alive(n) for n in range(3)] + [[at(1, n, "backward", n)] for n in range(100)]
    with pytest.raises(Deaths) as caught:
        watch(rounds, silent={0: 3})
    (error,) = caught.value.errors
    assert (error.box, error.cause) == (0, f"its process hangs, silent for {SILENT_AFTER:.0f} s, in: forward")


def test_boxes_that_all_wait_for_long_are_a_stalled_network(watch):
    rounds = [[at(0, 3, "wait Gradient 2", 9), at(1, 2, "wait State 2", 9)] for _ in range(100)]
    told = (
        rf"nothing has moved for {STALLED_AFTER:.0f} s \(box 0: wait Gradient 2; box 1: wait State 2\); check the net"
    )
    with pytest.raises(BoxError, match=told):
        watch(rounds)
