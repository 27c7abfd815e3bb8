"""The command survives boxes that are killed or hang, and its own death: always with the undisturbed digest."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from dni_actors.observe.trace import TICK
from dni_actors.record.storage import Storage
from dni_actors.record.traces import Traces
from tests.processes import alive, children, descendants, eventually
from tests.test_launch import LAUNCH, place, private_folders  # noqa: F401  place is a fixture

RUN = ["--task", "rows", "--hidden", "16", "--batch", "8", "--seed", "7", "--console", "json", "--name", "it"]
TICKS = 3000  # so many that every fault comes long before the end
LONG = [*RUN, "--ticks", str(TICKS), "--evaluate-every", "500", "--checkpoint-every", "40"]
EVALUATED = list(range(500, TICKS + 1, 500))


class Command:
    """The command, its JSON lines as they come."""

    def __init__(self, place, *argv):  # noqa: F811
        self.process = subprocess.Popen(
            [*LAUNCH, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **place
        )
        self._errors = []
        self._reader = threading.Thread(target=lambda: self._errors.append(self.process.stderr.read()), daemon=True)
        self._reader.start()
        self.lines = []

    def until(self, wanted):
        """Reads on until a line is the one wanted: that line; fails if the command ends before."""
        for text in self.process.stdout:
            self.lines.append(json.loads(text))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"the command ended: {self.lines[-1:]} {self.error()}")

    def event(self, name):
        return self.until(lambda line: line.get("event") == name)

    def pids(self):
        return [where["pid"] for where in self.event("started")["boxes"]]

    def ended(self):
        """Reads to the end: result.json's content."""
        result = self.until(lambda line: "status" in line)
        assert self.process.wait(timeout=60) == 0, self.error()
        return result

    def error(self):
        self._reader.join(timeout=60)
        return "".join(self._errors)

    def close(self):
        self.process.kill()
        self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def begin(place):  # noqa: F811
    """Starts commands."""
    commands = []

    def start(*argv):
        commands.append(Command(place, *argv))
        return commands[-1]

    yield start
    for command in commands:
        command.close()


@pytest.fixture(scope="module")
def undisturbed():
    """The digest of LONG, inline."""
    from dni_actors.nn.digest import combine
    from dni_actors.options import parse
    from dni_actors.runtime.inline import Chain

    return combine(Chain(parse([*LONG, "--runtime", "inline"])).run())


def box_processes(driver):
    """Processes of boxes, by what Ray calls them."""
    return {process.pid for process in descendants(driver, "BoxActor")}


def a_cut_is_being_written(place):  # noqa: F811
    """Whether the newest cut's folder is there, but not its COMPLETE."""
    cuts = place["cwd"] / "runs" / "it" / "cuts"
    newest = max(os.listdir(cuts), default="")
    return newest and not (cuts / newest / "COMPLETE").exists()


def test_five_kills_leave_the_digest_alone(begin, place, undisturbed):  # noqa: F811
    shared = shared_memory()
    command = begin(*LONG, "--trace", "full")
    pids = command.pids()
    command.event("kept")
    assert eventually(lambda: a_cut_is_being_written(place), every=0.0)
    os.kill(pids[2], signal.SIGKILL)
    pids = command.pids()
    command.event("kept")
    for pid in pids[1:3]:  # neighbours, at once
        os.kill(pid, signal.SIGKILL)
    known = box_processes(command.process.pid)
    command.event("lost")
    assert eventually(lambda: box_processes(command.process.pid) - known)
    for pid in box_processes(command.process.pid) - known:  # while it starts
        os.kill(pid, signal.SIGKILL)
        break
    pids = command.pids()
    command.event("kept")
    os.kill(pids[3], signal.SIGKILL)
    family = children(command.process.pid)
    result = command.ended()
    nothing_is_left(place, family, shared)
    assert result["digest"] == undisturbed
    traces = Traces(Storage.of(str(place["cwd"] / result["path"])) / "trace")
    assert len(traces.overview.starts) >= 4
    told = np.concatenate(list(traces.events((TICK,))))
    assert sorted(zip(told["tick"].tolist(), told["box"].tolist(), strict=True)) == [
        (tick, box) for tick in range(TICKS) for box in range(len(pids))
    ]
    assert [e["tick"] for e in result["evaluations"]] == EVALUATED
    assert sum(result["restarts"]) == 5
    assert result["cuts"][-1] == TICKS
    replayed = subprocess.run(
        [sys.executable, "-m", "dni_actors.replay", "runs/it"], capture_output=True, text=True, timeout=100, **place
    )
    assert re.fullmatch(rf"equal: \d+ cuts and ticks 0 to {TICKS - 1} of 4 boxes\n", replayed.stdout)
    table = metrics(place)
    for k in range(4):
        mine = sorted((row["first_tick"], row["last_tick"]) for row in table if row["box"] == k)
        assert [n for first, last in mine for n in range(first, last + 1)] == list(range(TICKS))


def part_of_ray(driver, name):
    """The one process of this name in its command line."""
    (process,) = descendants(driver, name)
    return process.pid


