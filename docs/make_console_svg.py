"""Draws docs/console.svg: the live console of a real run over Ray, and the summary that follows it.

python docs/make_console_svg.py
"""

import io
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dni_actors.box.standing import Standing
from dni_actors.config import RunConfig
from dni_actors.record.result import Result
from dni_actors.runtime import runtime
from dni_actors.view.frame import frame
from dni_actors.view.summary import summary

WIDTH = 96


def main() -> None:
    config = RunConfig.of(task="rows")
    standing = Standing(config)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    began = time.monotonic()
    shown = False
    for event in runtime("ray")(config):
        standing.take(event)
        if not shown and standing.ticks > config.ticks * 0.6:
            console.print(Text("$ python -m dni_actors.launch --task rows", style="bold"))
            console.print(frame(standing, time.monotonic() - began, WIDTH, 24))
            shown = True
    with tempfile.TemporaryDirectory() as folder:
        result = Result.of(standing, Path(folder), "finished", None).content()
    console.print(Text("\n... and at the end:", style="dim"))
    console.print(summary(result | {"path": "runs/rows-20261123-210102-5f0c"}), highlight=False)
    console.save_svg(str(Path(__file__).with_name("console.svg")), title="dni_actors")


if __name__ == "__main__":
    main()
