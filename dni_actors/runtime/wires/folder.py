"""The private folder that holds the socket files of a node's boxes: gone when its maker is gone, however that ends."""

import os
import subprocess
import sys
import tempfile

from dni_actors.box.errors import RuntimeUnavailableError

# Reads until the pipe's other end is closed, which no death can prevent, then removes the folder. It forks first: Ray
# kills the direct children of a worker that ends.
JANITOR = """
import os, shutil, sys
if os.fork(): os._exit(0)
os.setsid()
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class SocketFolder:
    """A folder of mode 0700 with a short name. Raises RuntimeUnavailableError if it cannot be made."""

    def __init__(self) -> None:
        where = tempfile.gettempdir()
        try:
            self.path = tempfile.mkdtemp(prefix="dni-", dir=where)
        except OSError as error:
            told = f"no folder for sockets can be made in {where} ({error.strerror})"
            raise RuntimeUnavailableError(f"{told}; set TMPDIR to one you may write to, or use --wire ray") from error
        end, self._life = os.pipe()
        command = [sys.executable, "-I", "-S", "-c", JANITOR, self.path]
        subprocess.run(command, stdin=end, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        os.close(end)

    def close(self) -> None:
        """The janitor removes the folder."""
        os.close(self._life)
