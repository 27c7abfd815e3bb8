"""A run that ended early, however, goes on with the same command, and ends as if nothing had been."""

import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dni_actors import ConfigError, Result, run
from dni_actors.nn.digest import combine
from dni_actors.observe.events import plain
from dni_actors.options import parse
from dni_actors.record.accounts import Reader
from dni_actors.record.cut_store import CutStore
from dni_actors.record.folder import RunFolder
from dni_actors.record.run_files import RunFiles
from dni_actors.record.storage import Storage
from dni_actors.runtime.inline import Chain
from tests.tiny import tiny


@pytest.fixture
def setting(tmp_path):
    def make(**fields):
        chosen = {"ticks": 60, "evaluate_every": 7, "checkpoint_every": 10, "storage": str(tmp_path), "name": "it"}
        return tiny(**(chosen | fields))

    return make


@pytest.fixture
def cut_short(monkeypatch, setting):
    """Runs, and presses Ctrl-C when the last box has done so many ticks."""
    turns = Chain.turns

    def go(after, **fields):
        def short(chain):
            for _ in turns(chain):
                yield
                if chain.steppers[-1].tick >= after:
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Chain, "turns", short)
            with pytest.raises(KeyboardInterrupt):
                run(setting(**fields))

    return go


def undisturbed(config):
    return combine(Chain(config).run())


@pytest.mark.parametrize("fields", [{}, {"update": "locked"}, {"update": "delayed", "lag": 3}], ids=str)
def test_the_same_command_goes_on_and_ends_with_the_same_digest(setting, cut_short, tmp_path, fields):
    cut_short(25, **fields)
    before = Result.from_path(tmp_path / "it")
    assert before.status == "interrupted"
    assert before.cuts
    cut_short(45, **fields)
    result = run(setting(**fields))
    assert result.digest == undisturbed(setting(**fields))
    assert [e["tick"] for e in result.evaluations] == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    whole = run(setting(name="whole", **fields))
    assert result.evaluations == whole.evaluations
    for k in range(3):
        rows = [row for row in result.metrics.to_pylist() if row["box"] == k]
        assert [n for row in rows for n in range(row["first_tick"], row["last_tick"] + 1)] == list(range(60))
    assert {row["incarnation"] for row in result.metrics.to_pylist()} == {0, 1, 2}


KILLED = """
import os, signal, sys
from dni_actors.experiment import run
from dni_actors.observe.events import Kept
from tests.tiny import tiny

class Killer:
    def __init__(self, standing): pass
    def open(self): pass
    def close(self, result): pass
    def show(self, event):
        if event == Kept(30):
            os.kill(os.getpid(), signal.SIGKILL)

run(tiny(**eval(sys.argv[1])), shown_by=Killer)
"""


def test_an_infinite_loss_is_kept_as_it_is_and_a_killed_run_goes_on(tmp_path):
    """The evaluation at the cut is done again, and has to be equal."""
    fields = {"task": "tiny-far", "ticks": 60, "evaluate_every": 10, "stop_after": 1000}  # a cut at each, at once
    fields |= {"storage": str(tmp_path), "name": "it"}
    child = subprocess.run([sys.executable, "-c", KILLED, repr(fields)], cwd=Path(__file__).parents[2], check=False)
    assert child.returncode == -signal.SIGKILL
    folder = RunFiles.of(str(tmp_path / "it"))
    kept = folder.complete(folder.cuts()[-1]).evaluations[0]
    assert (kept.tick, kept.loss, kept.validation_loss) == (10, math.inf, math.inf)
    assert math.isnan(kept.accuracy), "no number is right or wrong"
    assert repr(Reader(str(tmp_path / "it")).account().evaluations[0]) == repr(kept)
    result = run(tiny(**fields))
    assert (result.status, result.digest) == ("finished", undisturbed(tiny(**fields)))
    assert result.evaluations[0] == result.best == plain(kept._asdict())


def test_a_run_that_is_over_is_over(setting):
    first = run(setting())
    again = run(setting())
    assert (again.digest, again.evaluations, again.status) == (first.digest, first.evaluations, "finished")


