import os
import subprocess
import sys
import tomllib

import pytest
import tomli_w

from dni_actors.config.checks import ConfigError
from dni_actors.config.fields import FIELDS
from dni_actors.config.run import RunConfig
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
    argv = ["--unroll", "1", "2", "0", "--no-conditioned", "--evaluate-every=3", "--learning_rate", "0.5"]
    config = parse([*argv, "--lambda", "0.25"])
    assert config.synthesizer.lambda_ == 0.25
    assert [parse(more).synthesizer.local_readout for more in ([], ["--task", "rows"])] == [False, None]
    assert [parse([f"--{no}local-readout"]).synthesizer.local_readout for no in ("", "no-")] == [True, False]
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
        (["--unroll", "1", "x"], "unroll: 'x' is not a whole number; give one"),
        (["--unroll", "1,1,0"], "unroll: '1,1,0' is not a whole number; give one"),
        (["--kernels", "fast"], "kernels: 'fast' is not known; choose from native, portable"),
        (["--preset", ""], "preset: '' is not known"),
        (["--config", "/"], "config: '/' cannot be read (Is a directory)"),
        (["--learning-rate", "fast"], "learning_rate: 'fast' is not a number; give one"),
        (["--update", "foo"], "update: 'foo' is not known; choose from synthetic, local, truncated"),
        (["--cell", "grue"], "cell: 'grue' is not known; did you mean gru?"),
        (["--ticks"], "ticks: a value is missing; give one, or see --help"),
        (["--lag"], "lag: a value is missing; give one, or see --help"),
        (["--preset"], "preset: a value is missing"),
        (["--unroll"], "unroll: a value is missing; give one, or see --help"),
        (["--lamda", "0.5"], "--lamda: there is no such option; did you mean --lambda?"),
        (["--local-readout=True"], "local_readout: it takes no value; give --local-readout or --no-local-readout"),
        (["--local-readout", "True"], "True: there is no such option; see --help"),
        (["--lambda", "2"], "lambda: 2.0 is out of range; give a number from 0 to 1"),
        (["--lag", "3", "4"], "4: there is no such option; see --help"),
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


def help_of(*argv, capsys):
    with pytest.raises(SystemExit) as end:
        parse([*argv, "--help-all"])
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_one_that_has_no_effect_is_refused_where_it_is_given_and_dropped_where_it_is_inherited(tmp_path, capsys):
    assert told("--update", "locked", "--warmup", "4") == (
        "warmup: 4 has no effect: update locked has no synthesizer; drop it, or use --update synthetic"
    )
    assert told("--cell", "dense", "--boxes", "4", "--learning-rate", "0.1", "0.2") == (
        "learning_rate: 2 numbers for 4 boxes; give one for all or one for each"
    )
    assert parse([]).synthesizer.synthesizer_optimizer == "nlms"
    assert parse(["--update", "locked"]).synthesizer.synthesizer_optimizer == "adam", "the preset's is gone"
    file = tmp_path / "settings.toml"
    file.write_text('warmup = 4\nupdate = "synthetic"')
    assert parse(["--config", str(file)]).synthesizer.warmup == 4
    assert not capsys.readouterr().err
    assert parse(["--config", str(file), "--update", "local"]).synthesizer.warmup == 0
    assert capsys.readouterr().err == "dni_actors: warmup 4 of the file has no effect here, and left out\n"


def test_help_names_every_option_with_the_default_that_holds(capsys, tmp_path):
    shown = help_of(capsys=capsys)
    config = RunConfig.preset("seed").flat()
    for name, field in FIELDS.items():
        assert f" {field.flag} " in shown or f" {field.flag}, " in shown
        assert name not in config or config[name] is not None or "(default: None)" not in shown
    assert shown.count("(default:") == sum(value not in (None, "") for value in config.values())
    for ugly in ("None", "INT", "lambda_", "True,"):
        assert ugly not in shown
    for right in (
        "--lambda X ", "--local-readout, --no-local-readout", "--lag N|auto ", "--unroll N [N ...] ",
        "--update {synthetic,local,truncated,locked,delayed,noise} ", "--boxes N|auto ", "--kernels {native,portable} ",
    ):  # fmt: skip
        assert f" {right}" in shown
    file = tmp_path / "settings.toml"
    file.write_text("batch = 17")
    assert "(default: 17)" in help_of("--config", str(file), capsys=capsys)
    assert "tick. (default: 10)" in help_of("--task", "binary-addition", capsys=capsys)


def test_the_usual_options_fit_two_screens_and_the_others_are_in_the_whole_help(capsys):
    found = []
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as end:
            parse([flag])
        assert end.value.code == 0
        found.append(capsys.readouterr().out)
    usual, whole = found
    assert len(usual.splitlines()) <= 100
    assert "--task " in usual
    assert "--warmup" not in usual
    assert "synthesizer:" not in usual, "no group without an option"
    for field in FIELDS.values():
        assert field.flag in whole


def test_a_reader_who_has_seen_enough_of_the_help_ends_it_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-m", "dni_actors.launch", "--help"]
    ended = subprocess.run(argv, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_presets_are_listed(capsys):
    with pytest.raises(SystemExit) as end:
        parse(["--list-presets"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("seed ")