def test_a_ray_that_is_lost_is_started_again_and_one_that_hangs_does_not_keep_the_command(begin, place, undisturbed):  # noqa: F811
    """Its raylet, an agent of that, and the GCS are killed; a box and a worker stop as they start; and at last the GCS
    and the raylet stop, so that Ray cannot be shut down."""
    shared = shared_memory()
    command = begin(*LONG)
    driver, family = command.process.pid, set()
    pids = command.pids()
    command.event("kept")
    known = box_processes(driver)
    os.kill(pids[1], signal.SIGKILL)
    assert eventually(lambda: box_processes(driver) - known, every=0.0)
    (starting,) = box_processes(driver) - known
    os.kill(starting, signal.SIGSTOP)
    command.event("lost")
    assert command.event("lost")["why"] == "its process died while it was started"
    assert not alive(starting)
    for name in ("raylet/raylet", "RuntimeEnvAgent", "gcs_server"):
        command.pids()
        command.event("kept")
        family |= children(driver)
        os.kill(part_of_ray(driver, name), signal.SIGKILL)
        why = command.until(lambda line: line.get("event") == "lost" and "Ray" in line["why"])["why"]
        lost = "gcs_server" if name == "gcs_server" else "raylet"
        assert why == f"Ray's {lost} ended: it is started again, with all boxes"
    command.pids()
    family |= children(driver)
    command.until(lambda line: line.get("tick", 0) >= TICKS - 300)
    for name in ("gcs_server", "raylet/raylet"):
        os.kill(part_of_ray(driver, name), signal.SIGSTOP)
    result = command.ended()
    nothing_is_left(place, family, shared)
    assert result["digest"] == undisturbed
    assert [e["tick"] for e in result["evaluations"]] == EVALUATED


def nothing_is_left(place, family, shared):  # noqa: F811
    assert eventually(lambda: not [pid for pid in family if alive(pid)]), "no process is left"
    assert eventually(lambda: not private_folders(place)), "no private folder is left"
    assert eventually(lambda: shared_memory() <= shared), "no shared memory is left, of ours or of others for long"


def shared_memory():
    """Python's own semaphores left out: nobody here makes any, but others on this machine may."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")}


def metrics(place):  # noqa: F811
    from dni_actors import Result

    return Result.from_path(place["cwd"] / "runs" / "it").metrics.to_pylist()


def test_a_run_that_is_interrupted_or_killed_goes_on_each_time_to_the_same_digest(begin, place, undisturbed):  # noqa: F811
    shared, kept = shared_memory(), place["cwd"] / "runs" / "it" / "result.json"

    # SIGTERM, as of `ray job stop`, whose SIGKILL comes soon after: the result is written before Ray is shut down.
    command = begin(*LONG)
    command.event("kept")
    command.process.terminate()
    assert eventually(kept.exists, every=0.0)
    assert command.process.poll() is None, "Ray is still there"
    command.process.kill()
    command.process.wait(timeout=60)
    assert json.loads(kept.read_text())["status"] == "interrupted"

    # Ctrl-C, in another runtime.
    command = begin(*LONG, "--runtime", "inline")
    reached = command.event("started")["tick"]
    assert reached > 0
    command.event("kept")
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(timeout=60) == 130

    # SIGKILL while its boxes start, and while it learns.
    command = begin(*LONG)
    assert eventually(lambda: box_processes(command.process.pid))
    killed(command, place, shared)
    command = begin(*LONG)
    assert command.event("started")["tick"] > reached
    for _ in range(3):
        command.event("kept")
    killed(command, place, shared)

    result = begin("--resume", "runs/it", "--console", "json").ended()
    assert (result["digest"], result["runtime"], result["wire"]) == (undisturbed, "ray", "sockets")
    assert [e["tick"] for e in result["evaluations"]] == EVALUATED


def killed(command, place, shared):  # noqa: F811
    family = children(command.process.pid)
    command.process.kill()
    assert command.process.wait(timeout=60) == -9
    nothing_is_left(place, family, shared)


def test_restarts_that_are_used_up_end_with_a_sentence_and_a_folder_to_go_on_from(begin, place):  # noqa: F811
    command = begin(*LONG, "--max-restarts", "1")
    for _ in range(2):
        pids = command.pids()
        command.event("kept")
        os.kill(pids[1], signal.SIGKILL)
    family = children(command.process.pid)
    result = command.until(lambda line: "status" in line)
    assert command.process.wait(timeout=60) == 1
    assert eventually(lambda: not any(alive(pid) for pid in family))
    error = command.error()
    assert re.fullmatch(
        r"dni_actors: box 1, tick \d+: its process \d+ died \(killed, out of memory, or crashed\); "
        r"restarts left: 0 of 1 \(--max-restarts\); the same command with --resume goes on from the last complete "
        r"cut\n",
        error,
    )
    assert (result["status"], result["restarts"]) == ("failed", [0, 1, 0, 0])
    assert result["error"] == error.removeprefix("dni_actors: ").strip()
    assert str(pids[1]) in error
    assert list((place["cwd"] / result["path"]).glob("cuts/*/COMPLETE"))
