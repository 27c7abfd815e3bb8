"""`--lag auto`, inline: emulated boxes and links are known, so the lag is, too."""

import json
import math

import pytest

from dni_actors.box.errors import DeadlockError
from dni_actors.config.checks import ConfigError
from dni_actors.experiment import run
from dni_actors.options import parse
from dni_actors.runtime import started
from dni_actors.runtime.driver.tuning import tune
from tests.tiny import tiny


def tuned(config):
    with started(config) as running:
        return tune(config, running)


def test_the_lag_covers_links_and_boxes():
    """Boxes of 6 ms, links of 10 ms: a round trip of 3 thirds of 6 and two links at least."""
    found = tuned(tiny(boxes=3, lag="auto", compute_delay_ms="6", link_delay_ms="10"))
    assert found.round_trip >= 0.026
    assert found.busy >= 0.006
    needed = found.round_trip / found.busy
    assert 0.95 * needed <= found.lag <= math.ceil(needed) + 1  # 95 % of the speed is enough; and work varies a little


@pytest.mark.parametrize("fields", [{"boxes": 1}, {"update": "locked"}], ids=str)
def test_where_nobody_waits_for_a_late_gradient_there_is_nothing_to_measure(fields):
    with pytest.raises(ConfigError, match=r"^lag: auto has no effect"):
        tiny(lag="auto", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"lambda_": 0.5},
        {"weights": "shared"},
        {"probe_every": 5},
        {"auxiliary": True, "synthesizer": "mlp1"},
        {"update": "delayed", "delay_correction": "both", "momentum_by_delay": True, "decay": "warm-cosine"},
        {"update": "local"},
        {"update": "truncated"},
        {"update": "noise"},
        {"trust": "readout", "warmup": 4, "stop_after": 3},
        {"unlock": "full"},
    ],
    ids=str,
)
def test_the_runs_that_measure_are_valid_whatever_the_configuration(fields):
    """Links of 20 ms: 40 there and back, and some work."""
    found = tuned(tiny(boxes=2, lag="auto", compute_delay_ms="0.3", link_delay_ms="20", **fields))
    assert found.round_trip >= 0.039
    assert found.lag > 1


def test_the_number_found_goes_into_the_configuration_of_the_run(tmp_path):
    config = tiny(lag="auto", link_delay_ms="3", storage=str(tmp_path / "runs"))
    first = run(config)
    assert isinstance(first.lag, int)
    again = run(parse(["--config", str(first.path / "config.toml")]))
    assert (again.lag, again.digest) == (first.lag, first.digest)


def test_a_failure_while_measuring_is_told_as_it_is(tmp_path, monkeypatch):
    def fails(config, session):
        raise DeadlockError(0, 0, "every box waits")

    monkeypatch.setattr("dni_actors.experiment.tune", fails)
    with pytest.raises(DeadlockError, match="every box waits"):
        run(tiny(lag="auto", storage=str(tmp_path), name="it"))
    assert json.loads((tmp_path / "it" / "result.json").read_text())["status"] == "failed"