def test_more_ticks_go_on_from_the_end(setting, tmp_path):
    run(setting(ticks=33))
    assert run(setting()).digest == undisturbed(setting())
    assert parse(["--config", str(tmp_path / "it" / "config.toml")]).ticks == 60


def test_resume_takes_the_settings_from_the_folder(setting, cut_short, tmp_path):
    cut_short(25, seed=5)
    config = parse(["--resume", str(tmp_path / "it"), "--console", "quiet", "--ticks", "60"])
    assert (config.output.name, config.learning.seed) == ("it", 5)
    assert run(config).digest == undisturbed(setting(seed=5))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seed": 1}, r"seed 0, not 1"),
        ({"seed": 1, "lag": 3}, r"lag 2, not 3; seed 0, not 1"),
        ({"ticks": 59}, r"ticks 60, not 59"),
        ({"unroll": (2, 2, 3)}, r"unroll \(3, 2, 2\), not \(2, 2, 3\)"),
        ({"kernels": "native", "wire_dtype": "float16"}, r"wire_dtype float32, not float16"),
    ],
    ids=str,
)
def test_other_settings_are_refused_by_name(setting, fields, words):
    run(setting())
    with pytest.raises(ConfigError, match=rf"name: 'it' is taken by a run with other settings \({words}\); give those"):
        run(setting(**fields))


def test_a_run_whose_rate_decays_cannot_become_longer(setting):
    run(setting(decay="linear"))
    with pytest.raises(ConfigError, match=r"\(ticks 60, not 70\)"):
        run(setting(decay="linear", ticks=70))


def test_what_cannot_change_the_result_may_differ(setting, cut_short):
    cut_short(25)
    free = {"evaluate_every": 0, "checkpoint_every": 3, "link_delay_ms": "0:0.2", "probe_every": 3, "console": "json"}
    assert run(setting(**free)).digest == undisturbed(setting())


def test_a_folder_that_holds_something_else_is_left_alone(setting, tmp_path):
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "precious").touch()
    with pytest.raises(ConfigError, match=r"name: 'it' is taken: the folder exists and holds no run"):
        run(setting())
    assert [path.name for path in (tmp_path / "it").iterdir()] == ["precious"]


class Killed(BaseException):
    """As SIGKILL: nobody cleans up."""


@pytest.mark.parametrize("steps", range(6))
def test_a_driver_killed_while_it_makes_its_folder_can_be_run_again(setting, monkeypatch, tmp_path, steps):
    """Before each of its steps: four folders, the draft of config.toml, and its name."""
    left = iter(range(steps))

    def dying(method):
        def step(*args):
            if next(left, None) is None:
                raise Killed
            return method(*args)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "make", dying(Storage.make))
        patch.setattr(Storage, "write", dying(Storage.write))
        patch.setattr(Path, "replace", dying(Path.replace))
        folder = RunFolder(setting(), Storage.of(str(tmp_path)))
        with pytest.raises(Killed):
            folder._make()
        folder.release()  # the lock went with its process
    made = [path.name for path in (tmp_path / "it").iterdir()] if steps else []
    assert len(made) == max(0, steps - 1)
    assert run(setting()).status == "finished"


def test_two_runs_cannot_share_a_folder(setting):
    first = RunFolder.open(setting().replace(kernels="native"))
    with pytest.raises(ConfigError, match=r"name: 'it' is taken by a run that is still going on"):
        run(setting())
    first.release()
    run(setting())


def test_storage_can_be_a_uri(setting, tmp_path):
    result = run(setting(storage=f"file://{tmp_path}/far"))
    assert (tmp_path / "far" / "it" / "result.json").exists()
    assert Result.from_path(f"file://{tmp_path}/far/it").digest == result.digest
    with pytest.raises(ConfigError, match=r"storage: 'nowhere://x' cannot be written \(.*\); give a folder"):
        run(setting(storage="nowhere://x"))


