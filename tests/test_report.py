"""The report of runs, whatever has become of them."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dni_actors import RunConfig, compare, report, run
from dni_actors.box.errors import NonFiniteError
from dni_actors.observe.account import Account, titles
from dni_actors.observe.answers import answers
from dni_actors.protocol.model import Model
from dni_actors.record.accounts import Reader
from dni_actors.runtime.inline import Chain
from dni_actors.view import pictures
from dni_actors.view.theme import DARK, PAPER, SPENT
from tests.records import long_run
from tests.tiny import tiny

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: apt install chromium)")


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the command in this process: (exit code, what it printed)."""

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["report", *map(str, argv)])
        code = report.main()
        told = capsys.readouterr()
        return code, told.out + told.err

    return call


def record(tmp_path, name="it", **fields):
    return run(tiny(**({"ticks": 120, "evaluate_every": 30, "storage": str(tmp_path), "name": name} | fields))).path


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.figures, self.links, self.tags = [], [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = re.sub(r"<[^>]*>", " ", self.source)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.figures += [given["id"]] if tag == "figure" else []
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action", "data") and v[:1] != "#"]


def assert_needs_nothing_else(page):
    """No link but to itself and to data that it holds; no script; every picture is whole."""
    assert [link for link in page.links if not link.startswith("data:")] == []
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "@import" not in page.source
    assert set(re.findall(r"url\((.)", page.source)) <= {"#"}
    assert len(page.ids) == len(set(page.ids))
    drawings = re.findall(r"<svg.*?</svg>", page.source, re.DOTALL)
    assert len(drawings) == len(page.figures)
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    used = set(re.findall(r'(?:url\(|href=")#([\w.+=@-]+)', "".join(drawings)))
    assert used <= set(page.ids)


def test_a_run_is_drawn_from_its_folder_alone(tmp_path, command):
    place = record(tmp_path)
    assert command(place) == (0, f"{place}/report.html\n")
    page = Page(place / "report.html")
    names = ["learning-tiny", "it-samples", "it-spacetime", "it-cosine", "it-waits", "it-slack"]
    assert page.figures == names
    assert sorted(p.name for p in place.glob("*.png")) == sorted(f"report-{name}.png" for name in names)
    assert_needs_nothing_else(page)
    assert "Missing" not in page.text
    for told in ("finished", "Configuration", "Manifest", "Where boxes ran", "Ticks 60 to 67 took"):
        assert told in page.text


def test_several_runs_are_compared_task_by_task(tmp_path, command):
    places = [record(tmp_path, name="one"), record(tmp_path, name="two", update="locked")]
    other = tmp_path / "other"
    shutil.copytree(places[0], other)
    settings = (other / "config.toml").read_text().replace('"tiny"', '"a <b>task</b> of \\"old\\""')
    (other / "config.toml").write_text(settings)
    assert command(*places, other, "--output", tmp_path / "out")[0] == 0
    page = Page(tmp_path / "out" / "report.html")
    assert page.figures[0] == "learning-tiny"
    assert len([name for name in page.figures if name.startswith("learning")]) == 2
    assert "one-spacetime" in page.figures
    assert "two-spacetime" in page.figures
    assert "<b>task" not in page.source
    assert_needs_nothing_else(page)


PARTS = ["config.toml", "manifest.json", "boxes.json", "result.json"]
TABLES = ["metrics", "trace"]


def looked_at(place):
    """(what is told to be missing, account, trace)"""
    reader = Reader(str(place))
    traces = reader.traces()
    return reader.missing, reader.account(), traces


@pytest.mark.parametrize("name", PARTS)
def test_a_file_that_is_gone_or_damaged_is_told_and_the_rest_is_read(tmp_path, name):
    place = record(tmp_path)
    for content, told in ((b"[1, 2", "cannot be read"), (b"\xff\xfe", "cannot be read"), (None, "is not there")):
        (place / name).write_bytes(content) if content else (place / name).unlink()
        missing, account, traces = looked_at(place)
        assert len(missing) == 1
        assert missing[0].startswith(f"{name} {told}")
        assert account.rows == 360
        assert traces


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_gone_or_damaged_is_told_and_the_rest_is_read(tmp_path, name):
    place = record(tmp_path)
    (place / name / "part-00000.parquet").write_bytes(b"PAR1 \xff and no more")
    missing, account, traces = looked_at(place)
    assert len(missing) == 1
    assert missing[0].startswith(f"{name} cannot be read (")
    shutil.rmtree(place / name)
    missing, account, traces = looked_at(place)
    assert (missing, bool(account.rows), bool(traces)) == ([], name != "metrics", name != "trace")


def test_a_run_of_which_almost_nothing_is_left_is_drawn(tmp_path, command):
    place = record(tmp_path)
    for name in PARTS:
        (place / name).unlink()
    assert command(place)[0] == 0
    page = Page(place / "report.html")
    assert "Missing: config.toml is not there" in page.text
    assert "it-spacetime" in page.figures
    assert_needs_nothing_else(page)
    for name in TABLES:
        shutil.rmtree(place / name)
    (place / "manifest.json").write_text("{}")
    assert command(place)[0] == 0
    page = Page(place / "report.html")
    assert page.figures == ["learning-unknown_task"]  # from the cuts, which hold the evaluations, too
    assert "No trace: run with --trace sampled, or full" in page.text


def test_runs_that_failed_go_on_or_never_evaluated_are_drawn(tmp_path, command):
    with pytest.raises(NonFiniteError):
        record(tmp_path, name="failed", optimizer="sgd", learning_rate=1e38, clip=0)
    begun = record(tmp_path, name="begun")
    manifest = json.loads((begun / "manifest.json").read_text())
    (begun / "manifest.json").write_text(json.dumps({k: v for k, v in manifest.items() if k not in ("ended", "how")}))
    (begun / "result.json").unlink()
    short = record(tmp_path, name="short", ticks=1, boxes=1, trace="off")
    assert command(tmp_path / "failed", begun, short)[0] == 0
    page = Page(tmp_path / "failed" / "report.html")
    assert "It ended: box " in page.text
    assert "going on, or killed" in page.text
    assert "begun-spacetime" in page.figures
    assert "begun-cosine" in page.figures
    assert_needs_nothing_else(page)


def test_a_run_that_was_resumed_has_its_restarts_marked(tmp_path, command):
    record(tmp_path, ticks=60)
    place = record(tmp_path, ticks=120)
    assert command(place, "--ticks", "58:62")[0] == 0
    assert "Ticks 58 to 61 took" in Page(place / "report.html").text
    assert "Went on from the cut before tick 60 (incarnation 1)" in Page(place / "report.html").text


def test_ticks_can_be_chosen_and_those_that_were_not_traced_are_told(tmp_path, command):
    place = record(tmp_path, ticks=700)
    assert command(place, "--ticks", "310:320")[0] == 0
    told = "Ticks 310 to 319 were not traced; traced are 0 to 200, 300, 400, 500 to 699."
    assert told in Page(place / "report.html").text


def test_probes_are_drawn_where_they_are(tmp_path, command):
    place = record(tmp_path)
    (place / "probes").mkdir()
    rows = [
        {"tick": t, "box": k, "incarnation": i, "cosine": 0.1 * k, "error": 1.0}
        for t in (10, 20)
        for k in (0, 1)
        for i in (0, 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), place / "probes" / "part-00000.parquet")
    assert command(place)[0] == 0
    assert {"it-probes-cosine", "it-probes-error"} <= set(Page(place / "report.html").figures)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nowhere"], "run: 'nowhere' holds no run that can be read (it is empty, or not there); give a folder"),
        (["tests"], "run: 'tests' holds no run that can be read (there are neither settings nor metrics); give"),
        (["nowhere", "--ticks", "7"], "ticks: '7' is no range of ticks; give one such as 100:110"),
        (["nowhere", "--ticks", "7:7"], "ticks: '7:7' is no range of ticks; give one such as 100:110"),
        (["a", "b", "--perfetto", "x"], "perfetto: 2 runs are too many for one trace; give one"),
    ],
)
def test_wrong_input_is_one_sentence(command, argv, told):
    code, said = command(*argv)
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(f"dni_actors: {told}")


