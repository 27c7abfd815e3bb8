"""The command as a user runs it: a process of its own, which starts a Ray of its own."""

import json
import os
import pty
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dni_actors import __version__
from dni_actors.config.checks import ConfigError
from dni_actors.nn.digest import combine
from dni_actors.options import parse
from dni_actors.runtime.cluster import joined, processes
from dni_actors.runtime.inline import Chain
from tests.processes import alive, children, descendants, eventually

LAUNCH = [sys.executable, "-m", "dni_actors.launch"]
ENDLESS = ["--ticks", "1000000", "--evaluate-every", "0"]


@pytest.fixture
def place(tmp_path):
    """Where commands run: an empty folder, and a home whose Ray token is the test's own."""
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(32))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "OMP_", "OPENBLAS_"))}
    work = tmp_path / "work"
    work.mkdir()
    sockets = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # a short name: 107 bytes are all that a socket's may have
    given = {"RAY_AUTH_TOKEN_PATH": str(token), "COLUMNS": "100", "TMPDIR": str(sockets)}
    yield {"cwd": work, "env": kept | given}
    assert eventually(lambda: not list(sockets.iterdir())), "the private folder is gone, however a run ends"
    shutil.rmtree(sockets)


def private_folders(place):
    return list(Path(place["env"]["TMPDIR"]).glob("dni-*"))


def launch(place, *argv):
    return subprocess.run([*LAUNCH, *argv], capture_output=True, text=True, timeout=100, **place)


def begin(place, *argv):
    """Starts a run and waits until its boxes are up: (process, folder, places)."""
    process = subprocess.Popen(
        [*LAUNCH, *argv, "--name", "it"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **place
    )
    folder = place["cwd"] / "runs" / "it"
    assert eventually(lambda: (folder / "boxes.json").exists() or process.poll() is not None, within=60)
    return process, folder, json.loads((folder / "boxes.json").read_text())


def test_the_seed_run_as_it_is(place):
    ended = launch(place, "--console", "json")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    result = lines[-1]
    assert result == json.loads((place["cwd"] / result["path"] / "result.json").read_text())
    assert (result["status"], result["runtime"], result["wire"], result["ticks"]) == (
        "finished",
        "ray",
        "sockets",
        1600,
    )
    assert result["test_accuracy"] >= 0.975
    events = [line["event"] for line in lines[:-1]]
    assert events[:2] == ["told", "up"]
    assert lines[1]["boxes"] == [], "Ray first, then boxes"
    lines = lines[events.index("started") - 1 :]
    assert len({where["pid"] for where in lines[1]["boxes"]}) == 3
    assert combine(Chain(parse(["--runtime", "inline", "--kernels", "native"])).run()) == result["digest"]


PYTHON = "/usr/bin/python3"  # which everybody may run, wherever the project's own lies
# As another user: tries to get at each file named on its input, and says what it could do.
STRANGER = """
import os, socket, sys
for name in sys.stdin.read().splitlines():
    for what, attempt in (
        ("list", lambda: os.listdir(os.path.dirname(name))),
        ("read", lambda: open(name, "rb").read(1)),
        ("write", lambda: open(name, "ab").close()),
        ("connect", lambda: socket.socket(socket.AF_UNIX).connect(name)),
        ("remove", lambda: os.unlink(name)),
        ("replace", lambda: socket.socket(socket.AF_UNIX).bind(name + "x")),
    ):
        if what in ("connect", "replace") and len(name) > 100:
            continue  # no socket can have that name
        try:
            attempt()
        except PermissionError:
            continue
        except OSError as error:
            print(what, name, error)
        else:
            print(what, name)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not os.access(PYTHON, os.X_OK),
    reason="needs root, setpriv and the system's Python, to be somebody else",
)
def test_another_user_gets_at_nothing_of_a_run(place):
    """Files in its folder, and whatever sockets and files below /tmp its processes have open, wherever they lie."""
    Path(place["env"]["TMPDIR"]).chmod(0o1777)
    process, _, _ = begin(place, *ENDLESS)
    pids = children(process.pid) | {process.pid}
    (private,) = private_folders(place)
    found = {*private.rglob("*"), *of_processes(pids)}
    files = sorted(path for path in found if path.exists() and place["cwd"] not in path.parents)
    sockets = sum(path.is_socket() for path in files)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PYTHON, "-c", STRANGER]
    tried = subprocess.run(
        nobody, input="\n".join(map(str, files)), capture_output=True, text=True, timeout=60, cwd="/"
    )
    process.kill()
    process.communicate(timeout=60)
    assert sockets >= 4, "of the boxes, of the raylet, of the object store"
    assert (tried.returncode, tried.stdout, tried.stderr) == (0, "", "")


def of_processes(pids):
    """Files below /tmp, and sockets' files, that they have open."""
    for process in processes.known(pids):
        with suppress(psutil.Error):
            yield from (Path(file.path) for file in process.open_files() if file.path.startswith("/tmp/"))
            yield from (Path(one.laddr) for one in process.net_connections("unix") if one.laddr.startswith("/"))


def test_boxes_listen_on_this_machine_only_and_ctrl_c_ends_the_run_with_a_summary(place):
    process, folder, places = begin(place, "--boxes", "6", "--hidden", "4", *ENDLESS)
    assert len({where["pid"] for where in places}) == 6
    family = children(process.pid) | {process.pid}
    assert {address for address, _ in listening(family)} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    for where in places:  # each box listens once: as a worker of Ray's, not for its neighbours
        assert len(listening({where["pid"]})) == 1
    (private,) = private_folders(place)
    assert private.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (private / "0").iterdir()) == [f"{k:03}" for k in range(5)], (
        "sockets of the boxes"
    )
    assert list(private.glob("r/session_latest/sockets/*")), "and of Ray"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: no evaluation yet after" in out
    assert "Traceback" not in err
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"
    assert eventually(lambda: not any(alive(pid) for pid in family))


