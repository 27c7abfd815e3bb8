"""The golden transcripts: every request of a 3-box, 4-tick run, in the order the inline runtime answers them.

`make golden` rewrites tests/golden/. Read the difference before you commit it: it is a change of the protocol.
"""

from pathlib import Path

from dni_actors.runtime.inline import Chain
from tests.tiny import tiny

FOLDER = Path(__file__).with_name("golden")
CASES = {
    "synthetic": {},
    "truncated": {"update": "truncated"},
    "locked": {"update": "locked"},
    "gpipe": {"update": "locked", "micro_batches": 2},
    "delayed": {"update": "delayed", "lag": 1},
    "unlock": {"unlock": "full"},
    "ring": {"task": "copy", "unroll": (2, 2, 2), "streams": 2, "evaluate_every": 0, "lag": 1},
}
HEADING = """\
Three boxes, four ticks, lag {lag}, update rule `{update}`, micro-batches {pieces}: what each box's program
asks for, box by box, as the inline runtime answers it (it lets a box go on until it must wait). Columns: tick, box,
request.

"""


def transcript(case: str) -> str:
    """The text of one golden file."""
    story = []
    config = tiny(**({"unroll": (3, 4, 0), "ticks": 4, "lag": 2, "batch": 6, "evaluate_every": 2} | CASES[case]))
    Chain(config, story=story).run()
    heading = HEADING.format(lag=config.lag, update=config.learning.update, pieces=config.learning.micro_batches)
    # A stream's evaluation at the end is long, and goes on as it begins.
    ended = len(story) if config.streaming is None else next(i for i, one in enumerate(story) if "evaluate" in one[2])
    return heading + "".join(f"{tick}  {box}  {request}\n" for box, tick, request in story[:ended])


if __name__ == "__main__":
    for name in CASES:
        (FOLDER / f"{name}.txt").write_text(transcript(name), encoding="utf-8")
