"""What surrounds a run: closed streams, no home, a container's share of the cores."""

import math
import os
import subprocess
import sys

import pytest

from dni_actors.record.storage import Storage
from dni_actors.runtime.cluster.joined import token_file
from dni_actors.runtime.kernels import cores, quota


def launch(*flags, cwd, closed=()):
    """The exit code, with some standard streams closed."""

    def close():
        for descriptor in closed:
            os.close(descriptor)

    command = [sys.executable, "-m", "dni_actors.launch", "--runtime", "inline", "--console", "plain", *flags]
    return subprocess.run(command, cwd=cwd, preexec_fn=close, check=False).returncode


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams_are_in_nobodys_way(tmp_path, closed):
    assert launch("--ticks", "4", "--name", "it", cwd=tmp_path, closed=closed) == 0
    assert (tmp_path / "runs" / "it" / "result.json").exists()
    assert launch("--tick", "4", cwd=tmp_path, closed=closed) == 2
    for file in (tmp_path / "runs" / "it").glob("*.*"):
        assert b"finished: test" not in file.read_bytes(), "what is told lands in no file"


def test_without_a_home_there_is_no_folder_of_that_name(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="nobody of that name has a home here; set HOME, or give an absolute path"):
        Storage.of("~nobody-of-this-name/runs")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where no home is known
    with pytest.raises(OSError, match="nobody of that name"):
        Storage.of("~/runs")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    assert not token_file().exists()


def files(root, **contents):
    for name, text in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("group", "contents", "cpus"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "150000 100000"}, 0.5),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/a\n", {"a/cpu.max": "max 100000"}, math.inf),
        ("0::/a\n", {"a/cpu.max": "nonsense"}, math.inf),
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"}, 3),
        ("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, math.inf),
        ("2:memory:/a\n", {"a/cpu.max": "50000 100000"}, math.inf),
        ("", {}, math.inf),
    ],
)
def test_a_container_has_its_share_of_the_cores(tmp_path, group, contents, cpus):
    files(tmp_path, **{"proc/self/cgroup": group} | {f"sys/fs/cgroup/{name}": text for name, text in contents.items()})
    assert quota(tmp_path) == cpus


def test_cores_are_whole_and_at_least_one(monkeypatch):
    there = cores()
    for share, found in ((0.2, 1), (math.inf, there), (1.0, 1)):
        monkeypatch.setattr("dni_actors.runtime.kernels.quota", lambda share=share: share)
        assert cores() == found