def test_storage_can_be_in_memory(setting, cut_short, monkeypatch):
    from pyarrow import fs

    memory = fs._MockFileSystem()
    monkeypatch.setattr(Storage, "of", classmethod(lambda cls, place: cls(memory, "runs", place)))
    cut_short(25)
    result = run(setting())
    assert result.digest == undisturbed(setting())
    assert memory.get_file_info("runs/it/result.json").is_file


def test_a_broken_part_of_the_metrics_is_one_sentence(setting, cut_short, tmp_path):
    cut_short(25)
    (part,) = (tmp_path / "it" / "metrics").iterdir()
    part.write_bytes(part.read_bytes()[:-7])
    with pytest.raises(OSError, match=r"part-00000\.parquet is no Parquet file of a run; remove it"):
        run(setting())
    part.unlink()
    assert run(setting()).digest == undisturbed(setting())


@pytest.mark.parametrize("fields", [{"checkpoint_every": 14}, {"checkpoint_every": None, "ticks": 200}], ids=str)
def test_the_cut_of_the_best_evaluation_is_kept(setting, monkeypatch, fields):
    """Where cuts cost nothing and the disk keeps up, that is the best of all evaluations; else the best with a cut."""
    fields = fields | {"learning_rate": 1.0}  # with which later ones are worse
    result = run(setting(**fields))
    scores = {e["tick"]: (e["validation_accuracy"], -e["validation_loss"]) for e in result.evaluations}
    scored = scores.keys() & set(result.cuts) - {result.ticks}
    assert scored, "an evaluation brings a cut"
    assert result.load_model().tick == max(scored | {result.ticks}, key=lambda tick: (scores[tick], -tick))
    write = CutStore.write
    monkeypatch.setattr(CutStore, "write", lambda store, *args, **how: write(store, *args, wait=True))
    monkeypatch.setattr("dni_actors.runtime.worker.checkpoints.SHARE", math.inf)
    free = run(setting(name="free", **fields))
    assert free.best["tick"] in free.cuts
    assert free.load_model().tick == free.best["tick"] < free.ticks


STOPS = {"stop_after": 2, "evaluate_every": 5, "ticks": 300, "learning_rate": 1e-30, "checkpoint_every": 0}


def test_patience_that_is_used_up_ends_the_run_at_a_cut(setting):
    """At this rate nothing changes: the first evaluation stays the best, the third one ends the run."""
    result = run(setting(**STOPS))
    assert (result.status, result.ticks, result.best["tick"]) == ("finished", 15, 5)
    assert [e["tick"] for e in result.evaluations] == [5, 10, 15]
    assert result.digest == undisturbed(setting(**(STOPS | {"ticks": 15})))
    assert result.cuts[-1] == 15, "what came after the end is dropped"
    assert 5 in result.cuts, "the best cut is kept"
    again = run(setting(**STOPS))
    assert (again.digest, again.ticks) == (result.digest, 15)


def test_a_disk_that_is_full_during_cuts_ends_nothing(tmp_path):
    """No file may grow beyond 48 kB: the settings and metrics fit, the parts of a cut do not."""
    flags = ["--task", "rows", "--hidden", "96", "--ticks", "40", "--checkpoint-every", "10", "--runtime", "inline"]
    command = [sys.executable, "-m", "dni_actors.launch", *flags, "--name", "it", "--console", "plain"]
    limit = (48_000, resource.RLIM_INFINITY)
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("could not be kept (File too large)") == 2, "once as it happens, once in the summary"
    result = json.loads((tmp_path / "runs" / "it" / "result.json").read_text())
    assert (result["status"], result["ticks"], result["cuts"]) == ("finished", 40, [])
    assert len(result["warnings"]) == 1


