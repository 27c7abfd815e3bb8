"""docs/tutorial.md: its blocks are run as they stand there, in their order, and say what the page quotes."""

import os
import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
ENDED = re.compile(r"finished: .* after 300 ticks .*\n.*digest (\w+)")


def shape(line):
    """Of a line: its words. Numbers depend on the machine: on its speed, and in their last digits on its kernels."""
    return " ".join(re.sub(r"\b[0-9a-f]{16}\b|\.?\d[\d.]*", "#", line).split())


def test_the_page_does_what_it_says(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said, digests = "", []
    for language, content in BLOCKS:
        if language == "text":
            found = {shape(line) for line in said.splitlines()}
            assert {shape(line) for line in content.splitlines()} <= found, f"the page quotes:\n{content}of:\n{said}"
            continue
        command = [sys.executable, "-c", content] if language == "python" else ["bash", "-e", "-c", content]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"
        said = done.stdout
        digests += ENDED.findall(said)
    assert len(digests) == 4, "in one process, over Ray, with a box killed, from Python"
    assert len(set(digests)) == 1, "to the same bits"
    assert {language for language, _ in BLOCKS} == {"bash", "python", "text"}
