"""docs/extending.md: its code is run as it stands there, in one process and over Ray."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dni_actors.config.run import RunConfig
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.digest import combine
from dni_actors.nn.parameters import Parameters
from dni_actors.runtime.inline import Chain

TEXT = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", TEXT, re.DOTALL))
COMMANDS = re.findall(r"^python -m dni_actors\.launch (.*)$", TEXT, re.MULTILINE)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with the modules in it, where Python finds them."""
    for name, code in MODULES.items():
        (tmp_path / name).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name.removesuffix(".py"), None)


def fields(command):
    """Of a command's flags."""
    words = command.split()
    found = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    return {name: int(value) if value.isdigit() else value for name, value in found.items()}


def test_there_is_an_example_of_each_kind():
    assert set(MODULES) == {"make_parity.py", "parity.py", "leaky.py", "shrinking.py"}
    assert len(COMMANDS) == 3


def test_every_command_learns(here):
    subprocess.run([sys.executable, "make_parity.py"], check=True)
    for command in COMMANDS:
        config = RunConfig.of(**{**fields(command), "epochs": 3, "ticks": None, "runtime": "inline"})
        chain = Chain(config)
        chain.run()
        evaluations = chain.statuses()[-1].evaluations
        assert len(evaluations) == 3
        assert all(np.isfinite(found.loss) for found in evaluations)


def test_the_cells_gradients_are_those_of_finite_differences(here, rng):
    kind = cell_kind("leaky:Leaky")
    parameters = Parameters(kind.shapes(2, 3), "float64")
    kind.initialise(parameters, rng)
    cell = kind(parameters, 4, 5, 2, 3, "float64")
    cell.x[:] = rng.standard_normal(cell.x.shape)
    h_in, d_out, d_steps = (rng.standard_normal(shape) for shape in ((5, 3), (5, 3), (4, 5, 3)))

    def loss():
        return (cell.forward(h_in) * d_out).sum() + (cell.h * d_steps).sum()

    loss()
    d_in = cell.backward(d_out, d_steps)
    cell.weight_gradients()
    for array, gradient in ((h_in, d_in), (parameters.values, parameters.gradients.copy())):
        for at in range(0, array.size, 3):
            before, found = array.flat[at], []
            for step in (1e-6, -1e-6):
                array.flat[at] = before + step
                found.append(loss())
            array.flat[at] = before
            np.testing.assert_allclose((found[0] - found[1]) / 2e-6, gradient.flat[at], atol=1e-6)


def test_boxes_over_ray_find_what_the_command_found_and_come_to_the_same_bits(here):
    command = COMMANDS[-1]
    flags = [*command.split(), "--console", "json", "--storage", str(here)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-m", "dni_actors.launch", *flags],
        capture_output=True, text=True, cwd=here, env=environment, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["digest"] == combine(Chain(RunConfig.of(**fields(command))).run())