@contextmanager
def failing_disk(number):
    """From the third cut on, no part of one can be written, nor any metrics; what is small still can."""
    write, cuts = Storage.write, set()

    def full(storage, name, content):
        if name.startswith("box-0"):
            cuts.add(storage.name)
        if len(cuts) > 2 and name.startswith(("box-0", "part-")):
            raise OSError(number, os.strerror(number))
        write(storage, name, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "write", full)
        yield


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES], ids=errno.errorcode.get)
def test_a_disk_that_fails_from_the_third_cut_on_ends_nothing(setting, cut_short, tmp_path, number):
    every = {"evaluate_every": 10, "stop_after": 1000}  # with which every cut is written, however fast they come
    with failing_disk(number):
        result = run(setting(name="whole", **every))
    assert (result.status, result.cuts) == ("finished", [10, 20])
    assert result.digest == undisturbed(setting())
    assert len(result.warnings) == 1
    assert "the cut at tick 30 could not be kept" in result.warnings[0]
    assert os.strerror(number) in result.warnings[0]
    with failing_disk(number):
        cut_short(45, **every)
    before = Result.from_path(tmp_path / "it")
    assert (before.status, before.cuts, len(before.warnings)) == ("interrupted", [10, 20], 1)
    resumed = run(setting(**every))
    assert (resumed.digest, resumed.warnings) == (result.digest, [])


def test_a_filesystem_that_is_full_ends_nothing(tmp_path):
    """A real one: some cuts fit, until somebody else takes nearly all that is left."""
    if os.environ.get("HYPOTHESIS_PROFILE") != "soak" or os.geteuid():
        pytest.skip("mounts a tmpfs: for root, in make soak")
    (tmp_path / "runs").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path / "runs"], check=True)
    try:
        flags = ["--task", "rows", "--hidden", "64", "--ticks", "100", "--checkpoint-every", "10", "--name", "it"]
        command = [sys.executable, "-m", "dni_actors.launch", *flags, "--runtime", "inline", "--console", "json"]
        slow = [*command, "--compute-delay-ms", "10"]
        with subprocess.Popen(slow, cwd=tmp_path, stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                if json.loads(line).get("event") == "kept":
                    with (tmp_path / "runs" / "ballast").open("wb", buffering=0) as ballast:
                        with suppress(OSError):
                            while ballast.write(bytes(4096)):
                                pass
                        ballast.truncate(ballast.tell() - 64 * 1024)  # less than a cut takes
                    break
            *_, last = process.stdout
        assert process.returncode == 0
        result = json.loads(last)
        assert (result["status"], len(result["warnings"])) == ("finished", 1)
        assert "No space left on device" in result["warnings"][0]
        assert 0 < result["cuts"][-1] < 100
        (tmp_path / "runs" / "ballast").unlink()
        subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
        again = json.loads((tmp_path / "runs" / "it" / "result.json").read_text())
        assert (again["digest"], again["warnings"], again["cuts"][-1]) == (result["digest"], [], 100)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "runs"], check=True)


@pytest.mark.parametrize("damaged", ["box-001.arrow", "COMPLETE"])
def test_a_run_whose_newest_cut_is_damaged_goes_on_from_the_one_before(setting, cut_short, tmp_path, damaged):
    every = {"evaluate_every": 10, "stop_after": 1000}
    cut_short(35, **every)
    newest = Result.from_path(tmp_path / "it").cuts[-1]
    file = tmp_path / "it" / "cuts" / f"{newest:012}" / damaged
    file.write_bytes(file.read_bytes()[:-3])
    result = run(setting(**every))
    assert result.digest == undisturbed(setting())
    assert f"cuts/{newest:012}/{damaged} cannot be used" in result.warnings[0]
    assert [e["tick"] for e in result.evaluations] == list(range(10, 61, 10))


def test_the_evaluation_at_an_old_end_does_not_count_for_patience(setting):
    """A run of 12 ticks evaluates at 5, 10 and 12; one of 300 does not at 12, whatever it was before."""
    run(setting(**(STOPS | {"ticks": 12, "stop_after": 3})))
    result = run(setting(**(STOPS | {"stop_after": 3})))
    assert (result.ticks, result.best["tick"]) == (20, 5)


def test_resume_brings_its_own_settings(setting, tmp_path):
    run(setting())
    with pytest.raises(ConfigError, match=r"resume: .* brings its own settings; drop --name"):
        parse(["--resume", str(tmp_path / "it"), "--name", "other"])
    with pytest.raises(
        ConfigError, match=r"resume: .*nowhere' cannot be read \(No such file or directory\); give a run"
    ):
        parse(["--resume", str(tmp_path / "nowhere")])
