"""Gauges for Prometheus. That a real exporter shows them is tried where ray[default] is installed."""

import importlib.util
import json
import urllib.request

import pytest

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Place, Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from dni_actors.runtime.driver.prometheus import Prometheus
from tests.processes import eventually
from tests.tiny import metrics_row, tiny


@pytest.fixture
def exported(monkeypatch, ray_cluster):
    """What gauges were set to, by name and tags; every node exports."""
    found = {}

    class Gauge:
        def __init__(self, name, description, tag_keys):
            assert description
            self.name, self.keys = name, set(tag_keys)

        def set(self, value, tags):
            assert set(tags) == self.keys
            found[self.name, tags.get("box")] = value

    monkeypatch.setattr("ray.util.metrics.Gauge", Gauge)
    monkeypatch.setattr("ray.nodes", lambda: [{"MetricsExportPort": 1}])
    return found


def shown(standing, *events):
    prometheus = Prometheus(standing)
    prometheus.open()
    for event in events:
        standing.take(event)
        prometheus.show(event)
    prometheus.close(None)


PLACES = tuple(Place(k, k, "n", "h", "b") for k in range(3))


def test_a_report_sets_the_gauges_of_its_box_and_of_the_run(exported):
    standing = Standing(tiny(runtime="ray", name="it"))
    one = Status(1, 5, "forward", rows=(metrics_row(1, cosine=0.5, slack=None),), memory=7, waiting=2)
    last = Status(2, 4, "forward", steady_rate=3.0, evaluations=(Evaluation(4, 0.9, 0.1, 0.8, 0.1),))
    shown(standing, Started(PLACES), one, last)
    assert exported["dni_ticks", "1"] == 5
    assert exported["dni_cosine", "1"] == 0.5
    assert exported["dni_busy", "1"] == pytest.approx(0.6)
    assert (exported["dni_memory_bytes", "1"], exported["dni_waiting_messages", "1"]) == (7, 2)
    assert ("dni_slack", "1") not in exported
    assert (exported["dni_ticks_per_second", None], exported["dni_test_accuracy", None]) == (3.0, 0.9)


def test_where_no_node_exports_a_warning_goes_the_way_of_all_events(exported, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("ray.nodes", lambda: [{"MetricsExportPort": -1}])
    fields = {"task": "rows", "boxes": 2, "hidden": 4, "ticks": 5, "update": "truncated"}
    result = run(RunConfig.of(**fields, storage=str(tmp_path), console="json", prometheus=True, name="silent"))
    (warning,) = result.warnings
    assert "install ray[default] on the nodes" in warning
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines if line.get("event") == "warned"] == [warning]
    assert not exported


def test_a_run_in_one_process_has_no_exporter():
    with pytest.raises(ConfigError, match="prometheus: True has no effect: all boxes are in this process"):
        tiny(prometheus=True)


@pytest.mark.skipif(
    importlib.util.find_spec("prometheus_client") is None, reason="ray[default] is not installed: nothing exports"
)
def test_a_real_exporter_shows_them(tmp_path, ray_cluster):
    seen = []

    def scraped(standing):
        return Scraper(ray_cluster, seen)

    config = RunConfig.of(task="mnist01", storage=str(tmp_path), prometheus=True, name="scraped", ticks=8)
    run(config, shown_by=scraped)
    assert any("ray_dni_ticks{" in line and 'run="scraped"' in line for line in seen)


class Scraper:
    """A view that reads the exporter's page at the run's end."""

    def __init__(self, ray, seen):
        self._ray, self._seen = ray, seen

    def open(self):
        pass

    def show(self, event):
        pass

    def close(self, result):
        port = self._ray.nodes()[0]["MetricsExportPort"]

        def found():
            page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            self._seen[:] = page.splitlines()
            return any("ray_dni_ticks{" in line for line in self._seen)

        assert eventually(found, within=60)
