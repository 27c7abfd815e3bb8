"""Draws docs/console.svg: the live console of two real runs, decoupled and locked, and the first one's summary.

python docs/make_console_svg.py
"""

import io
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Event
from dni_actors.observe.standing import Standing
from dni_actors.view.frame import Picture, frame
from dni_actors.view.summary import summary

WIDTH, HEIGHT = 116, 24
FIELDS = {"task": "rows", "compute_delay_ms": "20", "ticks": 500, "evaluate_every": 50}
COMMAND = "$ python -m dni_actors.launch --task rows --compute-delay-ms 20"


class Camera:
    """A view that keeps a frame between a half and four fifths of a run: the one in whose strips most happens, for a
    machine that has other work to do stands still at times."""

    def __init__(self, standing: Standing) -> None:
        self._standing, self._began = standing, time.monotonic()
        self.picture: Picture | None = None
        self._most = 0

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        standing = self._standing
        if standing.strips is None or not 0.5 < standing.ticks / standing.config.ticks < 0.8:
            return
        picture = frame(standing, time.monotonic() - self._began, WIDTH, HEIGHT)
        if (happens := sum(map(len, picture.lines))) > self._most:  # a segment for each piece of a strip
            self.picture, self._most = picture, happens

    def close(self, result: dict | None) -> None:
        pass


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for update, flags in (("synthetic", ""), ("locked", " --update locked")):
        cameras: list[Camera] = []

        def camera(standing: Standing, cameras: list[Camera] = cameras) -> Camera:
            cameras.append(Camera(standing))
            return cameras[0]

        with tempfile.TemporaryDirectory() as folder:
            result = run(RunConfig.of(**FIELDS, update=update, storage=folder), shown_by=camera)
        console.print(Text(COMMAND + flags, style="bold"))
        console.print(cameras[0].picture)
        if update == "synthetic":
            console.print(summary(result.content() | {"path": "runs/rows-20261124-210102-5f0c"}), highlight=False)
        console.print()
    console.save_svg(str(Path(__file__).with_name("console.svg")), title="dni_actors")


if __name__ == "__main__":
    main()
