"""The private folder that holds the socket files of a node's boxes: gone when its maker is gone, however that ends."""

import os
import subprocess
import sys

from dni_actors.box.errors import BoxError

# Makes the folder, tells its name, and removes it when the pipe's other end is closed, which no death can prevent. It
# forks in between: Ray kills the direct children of a worker that ends.
JANITOR = """
import os, shutil, sys, tempfile
try:
    path = tempfile.mkdtemp(prefix="dni-")
except OSError as error:
    sys.exit(str(error))
print(path, flush=True)
if os.fork():
    os._exit(0)
os.setsid()
for standard in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), standard)
sys.stdin.buffer.read()
shutil.rmtree(path, ignore_errors=True)
"""


class SocketFolder:
    """A folder of mode 0700 with a short name. Raises BoxError, of its maker, if it cannot be made."""

    def __init__(self, box: int) -> None:
        end, self._life = os.pipe()
        try:
            command = [sys.executable, "-I", "-S", "-c", JANITOR]
            ended = subprocess.run(command, stdin=end, capture_output=True, text=True, check=False)
            problem = ended.stderr.strip()
        except OSError as error:
            problem = str(error)
        finally:
            os.close(end)
        if problem:
            os.close(self._life)
            sentence = f"no folder for its sockets can be made on its node ({problem})"
            raise BoxError(box, 0, f"{sentence}; set TMPDIR there to a folder that you may write to, or use --wire ray")
        self.path = ended.stdout.strip()

    def close(self) -> None:
        """The janitor removes the folder."""
        os.close(self._life)
