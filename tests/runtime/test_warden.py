"""The warden of a private folder: nothing is left when its driver ends, however that comes about."""

import os
import signal
import subprocess
import sys

import pytest

from dni_actors.runtime.cluster.warden import Warden, WardenError
from tests.processes import alive, eventually

DRIVER = """
import subprocess, sys
from dni_actors.runtime.cluster.warden import Warden
warden = Warden(sys.argv[1])
known = subprocess.Popen(["sleep", "1000"], start_new_session=True)
starting = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", warden.folder + "/r"])
warden.watch([known.pid])
print(known.pid, starting.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_driver_that_is_killed_leaves_no_process_and_no_folder(tmp_path, end):
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", DRIVER, tmp_path], stdin=pipe, stdout=pipe, text=True) as driver:
        pids = [int(word) for word in driver.stdout.readline().split()]
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "r").mkdir()
        (folder / "r" / "log").write_text("something")
        os.kill(pids[0], signal.SIGSTOP)
        driver.send_signal(end)
    assert eventually(lambda: not any(map(alive, pids)))
    assert eventually(lambda: not list(tmp_path.iterdir()))


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(WardenError, match="No such file or directory"):
        Warden(str(tmp_path / "nowhere"))
