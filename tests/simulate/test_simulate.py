"""The command: its figures, its critical cycles, its errors."""

import gzip
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from bench.law import least_lag
from dni_actors.config.checks import ConfigError
from dni_actors.experiment import run
from dni_actors.observe.spent import Cost
from dni_actors.simulate.costs import keep
from dni_actors.simulate.options import parse
from dni_actors.simulate.outcome import least_lag as simulated_least_lag
from dni_actors.simulate.outcome import simulate
from dni_actors.simulate.sweep import swept
from dni_actors.simulate.words import RULES
from tests.tiny import tiny


def outcome(words, update="synthetic"):
    return simulate(parse(words.split()), update)


def test_a_chain_with_lag_enough_is_held_up_by_its_own_work():
    found = outcome("--boxes 16 --lag 8 --link-delay-ms 20")
    assert found.ticks_per_second == pytest.approx(100)
    assert found.critical == "the boxes' own work"


def test_the_round_trip_is_named_with_what_the_lag_lacks():
    found = outcome("--boxes 16 --lag 4 --link-delay-ms 50")
    assert found.ticks_per_second == pytest.approx(4 / 0.110)
    assert re.fullmatch(r"the round trip over boundary \d+: lag 4 is too small by 7", found.critical)
    assert outcome("--boxes 16 --lag 11 --link-delay-ms 50").ticks_per_second == pytest.approx(100)


def test_lock_step_takes_the_whole_way():
    assert outcome("--boxes 16 --link-delay-ms 20", "locked").ticks_per_second == pytest.approx(1.41, abs=0.005)


@pytest.mark.parametrize("update", RULES)
def test_a_single_box_works_at_its_own_speed(update):
    assert outcome("--boxes 1", update).ticks_per_second == pytest.approx(100)
    assert outcome("--boxes 1 --ticks 1 --jitter lognormal:0.1", update).utilisation == pytest.approx(1, rel=0.2)


def test_a_straggler_is_named():
    found = outcome("--boxes 9 --lag 8 --stragglers 10%:4x --repeats 2")
    assert re.fullmatch(r"box \d's own work", found.critical)
    assert found.ticks_per_second == pytest.approx(25, rel=0.01)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--nodes 1 --cores-per-node 3 --jitter lognormal:0.5 --repeats 1", "the cores of node 0"),
        ("--nodes 2 --cores-per-node 1", r"the cores of node \d"),
        ("--nodes 2 --link-mbps 1 --lag 16 --shared-uplink --placement spread", r"the uplink of node \d"),
        ("--link-mbps 1 --lag 16", r"the bandwidth at boundary \d"),
    ],
)
def test_what_boxes_share_is_named(words, name):
    found = outcome(f"--boxes 4 --ticks 300 {words}")
    assert re.fullmatch(name, found.critical)
    assert found.utilisation < 1


def test_workers_of_rivals_share_cores_too():
    found = outcome("--boxes 8 --nodes 2 --cores-per-node 1", "diloco")
    assert found.ticks_per_second == pytest.approx(25)
    assert found.critical == "the cores of node 0"


def test_a_few_slow_boxes_are_told_from_the_others():
    words = "--boxes 20 --lag 8 --stragglers 10%:4x --jitter lognormal:0.3 --ticks 300 --repeats 1"
    assert outcome(words).critical == "the own work of the 2 slowest boxes"


def test_a_death_that_no_simulation_would_meet_costs_its_share():
    """Restart, half a time between cuts, and the way through 4 boxes; once an hour."""
    found = outcome("--boxes 4 --failures-per-hour 1 --restart-s 60 --checkpoint-every-s 6 --repeats 4")
    assert found.ticks_per_second == pytest.approx(100)
    assert 60 < 3600 * (1 - found.goodput / 100) < 67


def test_failures_cost_what_they_destroy():
    words = "--boxes 4 --failures-per-hour 60 --restart-s 6 --checkpoint-every-s 6 --repeats 1 --ticks 60000"
    found = outcome(words)
    assert found.ticks_per_second == pytest.approx(100)
    # Of each minute 6 s are lost for the restart, and half of 6 s for what is done again.
    assert found.goodput == pytest.approx(100 * 60 / 69, rel=0.1)


