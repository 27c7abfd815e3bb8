"""`--lag auto`, inline: emulated boxes and links are known, so the lag is, too."""

import pytest

from dni_actors.experiment import run
from dni_actors.options import parse
from dni_actors.runtime import session
from dni_actors.runtime.tuning import tune
from tests.tiny import tiny


def tuned(config):
    with session(config) as running:
        return tune(config, running)


def test_the_lag_covers_links_and_boxes():
    """Boxes of 6 ms, links of 10 ms: (3 thirds of 6 + 20) / 6 = 4.3, a little less as the arithmetic is added."""
    found = tuned(tiny(boxes=3, lag="auto", compute_delay_ms="6", link_delay_ms="10"))
    assert found.lag == 5
    assert 0.020 < found.round_trip < 0.035
    assert 0.006 < found.busy < 0.012


@pytest.mark.parametrize("fields", [{"boxes": 1}, {"update": "locked"}], ids=str)
def test_where_nobody_waits_for_a_late_gradient_there_is_nothing_to_measure(fields):
    assert tuned(tiny(lag="auto", **fields)) == (1, 0.0, 0.0)


def test_the_number_found_goes_into_the_configuration_of_the_run(tmp_path):
    config = tiny(lag="auto", link_delay_ms="3", storage=str(tmp_path / "runs"))
    first = run(config)
    assert isinstance(first.lag, int)
    again = run(parse(["--config", str(first.path / "config.toml")]))
    assert (again.lag, again.digest) == (first.lag, first.digest)