def test_the_trace_lies_beside_the_page_or_where_it_is_asked_for(tmp_path, command):
    place = record(tmp_path)
    assert command(place, "--perfetto") == (0, f"{place}/report.html\n{place}/trace.json.gz\n")
    assert json.loads(gzip.decompress((place / "trace.json.gz").read_bytes()))["traceEvents"]
    elsewhere = tmp_path / "t.gz"
    assert command(place, "--perfetto", elsewhere) == (0, f"{place}/report.html\n{elsewhere}\n")
    assert elsewhere.read_bytes()[:2] == b"\x1f\x8b"


def test_of_a_comparison_the_figure_is_drawn_anew_and_a_run_of_each_contender(tmp_path, command, monkeypatch):
    quick = ["--runtime", "inline", "--ticks", "40", "--evaluate-every", "20", "--console", "quiet", "--seeds", "2"]
    place = tmp_path / "it"
    asked = ["--updates", "synthetic,locked", "--storage", str(tmp_path), "--name", "it"]
    monkeypatch.setattr(sys, "argv", ["compare", *quick, *asked])
    assert compare.main() == 0
    drawn = (place / "comparison.png").read_bytes()
    (place / "comparison.png").unlink()
    assert command(place) == (0, f"{place}/report.html\n")
    assert (place / "comparison.png").read_bytes() == drawn
    page = Page(place / "report.html")
    assert page.figures[:2] == ["comparison", "learning-mnist01"]
    assert {"synthetic-lag-2-seed-0-spacetime", "locked-seed-0-spacetime"} <= set(page.figures)
    assert not [name for name in page.figures if "seed-1" in name]
    assert "All boxes took turns in one process: seconds say little" in page.source.replace("\n", " ")
    (place / "comparison.json").write_text('{"contenders": [1]}')
    code, told = command(place)
    assert (code, told.count("\n")) == (2, 1)
    assert "comparison.json cannot be read" in told


