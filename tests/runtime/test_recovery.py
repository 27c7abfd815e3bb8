"""Whatever dies, and whenever: the run ends with the bits of one that nobody disturbed. Inline, with a hostile wire."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dni_actors.box.errors import ProtocolError
from dni_actors.runtime.inline import Chain
from tests.tiny import tiny


class Battered(Chain):
    """Loses, repeats and holds back messages; what an earlier incarnation held back comes, too."""

    def __init__(self, config, rng, held, **how):
        self._rng, self._held = rng, held
        super().__init__(config, schedule=rng, **how)

    def carry(self, k, direction, message):
        fate = self._rng.choice(["come"] * 6 + ["be lost", "come twice", "be late"])
        if fate == "be late":
            self._held.append((k + direction, message))
        elif fate != "be lost":
            for _ in range(1 + (fate == "come twice")):
                self.steppers[k + direction].deliver(message)
        if self._held and self._rng.random() < 0.3:
            to, late = self._held.pop(self._rng.randrange(len(self._held)))
            self.steppers[to].deliver(late)


def survive(config, rng, crashes):
    """Runs to the end through so many crashes: the digests. A crash takes all boxes to the last complete cut: from the
    supervisor's side that is the same for one dead box and for all."""
    held, cut, incarnation = [], None, 0
    while True:
        chain = Battered(config, rng, held, cuts=cut, incarnation=incarnation)
        patience = rng.randrange(1, 60 * config.boxes * config.ticks) if crashes else None
        parts = {}
        for turn, _ in enumerate(chain.turns()):
            for k, report in enumerate(chain.reports()):
                for part in report.cuts:
                    parts.setdefault(part.tick, {})[k] = part
            if turn == patience:
                break
        else:
            return [stepper.box.digest() for stepper in chain.steppers], chain
        whole = [tick for tick, several in parts.items() if len(several) == config.boxes]
        if whole:
            cut = [parts[max(whole)][k] for k in range(config.boxes)]
        crashes, incarnation = crashes - 1, incarnation + 1


@st.composite
def configurations(draw):
    update = draw(st.sampled_from(["synthetic", "synthetic", "local", "truncated", "locked", "delayed"]))
    fields = {
        "boxes": draw(st.integers(1, 7)),
        "lag": draw(st.integers(1, 5)),
        "ticks": draw(st.integers(1, 12)),
        "evaluate_every": draw(st.integers(0, 4)),
        "checkpoint_every": draw(st.integers(0, 4)),
        "optimizer": draw(st.sampled_from(["sgd", "momentum", "adam"])),
        "update": update,
        "cell": draw(st.sampled_from(["rnn", "gru", "lstm"])),
        "local_readout": draw(st.sampled_from([None, True])),
        "target_refresh": draw(st.sampled_from([0, 3])),
        "trust": draw(st.sampled_from(["none", "rate"])),
    }
    if update == "locked":
        fields |= {"batch": 6, "micro_batches": draw(st.sampled_from([1, 2, 3]))}
    return tiny(**fields)


@settings(deadline=None)
@given(config=configurations(), seed=st.integers(0, 2**32), crashes=st.integers(0, 4))
def test_crashes_and_a_hostile_wire_leave_the_digest_alone(config, seed, crashes):
    """Never a deadlock (DeadlockError), never beyond the bounds (ProtocolError)."""
    found, _ = survive(config, random.Random(seed), crashes)
    assert found == Chain(config).run()


def test_a_mark_rides_through_the_whole_chain():
    """Every box puts its part aside at the same ticks, those that box 0 chose; and at the end."""
    chain = Chain(tiny(boxes=4, ticks=11, lag=3, checkpoint_every=3, evaluate_every=0))
    chain.run()
    assert [[part.tick for part in report.cuts] for report in chain.reports()] == [[3, 6, 9, 11]] * 4


def test_a_cut_holds_the_gradients_under_way_and_no_more():
    chain = Chain(tiny(boxes=3, ticks=8, lag=2, checkpoint_every=5, evaluate_every=0))
    chain.run()
    parts = [report.cuts[0] for report in chain.reports()]
    assert [sorted(part.gradients) for part in parts] == [[], [3, 4], [3, 4]]
    locked = Chain(tiny(boxes=3, ticks=8, update="locked", checkpoint_every=5, evaluate_every=0))
    locked.run()
    assert [report.cuts[0].gradients for report in locked.reports()] == [{}, {}, {}]


def test_windows_end_at_cuts():
    chain = Chain(tiny(ticks=300, checkpoint_every=7))
    chain.run()
    for report in chain.reports():
        covered = [n for row in report.windows for n in range(row.first_tick, row.last_tick + 1)]
        assert covered == list(range(300))
        assert {row.last_tick + 1 for row in report.windows} >= set(range(7, 300, 7))


def test_what_was_under_way_comes_again_after_a_cut_without_anybody_asking():
    config = tiny(boxes=3, ticks=8, lag=3)
    begun = Chain(tiny(boxes=3, ticks=5, lag=3))
    begun.run()
    chain = Chain(config, cuts=begun.cuts(), incarnation=1)
    assert chain.run() == Chain(config).run()
    assert sum(dict(report.messages).get("asked", 0) for report in chain.reports()) == 0


def test_a_cut_of_another_kind_of_box_is_refused_by_name():
    begun = Chain(tiny(ticks=4))
    begun.run()
    with pytest.raises(
        ProtocolError, match=r"its cut does not fit \(synthesizer/stash \(2, 2, 7\)\); was it written by another"
    ):
        Chain(tiny(ticks=8, hidden=5), cuts=begun.cuts())
