import json
import tomllib

import pyarrow as pa
import pytest

from dni_actors import ConfigError, Result, run
from dni_actors.box.errors import NonFiniteError
from dni_actors.observe.events import Row
from dni_actors.options import parse
from dni_actors.record.storage import Storage
from dni_actors.record.tables import ROWS_PER_PART, GrowingTable, read_metrics, schema
from tests.tiny import metrics_row, tiny


def test_a_run_leaves_a_folder_that_tells_all(tmp_path):
    config = tiny(storage=str(tmp_path / "runs"), name="first", ticks=300, checkpoint_every=0)
    result = run(config)
    folder = tmp_path / "runs" / "first"
    assert sorted(p.name for p in folder.iterdir()) == [
        "boxes.json", "config.toml", "cuts", "digests", "manifest.json", "metrics", "result.json", "trace"
    ]  # fmt: skip
    assert parse(["--config", str(folder / "config.toml")]) == config.replace(kernels="native", name=None)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"packages", "kernels", "cpu", "host", "started", "ended", "how"} <= manifest.keys()
    assert {"ray", "pyzmq", "pyarrow"} <= manifest["packages"].keys()
    assert [place["box"] for place in json.loads((folder / "boxes.json").read_text())] == [0, 1, 2]
    content = json.loads((folder / "result.json").read_text())
    assert content == result.content()
    assert (content["status"], content["ticks"], content["seed"], content["runtime"]) == ("finished", 300, 0, "inline")
    assert {"digest", "digests", "seconds", "ticks_per_second", "test_accuracy", "overlap", "wire"} <= content.keys()

    assert 0 < content["cut_share"] < 1

    again = Result.from_path(folder)
    assert again.content() == result.content()
    assert again.metrics.equals(result.metrics)
    assert result.metrics.num_rows == 3 * 100
    assert result.metrics.column_names == list(Row._fields)


def test_boxes_auto_is_a_number_in_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr("dni_actors.experiment.cores", lambda: 2)
    result = run(tiny(boxes="auto", storage=str(tmp_path), name="it"))
    assert tomllib.loads((tmp_path / "it" / "config.toml").read_text())["boxes"] == 2
    assert len(result.restarts) == result.load_model().config.boxes == 2


def test_a_failed_run_is_recorded_up_to_there(tmp_path):
    config = tiny(storage=str(tmp_path), name="wild", optimizer="sgd", learning_rate=1e38, clip=0, ticks=50)
    with pytest.raises(NonFiniteError) as caught:
        run(config)
    result = Result.from_path(tmp_path / "wild")
    assert result.status == "failed"
    assert result.error == str(caught.value)
    assert result.digest is None
    assert json.loads((tmp_path / "wild" / "manifest.json").read_text())["how"] == "failed"


def test_a_name_that_is_taken_is_refused_and_kept(tmp_path):
    run(tiny(storage=str(tmp_path), name="taken"))
    before = (tmp_path / "taken" / "result.json").read_bytes()
    with pytest.raises(
        ConfigError,
        match=r"name: 'taken' is taken by a run with other settings \(seed 0, not 1\); give those, or another name",
    ):
        run(tiny(storage=str(tmp_path), name="taken", seed=1))
    assert (tmp_path / "taken" / "result.json").read_bytes() == before


def test_storage_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"storage: '.*file' cannot be written \(Not a directory\); give a folder"):
        run(tiny(storage=str(tmp_path / "file")))


@pytest.mark.parametrize("place", ["s3://", "gs://", "gs://bucket//runs", "mock://x", "mock:///x/y"])
def test_a_uri_that_names_no_place_is_refused(place):
    with pytest.raises(ConfigError, match=rf"^storage: '{place}' cannot be written \([^\n]*\); give a folder"):
        run(tiny(storage=place))
    with pytest.raises(ConfigError, match=rf"^resume: '{place}' cannot be read \([^\n]*\); give a run's folder"):
        parse(["--resume", place])


def row_of(tick):
    return metrics_row(0, first_tick=tick, last_tick=tick, cosine=None)


def test_metrics_are_parts_that_stand_alone(tmp_path):
    place = Storage.of(str(tmp_path))
    for tick in (1, 0):  # the second one as a run that is resumed
        metrics = GrowingTable(place, Row)
        metrics.add((row_of(tick),))
        metrics.flush()
        metrics.flush()
    (tmp_path / ".part-00002.parquet.part").write_bytes(b"half a fi")
    assert sorted(p.name for p in tmp_path.glob("part-*")) == ["part-00000.parquet", "part-00001.parquet"]
    assert read_metrics(place)["first_tick"].to_pylist() == [0, 1]


def test_a_part_is_written_anew_until_it_is_full(tmp_path):
    place = Storage.of(str(tmp_path))
    metrics = GrowingTable(place, Row)
    for tick in range(ROWS_PER_PART + 2):
        metrics.add((row_of(tick),))
        if tick % 300 == 0 or tick >= ROWS_PER_PART - 1:
            metrics.flush()
    assert place.names() == ["part-00000.parquet", "part-00001.parquet"]
    assert read_metrics(place)["first_tick"].to_pylist() == list(range(ROWS_PER_PART + 2))


def test_of_ticks_that_were_done_again_the_last_time_counts(tmp_path):
    place = Storage.of(str(tmp_path))
    metrics = GrowingTable(place, Row)
    for incarnation, ticks in ((0, range(6)), (1, range(2, 5)), (2, range(4, 8))):
        metrics.add(tuple(row_of(tick)._replace(incarnation=incarnation) for tick in ticks))
    metrics.flush()
    table = read_metrics(place)
    assert table["first_tick"].to_pylist() == list(range(8))
    assert table["incarnation"].to_pylist() == [0, 0, 1, 1, 2, 2, 2, 2]


def test_metrics_that_could_not_be_written_wait_for_the_next_attempt(tmp_path):
    folder = tmp_path / "metrics"
    place = Storage.of(str(folder))
    metrics = GrowingTable(place, Row)
    metrics.add((row_of(0),))
    with pytest.raises(OSError):  # noqa: PT011  the folder is not there yet
        metrics.flush()
    folder.mkdir()
    metrics.flush()
    assert read_metrics(place).num_rows == 1


def test_no_metrics_are_an_empty_table(tmp_path):
    assert read_metrics(Storage.of(str(tmp_path))).equals(pa.Table.from_pylist([], schema=schema(Row)))