def test_titles_say_what_differs_between_runs(tmp_path):
    def of(**settings):
        return Account(f"id-{settings}", "there", settings={"task": "rows", "boxes": 4} | settings)

    assert titles([of(update="synthetic", lag=2)]) == ["rows, synthetic, lag 2"]
    assert titles([of(update="synthetic", lag=2), of(update="locked", lag=2)]) == ["synthetic", "locked"]
    assert titles([of(lag=2, rates=[1, 2]), of(lag=4, rates=[1])]) == ["lag 2, rates 1 2", "lag 4, rates 1"]
    same = [of(seed=1), of(seed=1)]
    assert titles(same) == [account.name for account in same]


def test_samples_are_shown_with_right_and_wrong_answers():
    config = RunConfig.of(task="rows", ticks=60, runtime="inline", console="quiet")
    chain = Chain(config)
    chain.run()
    model = Model(config, chain.cuts())
    told = answers(model)
    said, labels = model.of_test_samples()
    assert (told.asked, told.wrong) == (len(labels), int((said.argmax(1) != labels).sum()))
    assert [one.right for one in told.shown] == [True] * 4 + [False] * 4
    test = config.task.load(0, config.steps).test.x
    for one in told.shown:
        (i, *_) = np.flatnonzero((test.transpose(1, 0, 2) == one.x).all(axis=(1, 2)))
        assert one.wanted == str(labels[i])
        assert one.said.split()[0] == str(said[i].argmax())
        assert one.right == (one.wanted == one.said.split()[0])


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, command):
    place = record(tmp_path)
    code, told = command(place, "--output", place / "result.json")
    assert (code, told.count("\n")) == (1, 1)


def test_a_run_can_draw_itself_at_its_end(tmp_path, capsys):
    place = record(tmp_path, report=True)
    assert capsys.readouterr().err == f"dni_actors: {place}/report.html\n"
    assert (place / "report.html").exists()


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    """A report of a million ticks."""
    place = long_run(tmp_path_factory.mktemp("runs") / "million")
    report.write([str(place)])
    return place


def test_a_million_ticks_fit_into_a_small_page_and_their_extremes_stay(million):
    page = Page(million / "report.html")
    assert (million / "report.html").stat().st_size < 5e6
    assert len(page.tags) < 20_000
    assert {"million-spacetime", "million-cosine"} <= set(page.figures)
    lines = pictures.cosine(Reader(str(million)).account()).axes[0].lines
    assert min(lines[0].get_ydata()) == -0.99
    assert max(len(line.get_ydata()) for line in lines) <= 800
    assert_needs_nothing_else(page)


def chromium(page, *flags, width=1000, height=2600):
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--host-rules=MAP * 0.0.0.0",
        f"--window-size={width},{height}", f"--user-data-dir={page.parent / 'chromium'}", *flags, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def colours(picture):
    """Those that fill at least a ten-thousandth of it."""
    pixels = (matplotlib.image.imread(picture)[..., :3] * 255).round().astype(np.uint8).reshape(-1, 3)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    return {"#" + bytes(colour).hex() for colour, count in zip(found, counts, strict=True) if count > len(pixels) / 1e4}


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_light_and_dark(million, tmp_path, dark):
    page, shot = tmp_path / "report.html", tmp_path / "shot.png"
    shutil.copy(million / "report.html", page)
    chromium(page, f"--screenshot={shot}", f"--blink-settings=preferredColorScheme={0 if dark else 1}")
    seen = colours(shot)
    assert {DARK[PAPER] if dark else PAPER, SPENT["forward"], SPENT["backward"], SPENT["update"]} <= seen
    assert (PAPER in seen) != dark


@needs_chromium
@pytest.mark.parametrize("width", [500, 1200])
def test_a_browser_finds_room_for_every_picture(million, tmp_path, width):
    page = tmp_path / "report.html"
    asks = """<script>addEventListener('load', () => document.title = JSON.stringify({
        wide: document.documentElement.scrollWidth, window: innerWidth,
        pictures: [...document.querySelectorAll('figure svg')].map(x => x.getBoundingClientRect().height)}))</script>"""
    page.write_text((million / "report.html").read_text().replace("</body>", f"{asks}</body>"))
    told = json.loads(re.search(r"<title>(.*?)</title>", chromium(page, "--dump-dom", width=width))[1])
    assert told["wide"] <= told["window"]
    assert len(told["pictures"]) == 5
    assert min(told["pictures"]) > 50
