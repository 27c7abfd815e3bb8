"""A run as a console sees it, recorded once, and the pictures of it in tests/golden/.

python -m tests.snapshot           draws tests/golden/console-*.txt and .svg anew; read the difference
python -m tests.snapshot record    records another run first (it takes 15 s, over Ray)
"""

import io
import json
import sys
from pathlib import Path

from rich.console import Console

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Place, Row, Started, Status, Warned
from dni_actors.observe.standing import Standing
from dni_actors.observe.strip import Strip
from dni_actors.protocol.program import Evaluation
from dni_actors.view.frame import frame

FOLDER = Path(__file__).with_name("golden")
RECORDED = FOLDER / "snapshot.json"
FIELDS = {"task": "rows", "compute_delay_ms": "20", "ticks": 600, "evaluate_every": 50, "console": "quiet"}
ELAPSED, HEIGHT = 12.4, 24
WIDTHS = (60, 100, 160)
KEPT = 6  # statuses of each box that are kept whole; earlier ones lose their strips


def standing() -> Standing:
    """As the recorded run left it."""
    told = json.loads(RECORDED.read_text(encoding="utf-8"))
    found = Standing(RunConfig.of(**told["config"]))
    places = tuple(Place(*place) for place in told["places"])
    found.take(Started(places, 0, ("stream sockets",) * (len(places) - 1)))
    for fields in told["statuses"]:
        fields["rows"] = tuple(Row(**row, prints=b"") for row in fields["rows"])
        fields["evaluations"] = tuple(Evaluation(*one) for one in fields["evaluations"])
        if fields["strip"]:
            until, ages, letters = fields["strip"]
            fields["strip"] = Strip(until, tuple(ages), letters)
        found.take(Status(**fields))
    found.take(Warned("box 2: synthetic gradient points away from the received one for 500 ticks; lower --this"))
    return found


def drawn(width: int, ascii_only: bool = False) -> Console:
    """A console that has drawn it."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="truecolor")
    console.print(frame(standing(), ELAPSED, width, HEIGHT, ascii_only))
    return console


def pictures(width: int) -> dict[str, str]:
    """By the file's name."""
    console = drawn(width)
    return {
        f"console-{width}.txt": console.export_text(clear=False),
        f"console-{width}.svg": console.export_svg(title="dni_actors", unique_id=f"console-{width}"),
    }


def record() -> None:
    from dni_actors.runtime import started

    config = RunConfig.of(**FIELDS)
    seen, places, statuses = Standing(config), (), []
    with started(config) as running:
        for event in running.run(config):
            seen.take(event)
            if isinstance(event, Started):
                places = event.places
            elif isinstance(event, Status):
                statuses.append(event)
            if seen.ticks >= config.ticks * 0.6:
                break
    told = {"config": FIELDS, "places": places, "statuses": []}
    for i, status in enumerate(statuses):
        fields = {name: getattr(status, name) for name in ("box", "tick", "state", "steady_rate", "waiting")}
        fields |= {name: getattr(status, name) for name in ("unanswered", "memory", "evaluations", "strip")}
        fields["rows"] = [{k: v for k, v in row._asdict().items() if k != "prints"} for row in status.rows]
        if i < len(statuses) - KEPT * config.boxes:
            fields["strip"] = None
        elif status.strip:
            fields["strip"] = [status.strip.until, [round(age, 5) for age in status.strip.ages], status.strip.letters]
        told["statuses"].append(fields)
    RECORDED.write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "record" in sys.argv:
        record()
    for width in WIDTHS:
        for name, text in pictures(width).items():
            (FOLDER / name).write_text(text, encoding="utf-8")
