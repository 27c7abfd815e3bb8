import contextlib
import io
import tomllib

import pytest
import tomli_w

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import PART_OF, RunConfig
from dni_actors.options import parse


def told(*argv):
    with pytest.raises(ConfigError) as caught:
        parse(argv)
    return str(caught.value)


def test_nothing_given_is_the_seed_preset():
    assert parse([]) == RunConfig.preset("seed")


def test_a_task_alone_brings_its_own_defaults():
    config = parse(["--task", "rows", "--boxes", "7"])
    assert config == RunConfig.of(task="rows", boxes=7)
    assert config.unrolls == (4,) * 7


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('task = "rows"\nlag = 5\nbatch = 16\nticks = 9\nunroll = 14\n')
    config = parse(["--config", str(file), "--batch", "8"])
    assert (config.learning.lag, config.learning.batch, config.ticks, config.unrolls) == (5, 8, 9, (14, 14))
    assert config.learning.optimizer == "adam"  # the task's default
    assert parse(["--config", str(file), "--epochs", "1"]).ticks == 250
    assert parse(["--config", str(file), "--boxes", "4"]).unrolls == (7,) * 4


def test_flags_take_lists_booleans_and_both_spellings():
    config = parse(["--unroll", "1", "2", "0", "--no-conditioned", "--evaluate-every=3", "--learning_rate", "0.5"])
    assert config.unrolls == (1, 2, 0)
    assert not config.synthesizer.conditioned
    assert config.evaluate_every == 3
    assert config.learning.learning_rate == (0.5,)


def test_a_runs_config_file_gives_the_run_again(tmp_path):
    config = RunConfig.of(task="rows", unroll=[20, 8], lag=3, clip=0.5)
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps({name: value for name, value in config.flat().items() if value is not None}))
    assert parse(["--config", str(file)]) == config
    assert tomllib.loads(file.read_text())["unroll"] == [20, 8]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--lagg", "3"], "--lagg: there is no such option; did you mean --lag?"),
        (["--zzz"], "--zzz: there is no such option; see --help"),
        (["stray"], "stray: there is no such option; see --help"),
        (["--lag", "x"], "lag: 'x' is not a whole number or auto; give one"),
        (["--ticks", "x"], "ticks: 'x' is not a whole number; give one"),
        (["--boxes", "1.5"], "boxes: '1.5' is not a whole number or auto; give one"),
        (["--unroll", "1", "x"], "unroll: '1', 'x' are not whole numbers; give them as 1 1 0"),
        (["--unroll", "1,1,0"], "unroll: '1,1,0' are not whole numbers; give them as 1 1 0"),
        (["--kernels", "fast"], "kernels: 'fast' is not known; choose from '"),
        (["--preset", ""], "preset: '' is not known"),
        (["--config", "/"], "config: '/' cannot be read (Is a directory)"),
        (["--learning-rate", "fast"], "learning_rate: 'fast' is not a number; give one"),
        (["--update", "foo"], "update: 'foo' is not known; choose from 'synthetic', 'local', 'truncated'"),
        (["--cell", "grue"], "cell: 'grue' is not known; did you mean gru?"),
        (["--ticks"], "ticks: a value is missing; give one, or see --help"),
        (["--lag"], "lag: a value is missing; give one, or see --help"),
        (["--preset"], "preset: a value is missing"),
        (["--unroll"], "unroll: no number was given"),
        (["--ticks", "1", "--epochs", "1"], "ticks: 1 and epochs 1 exclude each other"),
        (["--config", "/no/such/file"], "config: '/no/such/file' cannot be read (No such file or directory)"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_flags_are_one_sentence(argv, sentence):
    assert told(*argv).startswith(sentence)
    assert "\n" not in told(*argv)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"lag = = 3", "is not valid TOML"),
        (b"lagg = 3", "lagg: there is no such field; did you mean lag?"),
        (b'lag = "x"', "lag: 'x' is not a whole number or auto; give a"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"preset = [1]", "preset: [1] is not a text"),
        (b"[learning]\nlag = 3", "learning: [learning] is a table; fields stand on their own lines"),
        (b"learning_rate = 1" + b"0" * 400, "learning_rate: 1000"),
        (b"lag = " + b"1" * 5000, "is not valid TOML"),
        (b"unroll = " + b"[" * 5000, "is not valid TOML"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "settings.toml"
    file.write_bytes(text)
    assert sentence in told("--config", str(file))


def test_help_names_every_option_with_its_default():
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as end:
        parse(["--help"])
    assert end.value.code == 0
    for name in [*PART_OF, "preset", "list_presets", "config", "resume"]:
        flag = "lambda_" if name == "lambda_" else name.replace("_", "-")
        assert f"--{flag}" in shown.getvalue()
    assert " ".join(shown.getvalue().split()).count("(default:") == len(PART_OF) + 4


def test_presets_are_listed(capsys):
    with pytest.raises(SystemExit) as end:
        parse(["--list-presets"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("seed ")
