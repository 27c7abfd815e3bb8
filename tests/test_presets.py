"""Every preset begins to learn, in its own size where that is small; its line says what comes of it."""

import math

import pytest

from dni_actors.config.presets import PRESETS, TASK_DEFAULTS
from dni_actors.config.run import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import TASKS

WANTED = {
    "seed", "seed-literal-size", "seed-dense", "seed-noise", "iamtrask", "rows", "recall", "xor", "settle",
    "paper-copy", "paper-repeat-copy", "paper-text", "paper-mnist-dense", "paper-random-updates", "paper-unlock",
}  # fmt: skip


def test_every_system_has_a_preset_and_every_task_its_defaults():
    assert set(PRESETS) == WANTED
    of_tests = {name for name, task in TASKS.items() if getattr(task, "__module__", "").startswith("tests.")}
    assert set(TASKS) - of_tests == set(TASK_DEFAULTS)
    for name, preset in PRESETS.items():
        assert RunConfig.preset(name).chain.task == preset.fields["task"]
        assert any(letter.isdigit() for letter in preset.line), f"{name} says nothing of what to expect"


@pytest.mark.parametrize("name", PRESETS)
def test_a_few_ticks_of_every_preset(name):
    less = {"hidden": 16} if name == "seed-literal-size" else {}
    chain = Chain(RunConfig.preset(name, ticks=6, evaluate_every=0, **less))
    chain.run()
    (found,) = chain.statuses()[-1].evaluations
    assert found.tick == 6
    assert math.isfinite(found.loss)


@pytest.mark.parametrize("boxes", [3, 6])
@pytest.mark.parametrize("fields", [{}, {"update": "locked"}, {"conditioned": False}], ids=str)
def test_the_papers_layers_are_as_many_as_asked_for(boxes, fields):
    config = RunConfig.preset("paper-mnist-dense", boxes=boxes, ticks=2, evaluate_every=0, hidden=8, **fields)
    assert config.unrolls == (1,) * (boxes - 1) + (0,)
    assert len(Chain(config).run()) == boxes


@pytest.mark.parametrize("name", ["adding", "binary-addition-12"])
def test_the_defaults_of_other_tasks_run(name):
    assert Chain(RunConfig.of(task=name, ticks=3, evaluate_every=0)).run()
