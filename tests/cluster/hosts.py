"""Two hosts on this machine: network namespaces with a slow link between them, and a Ray node in each."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.processes import eventually

ADDRESSES = ("10.213.77.1", "10.213.77.2")
PORT = 6379
STARTED = "Ray runtime started."
BIN = Path(sys.executable).parent
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
QUIET = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}


def hindrance() -> str | None:
    """Why there can be no hosts here; None if there can."""
    if not shutil.which("ip"):
        return "the command ip is missing (Debian: iproute2)"
    if os.geteuid():
        return "network namespaces need root"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    name = f"dni-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces are not permitted here ({made.stderr.strip()})"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return None


def environment(folder: Path) -> dict[str, str]:
    """Of everything in a test's cluster: a token of its own, and this Python before others."""
    token = folder / "token"
    if not token.exists():
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "OMP_", "OPENBLAS_"))}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return kept | QUIET | {"RAY_AUTH_TOKEN_PATH": str(token), "PATH": path, "COLUMNS": "100"}


class Hosts:
    """The first has the head and is where commands run."""

    def __init__(self, names: Sequence[str], env: dict[str, str]) -> None:
        self.names, self.env = names, env
        self.address = f"{ADDRESSES[0]}:{PORT}"

    def within(self, host: int, command: Sequence[object]) -> list[str]:
        return ["ip", "netns", "exec", self.names[host], *map(str, command)]

    def popen(self, command: Sequence[object], host: int = 0, **how: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(self.within(host, command), env=self.env, text=True, **how)

    def launch(self, *argv: object, **how: Any) -> "subprocess.Popen[str]":
        """The command of a run, on the first host, joining the cluster."""
        return self.popen([sys.executable, "-m", "dni_actors.launch", *argv, "--address", self.address], **how)

    def link(self, state: str) -> None:
        """Takes the second host's device `down`, or `up`."""
        subprocess.run(["ip", "-n", self.names[1], "link", "set", "wire", state], check=True)


@contextmanager
def ended(process: "subprocess.Popen[str]", within: float = 20.0) -> Iterator["subprocess.Popen[str]"]:
    """A process that is asked to end at last, then made to."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def hosts(delay_ms: float = 0.0, loss: float = 0.0, cpus: int = 2) -> Iterator[Hosts]:
    """Each with so many CPUs, and `delay_ms` one way between them."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="dni-hosts-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        names = [f"{folder.name}-{k}" for k in range(2)]
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=False)
        both = Hosts(names, environment(folder))
        ends = [word for pair in zip(names, ADDRESSES, strict=True) for word in pair]
        link = [sys.executable, "-m", "tests.cluster.link", *ends, "--delay-ms", str(delay_ms), "--loss", str(loss)]
        carrier = stack.enter_context(ended(subprocess.Popen(link, stdout=subprocess.PIPE, text=True)))
        assert carrier.stdout is not None
        assert carrier.stdout.readline() == "up\n"
        stack.callback(carrier.stdout.close)
        common = ["--num-cpus", cpus, "--object-store-memory", 80 * 2**20, "--disable-usage-stats", "--block"]
        starts = [
            ["--head", "--port", PORT, "--include-dashboard", "false", "--temp-dir", folder / "ray"],
            ["--address", both.address],
        ]
        for k, words in enumerate(starts):
            command = [*RAY, "start", *words, "--node-ip-address", ADDRESSES[k], *common[: 4 if k else 5], "--block"]
            log = stack.enter_context((folder / f"ray-{k}.log").open("w"))
            node = both.popen(command, k, stdout=log, stderr=log)
            stack.enter_context(ended(node))
            told = folder / f"ray-{k}.log"
            assert eventually(lambda node=node, told=told: node.poll() is not None or STARTED in told.read_text(), 90)
            assert node.poll() is None, told.read_text()
        yield both
