import dataclasses
import pickle

import pytest

from dni_actors.config.checks import ConfigError
from dni_actors.config.fields import FIELDS, doc_lines
from dni_actors.config.parts import ChainConfig, LearningConfig, OutputConfig
from dni_actors.config.presets import PRESETS, TASK_DEFAULTS
from dni_actors.config.run import RunConfig
from dni_actors.experiment import unplaced


def told(**fields):
    with pytest.raises(ConfigError) as caught:
        RunConfig.of(**fields)
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "unrolls"),
    [
        ({}, (1, 1, 0)),
        ({"boxes": 5}, (1, 1, 1, 1, 0)),
        ({"boxes": 1}, (1,)),
        ({"task": "text"}, (5,)),
        ({"task": "text", "boxes": 3}, (1, 1, 1)),
        ({"task": "text", "boxes": 3, "unroll": 5}, (5, 5, 5)),
        ({"unroll": [2, 3]}, (2, 3)),
        ({"task": "rows"}, (7, 7, 7, 7)),
        ({"task": "rows", "boxes": 3}, (10, 9, 9)),
        ({"task": "rows", "unroll": 14}, (14, 14)),
        ({"task": "rows", "unroll": 7, "boxes": 4}, (7, 7, 7, 7)),
        ({"task": "rows", "boxes": 29}, (1,) * 28 + (0,)),
    ],
    ids=str,
)
def test_the_steps_are_shared_out(fields, unrolls):
    assert RunConfig.of(**fields).unrolls == unrolls


@pytest.mark.parametrize(
    ("fields", "cores", "unrolls"),
    [
        ({"task": "rows"}, 4, (7, 7, 7, 7)),
        ({"task": "rows"}, 1, (28,)),
        ({"task": "rows"}, 64, (1,) * 28),
        ({"task": "rows", "unroll": 14}, 5, (14, 14)),
        ({"task": "rows", "unroll": (20, 8)}, 5, (20, 8)),
        ({"task": "mnist01"}, 4, (1, 1, 1, 0)),
        ({"task": "copy", "unroll": 4}, 3, (4, 4, 4)),
        ({"task": "binary-addition", "cell": "dense"}, 4, (1, 1, 1, 0)),
    ],
    ids=str,
)
def test_boxes_are_fitted_to_cores_and_none_is_left_without_a_step(fields, cores, unrolls):
    config = RunConfig.of(boxes="auto", **fields)
    assert config.fitted(cores).validated().unrolls == unrolls
    assert config.fitted(cores).chain.boxes == len(unrolls)
    assert config.fitted(cores).fitted(7) == config.fitted(cores)


def test_where_cores_tell_the_boxes_what_a_single_one_cannot_use_is_dropped():
    config = RunConfig.of(task="rows", boxes="auto", lag=4, learning_rate=(0.1, 0.2))
    assert config.fitted(2).validated().learning.lag == 4
    assert config.replace(learning_rate=0.1).fitted(1).validated().learning.lag == 2
    with pytest.raises(ConfigError, match=r"^learning_rate: 2 numbers for 4 boxes"):
        config.fitted(4).validated()


