"""The live console's picture: its goldens, its widths, its colours, and what it shows first when room is short."""

import io

import pytest
from rich.console import Console

from dni_actors.box.data.probe import Probed
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Lost, Place, Started, Status, Warned
from dni_actors.observe.standing import Standing
from dni_actors.view.frame import frame
from dni_actors.view.glyphs import ASCII, UNICODE, bar, clock, spark
from tests.snapshot import FOLDER, WIDTHS, drawn, pictures, standing
from tests.tiny import metrics_row, tiny


@pytest.mark.parametrize("width", WIDTHS)
def test_a_recorded_run_is_drawn_as_in_the_golden_pictures(width):
    for name, text in pictures(width).items():
        assert text == (FOLDER / name).read_text(encoding="utf-8"), f"{name}: `make golden` rewrites it"


def lines(width, height=24, of=None, **fields):
    console = Console(file=io.StringIO(), width=width, **fields)
    console.print(frame(of or standing(), 12.0, width, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", range(60, 201))
def test_no_line_is_longer_than_the_terminal_and_the_strips_end_at_its_edge(width):
    shown = lines(width)
    assert max(map(len, shown)) <= width
    assert {len(line) for line in shown[3:7]} == {width}
    assert "test  " in shown[1]


def many(boxes, rows=(), lost=()):
    found = Standing(tiny(unroll=(1,) * 7, ticks=100) if boxes == 7 else RunConfig.of(task="rows", boxes=boxes))
    found.take(Started(tuple(Place(k, 100 + k, "node", "host", "blas") for k in range(boxes))))
    for k, fields in rows:
        found.take(Status(k, 50, "forward", rows=(metrics_row(k, **fields),)))
    for k in lost:
        found.take(Lost(k, "it died"))
    return found


@pytest.mark.parametrize("height", [10, 24, 40])
def test_a_frame_is_lower_than_the_terminal_whatever_happens(height):
    crowded = many(28, lost=range(9))
    crowded.take(Warned("the disk is full"))
    shown = lines(80, height, crowded)
    assert len(shown) < height
    assert any("more" in line for line in shown) == (height < 40)
    assert "the disk is full" in shown[-1]
    assert "0/1250" in shown[1]


def test_of_many_boxes_the_worst_are_shown_in_their_order():
    rows = [(k, {"cosine": 0.1 if k == 17 else 0.9}) for k in range(28)]

    def shown(found):
        shown = lines(80, 11, found)
        assert any("... and 25 more, cosine " in line for line in shown)
        return [line.split()[0] for line in shown if line[:3].strip().isdigit()]

    assert shown(many(28, rows)) == ["0", "1", "17"]
    assert shown(many(28, rows, lost=[20])) == ["0", "17", "20"]


def test_without_unicode_all_is_ascii_and_without_colour_nothing_is_coloured():
    shown = drawn(200, ascii_only=True).export_text()
    shown.encode("ascii")
    console = Console(file=io.StringIO(), width=160, force_terminal=True, color_system="truecolor", no_color=True)
    console.print(frame(standing(), 12.0, 160, 24))
    assert "38;2" not in console.file.getvalue()
    assert "48;2" not in console.file.getvalue()
    assert "FFF" in console.file.getvalue()


def test_a_cosine_is_coloured_by_what_it_is_worth():
    def styles(**fields):
        picture = frame(many(7, [(2, fields)]), 1.0, 160, 24)
        (line,) = [line for line in picture.lines if line[0].text == "  2"]
        return {
            segment.text.strip(): segment.style.color.name for segment in line if segment.style and segment.style.color
        }

    good, fair, bad = (styles(cosine=c)[f"{c:+.2f}"] for c in (0.75, 0.25, -0.1))
    assert len({good, fair, bad}) == 3
    assert styles(synthesizer_error=0.5)["0.50"] == good
    assert styles(synthesizer_error=1.5)["1.50"] == bad


def test_bars_and_sparklines_are_as_wide_as_they_say():
    assert [bar(share, 4, UNICODE) for share in (-1, 0, 0.5, 1, 7)] == ["    ", "    ", "██  ", "████", "████"]
    assert bar(0.5, 3, ASCII) == "#  "
    assert spark([], 4, UNICODE) == "    "
    assert spark([0, 1, 2], 4, UNICODE) == " ▁▅█"
    assert spark([1.0, float("nan"), 1.0], 4, ASCII) == "  ==" or len(spark([1.0, float("nan"), 1.0], 4, ASCII)) == 4
    assert [clock(s) for s in (0, 65, 7265)] == ["0:00", "1:05", "2:01:05"]


def test_probes_have_a_column_of_their_own_where_they_are_made():
    found = many(7)
    assert "exact" not in lines(100, of=found)[2]
    found.config = found.config.replace(probe_every=10)
    found.take(Status(2, 50, "forward", probes=(Probed(40, 2, 0, -0.25, 1.5, 2.0),)))
    shown = lines(100, of=found)
    assert "exact" in shown[2]
    assert [("-0.25" in line) for line in shown[3:10]] == [k == 2 for k in range(7)]
