"""The demonstration, short: its figures are those of the two runs, and a kill leaves the bits alone."""

import re

import pytest

from dni_actors import ConfigError, demo
from dni_actors.record.result import Result


def test_the_demo_kills_a_box_and_tells_what_was_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "LOCKED_TICKS", 20)
    monkeypatch.setattr(demo, "DECOUPLED_TICKS", 600)
    monkeypatch.setattr(demo, "EVERY", 20)
    speed, accuracy, bits, pictures = demo.demo("5", str(tmp_path), "plain")
    locked, decoupled = (Result.from_path(folder) for folder in sorted(tmp_path.glob("demo-*"), reverse=True))
    assert (locked.ticks, decoupled.ticks, decoupled.restarts) == (20, 600, [0, 0, 1, 0])
    assert f"{decoupled.ticks_per_second:.0f} ticks a second, the locked ones {locked.ticks_per_second:.1f}" in speed
    assert f"had {decoupled.evaluations[0]['accuracy']:.1%} of the test images right" in accuracy
    assert re.search(rf"Box 2 was killed at tick \d+, .* the same bits as .*{decoupled.digest}", bits)
    assert pictures == f"Pictures: {decoupled.path}/report.html"
    told = capsys.readouterr().out
    assert "box 2 of the decoupled run was killed (SIGKILL)" in told
    assert "box 2 is started again" in told


def test_links_that_cost_nothing_show_nothing():
    with pytest.raises(ConfigError, match=r"^link_delay_ms: without slow links"):
        demo.demo("0", "runs", "quiet")
    with pytest.raises(ConfigError, match=r"^link_delay_ms: 'x' is not a delay"):
        demo.demo("x", "runs", "quiet")