def test_ctrl_c_while_ray_starts_ends_just_as_well(place):
    process = subprocess.Popen(
        [*LAUNCH, "--name", "it"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **place
    )
    assert eventually(lambda: descendants(process.pid, "gcs_server"))  # the first of Ray's processes
    process.send_signal(signal.SIGINT)
    family = children(process.pid)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "dni_actors: interrupted\n")
    assert "interrupted: no evaluation yet after 0 ticks" in out
    assert json.loads((place["cwd"] / "runs" / "it" / "result.json").read_text())["status"] == "interrupted"
    assert eventually(lambda: not any(alive(pid) for pid in family))


PROGRAM = """
import subprocess
from dni_actors import RunConfig, run
own = subprocess.Popen(["sleep", "600"])
result = run(RunConfig.of(task="xor", boxes=2, ticks=5, console="quiet"))
print(result.status, own.poll())
own.kill()
"""


def test_a_program_that_runs_a_chain_keeps_its_own_processes(place):
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, **place)
    assert (ended.returncode, ended.stdout) == (0, "finished None\n"), ended.stderr


def test_a_reader_that_goes_away_is_no_error(place):
    shell = f"{' '.join(LAUNCH)} --help | head -1"
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, **place)
    assert ended.stdout.startswith("usage: ")
    assert ended.stderr == ""


def listening(pids):
    """Addresses and ports on which processes listen."""
    inodes = set()
    for pid in pids:
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except (FileNotFoundError, ProcessLookupError):
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with open(f"/proc/net/{table}", encoding="ascii") as file:
            for row in (line.split() for line in list(file)[1:]):
                if row[3] == "0A" and row[9] in inodes:
                    words = bytes.fromhex(row[1].partition(":")[0])
                    packed = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                    found.add((socket.inet_ntop(family, packed), row[1].partition(":")[2]))
    return found


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--lagg", "3"], "--lagg: there is no such option; did you mean --lag?"),
        (["--task", "rows", "--unroll", "5", "5"], "unroll: 5 5 adds up to 10, but rows has 28 steps"),
        (["--batch", "801"], "batch: 801 is larger than the 800 training samples"),
        (["--storage", "/proc/nowhere"], "storage: '/proc/nowhere' cannot be written"),
        (["--address", "127.0.0.1:1"], "address: '127.0.0.1:1' does not answer"),
        (["--address", "nonsense"], "address: 'nonsense' is not host:port"),
        (["--address", "ray://127.0.0.1:10001"], "address: 'ray://127.0.0.1:10001' is a Ray Client address"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_input_ends_with_one_sentence_and_exit_code_2(place, argv, sentence):
    ended = launch(place, *argv, "--console", "quiet")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"dni_actors: {sentence}")
    assert ended.stderr.count("\n") == 1
    runs = place["cwd"] / "runs"
    assert not runs.exists() or not list(runs.iterdir())


def test_an_address_where_something_else_listens_is_told(monkeypatch):
    monkeypatch.setattr(joined, "ANSWER_WITHIN", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"address: '{address}' is not a Ray cluster, or refuses us; start one"):
            joined.check_answers(address)


def test_a_terminal_gets_the_live_table(place):
    """Under a pseudo-terminal: redrawn in place, the last frame and the summary stay."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*LAUNCH, "--runtime", "inline", "--ticks", "400"],
        stdin=side, stdout=side, stderr=side, **(place | {"env": place["env"] | {"TERM": "xterm-256color"}}),
    )  # fmt: skip
    os.close(side)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    assert process.wait(timeout=10) == 0
    text = shown.decode()
    assert "cosine" in text
    assert "400/400" in text
    assert "\x1b[" in text
    assert "finished: test accuracy" in text[text.rindex("400/400") :]


def test_the_package_lists_its_commands_and_runs_one(tmp_path):
    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "dni_actors", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert call("--version").stdout == f"dni_actors {__version__}\n"
    listed = call()
    assert listed.returncode == 0
    for name in ("demo", "launch", "compare", "predict", "report", "replay"):
        assert f"\n  {name} " in listed.stdout
    assert (
        call("launch", "--help").stdout
        == subprocess.run([*LAUNCH, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    )
    wrong = call("lunch")
    assert (wrong.returncode, wrong.stderr) == (2, "dni_actors: command: 'lunch' is not known; did you mean launch?\n")
    assert call("launch", "--tick", "3").returncode == 2
