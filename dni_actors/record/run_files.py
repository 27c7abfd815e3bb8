"""What lies in a run's folder, and how it is read: the only place that knows."""

import json
import tomllib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.protocol.cut import BoxCut
from dni_actors.record import cut_files
from dni_actors.record.cut_files import Complete
from dni_actors.record.storage import Storage
from dni_actors.record.tables import CutDigest, read_metrics, read_probes, read_rows
from dni_actors.record.traces import Traces
from dni_actors.tasks import fingerprint
from dni_actors.tasks.remembered import KIND, Remembered, facts

CONFIG, MANIFEST, PLACES, RESULT = "config.toml", "manifest.json", "boxes.json", "result.json"
METRICS, DIGESTS, PROBES, TRACE = "metrics", "digests", "probes", "trace"


class RunFiles:
    """A run's folder, to be read. Whatever is read may raise OSError, which says what cannot be, and why."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    @classmethod
    def of(cls, place: str) -> "RunFiles":
        """A folder, or a URI of one. OSError says what is wrong with that."""
        return cls(Storage.of(place))

    def settings_text(self) -> str:
        """config.toml. ValueError if it is no text."""
        return self.storage.read(CONFIG).decode()

    def settings(self) -> dict[str, Any]:
        """The fields of the run's configuration that are set. ValueError if that is no TOML."""
        return tomllib.loads(self.settings_text())

    def config(self) -> RunConfig:
        """ValueError if it cannot be used; ConfigError, which is one, names the field."""
        return RunConfig.of(**self.settings())

    def config_with_data(self, allow: bool = False) -> RunConfig:
        """The same; ConfigError, too, if the task's data are not those that the run began with (see `check_data`)."""
        config = self.config()
        self.check_data(config, allow)
        return config

    def config_without_data(self) -> RunConfig:
        """The same, with a task that has its facts alone, from the manifest: its data may be gone. With the task itself
        where its facts do not stand there: of a stream, or of a run that was killed as it began."""
        try:
            facts = self.manifest().get("task")
        except (OSError, ValueError):
            facts = None
        if facts is None:
            return self.config()
        return RunConfig.with_task(Remembered.of(facts), self.settings())

    def manifest(self) -> dict[str, Any]:
        """Versions, machine, begin and end. ValueError if it is no object of JSON."""
        return self._object(MANIFEST)

    def check_data(self, config: RunConfig, allow: bool = False) -> bool:
        """Whether the task's data are others than those that the run began with, as far as both are known: ConfigError
        if they are.

        `allow`: only if they are of another kind, which the boxes would not fit.
        """
        try:
            manifest = self.manifest()
        except (OSError, ValueError):  # killed before it was written
            return False
        before, now = manifest.get("data"), fingerprint(config.task)
        chain = config.chain
        field, value = ("task", chain.task) if chain.data is None else ("data", repr(chain.data))
        whose = f"than the run in {self.storage.name} began with"
        kind, found = manifest.get("task") or {}, facts(config.task) or {}
        if wrong := [name for name in KIND if name in kind and name in found and kind[name] != found[name]]:
            words = ", ".join(f"{name} {found[name]}, not {kind[name]}" for name in wrong)
            problem = f"{value} holds other data {whose}, of another kind ({words})"
            raise ConfigError(field, f"{problem}; bring those back, or begin a run of another name")
        changed = bool(before and now and before != now)
        if changed and not allow:
            problem = f"{value} holds other data {whose} ({now}, not {before})"
            remedy = "bring those back, begin a run of another name, or go on with these by --data-changed allow"
            raise ConfigError(field, f"{problem}; {remedy}")
        return changed

    def places(self) -> list[dict[str, Any]]:
        """Where each box runs: the fields of Place. ValueError or TypeError if it is no such list."""
        return [dict(place) for place in json.loads(self.storage.read(PLACES))]

    def result(self) -> dict[str, Any]:
        """The content of result.json, which is there when the run has ended. ValueError if it is no object of JSON."""
        return self._object(RESULT)

    def _object(self, name: str) -> dict[str, Any]:
        content = json.loads(self.storage.read(name))
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        return content

    def metrics(self, columns: Sequence[str] | None = None) -> pa.Table:
        """A row per box and window of ticks (Row); see `read_metrics`."""
        return read_metrics(self.storage / METRICS, columns)

    def digests(self) -> list[dict[str, Any]]:
        """The rows of CutDigest, of what was done again the newest last."""
        return list(read_rows(self.storage / DIGESTS, CutDigest).sort_by("incarnation").to_pylist())

    def probes(self) -> pa.Table:
        """A row per probe and box (Probed); see `read_probes`."""
        return read_probes(self.storage / PROBES)

    def traces(self) -> Traces:
        """What boxes did when; empty if nothing was traced."""
        return Traces(self.storage / TRACE)

    def cuts(self) -> list[int]:
        """The ticks of the cuts that say they are complete, in order."""
        return cut_files.complete(self.storage)

    def complete(self, tick: int) -> Complete:
        """What is written of a cut. CutError if it cannot be used."""
        return cut_files.read_complete(self.storage, tick)[0]

    def cut(self, tick: int, boxes: int) -> list[BoxCut]:
        """Each box's part of a cut. CutError if one cannot be used."""
        return cut_files.read(self.storage, tick, boxes)
