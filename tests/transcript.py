"""The golden transcripts: every request of a 3-box, 4-tick run, in the order the inline runtime answers them.

`make golden` rewrites tests/golden/. Read the difference before you commit it: it is a change of the protocol.
"""

from pathlib import Path

from dni_actors.runtime.inline import Chain
from tests.tiny import tiny

FOLDER = Path(__file__).with_name("golden")
UPDATES = ("synthetic", "truncated", "locked")
HEADING = """\
Three boxes, four ticks, lag 2, update rule `{update}`: what each box's program asks for, box by box, as the inline
runtime answers it (it lets a box go on until it must wait). Columns: tick, box, request.

"""


def transcript(update: str) -> str:
    """The text of one golden file."""
    story = []
    Chain(tiny(unroll=(3, 4, 0), ticks=4, lag=2, batch=5, update=update), story=story).run()
    return HEADING.format(update=update) + "".join(f"{tick}  {box}  {request}\n" for box, tick, request in story)


if __name__ == "__main__":
    for name in UPDATES:
        (FOLDER / f"{name}.txt").write_text(transcript(name), encoding="utf-8")
