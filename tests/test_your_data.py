"""docs/your-data.md: its code and its commands are run as they stand there, in their order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

TEXT = (Path(__file__).parent.parent / "docs" / "your-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python)?\n(.*?)```", TEXT, re.DOTALL)


def test_the_page_does_what_it_says(tmp_path):
    said = {}
    for language, code in BLOCKS:
        for command in [code] if language else code.strip().splitlines():
            words = ["-c", code] if language else shlex.split(command)[1:]
            if "launch" in command or "compare" in command:
                words += ["--runtime", "inline"]
            done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            said[command] = done.stdout
    told = "\n".join(said.values())
    quoted = " ".join(re.search(r"what is learned: `(.*?)`", TEXT, re.DOTALL)[1].split())
    assert quoted in told, "the page quotes the run"
    assert "It has learned: " in told
    assert set(np.load(tmp_path / "said.npy").shape) == {400, 2}
