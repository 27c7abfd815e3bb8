"""python -m dni_actors lists the commands; python -m dni_actors COMMAND runs one. The script `dni` does the same."""

import runpy
import sys

from dni_actors import __version__
from dni_actors.command import command
from dni_actors.config.checks import ConfigError, choose

COMMANDS = {
    "demo": "shows in about a minute what decoupling is for",
    "launch": "trains a chain of time boxes (--list-presets, --task, --help)",
    "compare": "runs several update rules on the same data, and prints a table",
    "simulate": "finds how fast a chain would be, with so many boxes, such links and failures",
    "predict": "uses a trained run: on its test samples, or on sequences of yours",
    "report": "draws runs: a page of pictures",
    "replay": "does a recorded run again, and names the first tick that differs",
}


@command
def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(f"dni_actors {__version__}")
    elif not words or words[0] in ("--help", "-h"):
        print("python -m dni_actors COMMAND [options]\n")
        for name, line in COMMANDS.items():
            print(f"  {name:8} {line}")
        print("\nCOMMAND --help lists its options; --version prints the version.")
    elif words[0] in COMMANDS:
        sys.argv[0:2] = [f"dni_actors.{words[0]}"]
        runpy.run_module(f"dni_actors.{words[0]}", run_name="__main__", alter_sys=True)
    else:
        raise ConfigError("command", f"{words[0]!r} is not known; {choose(words[0], COMMANDS)}")


if __name__ == "__main__":
    sys.exit(main())