def test_a_changed_configuration_goes_without_what_is_of_no_use_any_more():
    config = RunConfig.of(task="rows", boxes=4, lag=4, warmup=3, seed=5)
    locked = config.changed(update="locked", micro_batches=2)
    assert (locked.learning.lag, locked.synthesizer.warmup, locked.learning.seed) == (2, 0, 5)
    assert locked == RunConfig.lenient(task="rows", boxes=4, lag=4, warmup=3, seed=5, update="locked", micro_batches=2)
    with pytest.raises(ConfigError, match=r"^warmup: 4 has no effect: update locked has no synthesizer"):
        config.changed(update="locked", warmup=4)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"weights": "shared", "boxes": 2, "learning_rate": (0.1, 0.2)},
            "learning_rate: 0.1 0.2: boxes that share",
        ),
        ({"unlock": "full", "weights": "shared"}, "unlock: full receives states late, and shared weights are"),
        (
            {"streams": 2},
            "streams: 2 has no effect: mnist01 is no stream; drop it, or use a task without an end",
        ),
        (
            {"runtime": "inline", "wire": "ray"},
            "wire: ray has no effect: all boxes are in this process; drop it, or use",
        ),
        ({"task": "rowz"}, "task: 'rowz' is not known; did you mean rows?"),
        ({"preset": "sede"}, "preset: 'sede' is not known; did you mean seed?"),
        ({"lagg": 3}, "lagg: there is no such field; did you mean lag?"),
        ({"lag": 0}, "lag: 0 is out of range; give a whole number from 1 to 1000000"),
        ({"lag": "2"}, "lag: '2' is not a whole number or auto; give a whole number or auto"),
        ({"lag": "outo"}, "lag: 'outo' is not a whole number or auto; give a whole number or auto"),
        ({"batch": 6, "update": "locked", "micro_batches": 4}, "micro_batches: 4 does not divide the batch of 6; give"),
        (
            {"micro_batches": 2},
            "micro_batches: 2 has no effect: only --update locked cuts a mini-batch into pieces",
        ),
        ({"wire_dtype": "float8"}, "wire_dtype: 'float8' is not known; did you mean float"),
        ({"ticks": 5, "epochs": 1}, "ticks: 5 and epochs 1 exclude each other; give one"),
        ({"update": "lock"}, "update: 'lock' is not known; did you mean locked?"),
        ({"task": "rows", "unroll": [5, 5]}, "unroll: 5 5 adds up to 10, but rows has 28 steps; give 28 in all, or"),
        ({"task": "rows", "boxes": 30}, "boxes: 30 leaves boxes without a step"),
        ({"unroll": [1, 0, 1]}, "unroll: 1 0 1: only the last box may have 0 steps"),
        ({"unroll": [0]}, "unroll: 0: only the last box may have 0 steps"),
        ({"unroll": [2, -1]}, "unroll: -1 is out of range; give a whole number from 0 to 1000000"),
        ({"unroll": []}, "unroll: no number was given"),
        ({"unroll": "x"}, "unroll: 'x' is neither a whole number nor a list"),
        ({"boxes": 3, "unroll": [1, 1]}, "unroll: 1 1 makes 2 boxes, but boxes is 3; drop one"),
        ({"batch": 801}, "batch: 801 is larger than the 800 training samples of mnist01; give at most 800"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is out of range; give a number above 0"),
        ({"learning_rate": 0}, "learning_rate: 0.0 is out of range; give a number above 0"),
        (
            {"synthesizer_learning_rate": float("inf")},
            "synthesizer_learning_rate: inf is out of range; give a number",
        ),
        ({"clip": -1.0}, "clip: -1.0 is out of range; give a number from 0 on"),
        ({"seed": -1}, "seed: -1 is out of range; give a whole number from 0 to 9223372036854775807"),
        ({"seed": 2**63}, "seed: 9223372036854775808 is out of range"),
        ({"conditioned": "yes"}, "conditioned: 'yes' is not true or false"),
        (
            {"synthesizer": "mlp1"},
            "synthesizer_optimizer: nlms works with the linear synthesizer only",
        ),
        ({"compute_delay_ms": "3:1"}, "compute_delay_ms: '3:1' is not a delay; give milliseconds up to 3600000, as 5"),
        ({"link_delay_ms": "1e14"}, "link_delay_ms: '1e14' is not a delay"),
        ({"boxes": 10**9}, "boxes: 1000000000 is out of range; give a whole number from 1 to 10000"),
        ({"hidden": 10**13}, "hidden: 10000000000000 is out of range"),
        ({"learning_rate": 10**400}, "learning_rate: 1000"),
        (
            {"task": "copy", "lag": "auto"},
            "lag: auto measures with --update locked, which streams such as copy cannot",
        ),
        ({"preset": ""}, "preset: '' is not known; choose from seed"),
        ({"preset": [1]}, "preset: [1] is not a text"),
        ({"storage": ""}, "storage: '' is not a folder"),
        ({"storage": "a\0b"}, "storage: "),
        ({"link_delay_ms": "nan"}, "link_delay_ms: 'nan' is not a delay"),
        ({"name": "a/b"}, "name: 'a/b' cannot name a run; give up to 128 letters"),
        ({"name": "a" * 300}, "name: "),
        ({"name": ".."}, "name: '..' cannot name a run"),
        ({"name": "two\nlines"}, "name: 'two\\nlines' cannot name a run"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_input_is_one_sentence_with_field_value_and_remedy(fields, sentence):
    assert told(**fields).startswith(sentence)
    assert "\n" not in told(**fields)


def test_ticks_replace_a_presets_epochs_and_the_other_way_round():
    assert RunConfig.preset("seed", ticks=7).ticks == 7
    assert RunConfig.of(task="rows", epochs=2).ticks == 2 * (4000 // 32)
    assert RunConfig.preset("seed", ticks=7).replace(epochs=1).ticks == 200


def test_numbers_that_mean_the_same_are_taken():
    config = RunConfig.of(learning_rate=1, compute_delay_ms=5, link_delay_ms="2:10")
    assert config.learning.learning_rate == (1.0,)
    assert config.compute_delay == (0.005, 0.005)
    assert config.link_delay == (0.002, 0.01)


def test_every_field_has_a_doc_line():
    assert doc_lines().keys() == FIELDS.keys() == RunConfig().flat().keys()
    assert all(line.endswith((".", ")")) for line in doc_lines().values())


@pytest.mark.parametrize("named", [{"preset": name} for name in PRESETS] + [{"task": name} for name in TASK_DEFAULTS])
def test_presets_and_defaults_are_valid(named):
    assert RunConfig.of(**named).validated()


def test_a_configuration_built_by_hand_is_checked_as_well():
    with pytest.raises(ConfigError, match="update: 'lokced' is not known; did you mean locked"):
        RunConfig(learning=LearningConfig(update="lokced")).validated()


def test_all_parts_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().learning.lag = 3


@pytest.mark.parametrize(
    "storage", ["s3://me:hush@bucket/runs", "abfs://c@a/runs?client_secret=hush", "s3://bucket/runs?secret_key=hush"]
)
def test_a_secret_in_the_storage_is_refused_without_repeating_it(storage):
    with pytest.raises(ConfigError, match=r"^storage: '.*' holds a secret, .* by the environment") as caught:
        RunConfig.of(storage=storage)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cpus_per_box", 0.0), ("cpus_per_box", float("nan")), ("placement_timeout", -1.0), ("placement", "here")],
)
def test_what_cannot_be_placed_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field}: "):
        RunConfig.of(**{field: value})


def test_a_plain_uri_is_no_secret():
    assert RunConfig.of(storage="s3://bucket/runs?region=eu-1&endpoint_override=host:9000").output.storage


def test_what_only_a_cluster_could_do_is_told(monkeypatch):
    """No Ray is needed to find out."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    asked = RunConfig.of(placement="spread", cpus_per_box=0.5)
    assert [warned.text for warned in unplaced(asked)] == [
        "placement spread has no effect without a cluster (--address)",
        "cpus_per_box 0.5 has no effect without a cluster (--address)",
    ]
    assert not unplaced(RunConfig.of(placement="spread", address="10.0.0.1:6379"))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert not unplaced(asked)


def test_a_configuration_is_made_of_fields_or_of_parts():
    made = RunConfig(task="rows", boxes=7)
    assert made == RunConfig.of(task="rows", boxes=7)
    assert RunConfig(task="rows", synthesizer="mlp1") == RunConfig.of(task="rows", synthesizer="mlp1")
    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.replace(made, output=OutputConfig(name="x")) == made.replace(name="x")
    assert RunConfig(made.chain, made.synthesizer, made.learning, made.execution, made.output) == made
    assert RunConfig() == RunConfig(chain=ChainConfig())
    assert RunConfig.preset("rows", name="x").output.name == "x"
    for wrong, field in (
        ({"tasc": "rows"}, "tasc: there is no such field; did you mean task"),
        ({"chain": "rows"}, "chain: 'rows' is a part of a configuration; give fields by name"),
        ({"chain": ChainConfig(), "boxes": 2}, "chain: .* is a part of a configuration; give fields by name"),
        ({"task": "rows", "boxes": 40}, "boxes: "),
    ):
        with pytest.raises(ConfigError, match=f"^{field}"):
            RunConfig(**wrong)
