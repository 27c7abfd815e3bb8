"""Makes docs/staircase.png: what locked and decoupled boxes do in some 200 ms, from the traces of two real runs.

python docs/make_staircase.py
"""

import io
import tempfile
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from dni_actors import RunConfig, run, session
from dni_actors.record.accounts import Reader
from dni_actors.report import excerpt
from dni_actors.view.spacetime import spacetime
from dni_actors.view.theme import png, style

TITLE = 40  # pixels
HEAVY = {"compute_delay_ms": "20", "trace": "full", "ticks": 40, "console": "quiet", "evaluate_every": 0}


def picture(folder: str, title: str, ticks: tuple[int, int]) -> Image.Image:
    """What the boxes of a run did in some ticks."""
    reader = Reader(folder)
    traces = reader.traces()
    found = excerpt(reader.account(), traces, ticks)
    assert found is not None
    assert found.events is not None
    assert found.messages is not None
    with style():
        figure = spacetime(found.events, found.messages, *ticks)
        assert figure is not None
        drawn = Image.open(io.BytesIO(png(figure))).convert("RGB")
    titled = Image.new("RGB", (drawn.width, drawn.height + TITLE), "white")
    titled.paste(drawn, (0, TITLE))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 22)
    ImageDraw.Draw(titled).text((12, 8), title, "black", font)
    return titled


def main() -> None:
    with tempfile.TemporaryDirectory() as storage, session():
        locked = RunConfig.of(task="rows", update="locked", name="locked", storage=storage, **HEAVY)
        decoupled = RunConfig.of(task="rows", lag=4, name="decoupled", storage=storage, **HEAVY)
        for config in (locked, decoupled):
            run(config)
        above = picture(
            f"{storage}/locked", "locked: a box stands still until the true gradient has come back", (20, 22)
        )
        below = picture(
            f"{storage}/decoupled", "decoupled: every box goes on at once, with its own prediction", (20, 26)
        )
    both = Image.new("RGB", (max(above.width, below.width), above.height + below.height), "white")
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height))
    both.save(Path(__file__).with_name("staircase.png"), optimize=True)


if __name__ == "__main__":
    main()