def test_a_chain_that_never_gets_on_is_given_up():
    found = outcome("--boxes 4 --failures-per-hour 7200 --restart-s 5 --repeats 1")
    assert found.goodput == pytest.approx(0, abs=5)


def test_the_target_gives_the_lag_of_the_law():
    third = 0.01 / 3
    boxes = [Cost(train=0, forward=third, backward=third, update=third, cpu=0)] * 4
    setting = parse(["--boxes", "4", "--link-delay-ms", "37", "--target", "1"])
    assert simulated_least_lag(setting, "synthetic") == least_lag(boxes, [0.074] * 3)


def test_a_sweep_has_its_values_in_order():
    found = swept(parse([]), "boxes=10:1000:log:3")
    assert [one.boxes for one in found.settings] == [10, 100, 1000]
    assert [one.link_delay_ms for one in swept(parse([]), "link-delay-ms=0:10:3").settings] == ["0", "5", "10"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--boxes 0", "boxes: 0 is out of range; give a whole number from 1 to 100000"),
        ("--updates dni", "updates: 'dni' is not known; choose from synthetic"),
        ("--jitter 0.3", "jitter: '0.3' is no distribution; give none, or lognormal:S with S up to 3"),
        ("--stragglers 1%", "stragglers: '1%' are no stragglers; give a share and a factor from 1 on, such as 1%:4x"),
        ("--cores-per-node 2", "cores_per_node: 2 has no effect, for there are no --nodes; drop one, or add the other"),
        ("--nodes 2 --shared-uplink", "shared_uplink: a link without a limit has no queue; give --link-mbps, too"),
        ("--nodes 9", "nodes: 9 are more than the 4 boxes; give at most 4"),
        ("--link-delay-ms fast", "link_delay_ms: 'fast' is not a delay"),
        ("--compute-delay-ms 0", "compute_delay_ms: boxes that do nothing have no speed"),
        ("--updates locked --lag 3", "lag: 3 has no effect, for of locked none has a lag"),
        ("--seed 3", "seed: 3 has no effect, for nothing is random"),
        ("--sweep lag=1:4 --target 0.9", "target: 0.9 has no effect, for a --sweep looks for no lag"),
        ("--updates local,local", "updates: local stands there 2 times; give each rule once"),
        ("--boxes 1 --link-mbps 5", "link_mbps: 5.0 has no effect, for a single box has no neighbour"),
        ("--updates diloco --batch 8", "batch: 8 has no effect, for diloco sends whole weights"),
        ("--stragglers 0%:4x", "stragglers: 0%:4x slows no box; give a share above 0 and a factor above 1"),
        ("--sweep lag=1:4 --output none/x.png", "output: 'none/x.png' cannot be written; give a file in a folder"),
        ("--perfetto /", "perfetto: '/' cannot be written"),
        ("--costs none", "costs: 'none' holds no run that can be read"),
        ("--lagg 3", "--lagg: there is no such option; did you mean --lag?"),
    ],
)
def test_wrong_input_is_one_sentence(words, sentence):
    with pytest.raises(ConfigError) as caught:
        parse(words.split())
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lag", "is no range"),
        ("colour=1:2", "cannot be varied"),
        ("lag=4:4", "is an empty range"),
        ("boxes=0:10:log", "is an empty range"),
        ("boxes=0:10", "0 is out of range"),
        ("lag=1:9:1", "1 values are out of range"),
    ],
)
def test_a_wrong_sweep_is_one_sentence(text, problem):
    with pytest.raises(ConfigError, match=problem):
        swept(parse([]), text)


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "dni_actors", "simulate", *words], capture_output=True, text=True, check=False
    )


def test_the_command_prints_a_table_or_lines_of_json(tmp_path):
    words = ("--boxes", "4", "--updates", "synthetic,diloco", "--diloco-every", "10")
    plain, lines = command(*words), command(*words, "--console", "json")
    assert plain.returncode == lines.returncode == 0, plain.stderr + lines.stderr
    assert "the boxes' own work" in plain.stdout
    assert [json.loads(line)["update"] for line in lines.stdout.splitlines()] == ["synthetic", "diloco"]
    picture = tmp_path / "sweep.png"
    done = command(*words, "--sweep", "lag=1:4", "--output", str(picture), "--link-delay-ms", "20")
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_ends_with_2_for_wrong_input():
    wrong = command("--boxes", "many")
    assert (wrong.returncode, wrong.stderr) == (2, "dni_actors: boxes: 'many' is not a whole number; give one\n")


def test_costs_come_from_a_real_runs_record(tmp_path):
    """Emulated boxes of 6 ms and links of 10 ms, all in one process."""
    fields = {"compute_delay_ms": "6", "link_delay_ms": "10", "trace": "full", "ticks": 40}
    run(tiny(storage=str(tmp_path), name="real", **fields))
    setting = parse(["--costs", str(tmp_path / "real")])
    scene = setting.scene("synthetic", 0, failures=False)
    assert setting.boxes == 3
    assert scene.sleeps.sum(axis=0).tolist() == pytest.approx([6e6] * 3, rel=0.01)
    assert (scene.work.total >= 6e6).all()
    assert (scene.latency >= 10e6).all()


def test_measured_costs_serve_other_numbers_of_boxes_and_links(tmp_path):
    run(tiny(storage=str(tmp_path), name="real", ticks=20, trace="full"))
    costs, kept = ["--costs", str(tmp_path / "real")], str(tmp_path / "kept.json")
    few, many = (parse([*costs, *more]).scene("synthetic", 0, False) for more in ([], ["--boxes", "9"]))
    for one, other in zip(few.work, many.work, strict=True):
        assert [one[0], one[-1]] == [other[0], other[-1]]
        assert set(other[1:-1].tolist()) == {round(float(one[1:-1].mean()))}
    far = parse([*costs, "--link-delay-ms", "5"]).scene("synthetic", 0, False)
    np.testing.assert_array_equal(far.latency, few.latency + 5_000_000)
    assert (far.jitter.min() - 1) * far.latency.mean() >= -few.latency.mean() - 1  # what was added does not vary
    keep(parse(costs).measured, kept)
    again = parse(["--costs", kept]).scene("synthetic", 0, False)
    np.testing.assert_array_equal(again.work, few.work)
    np.testing.assert_allclose(again.noise.mean(), 1, rtol=1e-5)


def test_costs_of_a_single_box_are_kept_too(tmp_path):
    run(tiny(storage=str(tmp_path), name="real", ticks=20, trace="full", boxes=1, unroll=None))
    kept = str(tmp_path / "kept.json")
    keep(parse(["--costs", str(tmp_path / "real"), "--boxes", "1"]).measured, kept)
    assert parse(["--costs", kept, "--boxes", "1"]).scene("synthetic", 0, False).boxes == 1


def test_costs_ship(tmp_path):
    done = command("--costs", "shipped", "--updates", "synthetic")
    assert done.returncode == 0, done.stderr
    assert "costs of calibration (task rows, boxes 4, " in done.stdout
    assert "\nyours: --costs runs/NAME" in done.stdout
    broken = tmp_path / "costs.json"
    broken.write_text("{}")
    with pytest.raises(ConfigError, match="holds no costs that can be read"):
        parse(["--costs", str(broken)])


def test_a_record_without_a_trace_tells_too_little(tmp_path):
    run(tiny(storage=str(tmp_path), name="real", ticks=20, trace="off"))
    with pytest.raises(ConfigError, match="tells too little"):
        parse(["--costs", str(tmp_path / "real")])


def test_a_trace_has_all_that_a_real_runs_has(tmp_path):
    place = tmp_path / "trace.json.gz"
    done = command("--boxes", "3", "--ticks", "5", "--link-delay-ms", "5", "--perfetto", str(place))
    assert done.returncode == 0, done.stderr
    events = json.loads(gzip.decompress(place.read_bytes()))["traceEvents"]
    named = {event["name"] for event in events}
    assert {"tick 0", "tick 4", "forward", "put State 0", "take Gradient 0", "wait State", "thread_name"} <= named
    assert sum(event["ph"] == "s" for event in events) == sum(event["ph"] == "f" for event in events) > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--updates", "diloco", "--perfetto", "x"), "perfetto: diloco is no chain of boxes"),
        (("--updates", "locked", "--target", "0.9"), "target: locked has no lag"),
    ],
)
def test_what_a_rule_has_not_is_one_sentence(words, sentence):
    done = command(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
