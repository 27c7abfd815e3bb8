"""Writes a run's folder while the run goes on."""

from functools import partial
from typing import Any

from dni_actors.box.report import Event, Report, Started
from dni_actors.box.standing import Standing
from dni_actors.config import RunConfig
from dni_actors.record.manifest import manifest, now
from dni_actors.record.metrics import Metrics
from dni_actors.record.result import Result
from dni_actors.record.storage import RunFolder


class Recorder:
    """Takes events; `close` writes how the run ended. A disk that is full is told at the end, and stops nothing."""

    def __init__(self, config: RunConfig) -> None:
        self._folder = RunFolder.create(config)
        self._config: RunConfig | None = None  # as it is to be written anew
        self._metrics = Metrics(self._folder.path / "metrics")
        self._manifest = manifest()
        self._unwritten: dict[str, Any] = {"manifest.json": self._manifest}
        self.problem: str | None = None
        """why something could not be written"""
        self.discarded = False
        self._write()

    @property
    def name(self) -> str:
        return self._folder.path.name

    def settle(self, config: RunConfig) -> None:
        """What the configuration left open is known now."""
        self._config = config
        self._write()

    def take(self, event: Event) -> None:
        if isinstance(event, Started):
            self._manifest["kernels"] = sorted({place.kernels for place in event.places})
            self._unwritten |= {
                "boxes.json": [place._asdict() for place in event.places],
                "manifest.json": self._manifest,
            }
            self._write()
        elif isinstance(event, Report) and self._metrics.add(event.windows):
            self._write()

    def close(self, standing: Standing, status: str, error: str | None) -> Result:
        result = Result.of(standing, self._folder.path, status, error)
        self._unwritten |= {
            "result.json": result.content(),
            "manifest.json": self._manifest | {"ended": now(), "how": status},
        }
        self._write()
        return result

    def discard(self) -> None:
        """The run never began: its folder goes."""
        self._folder.discard()
        self.discarded = True

    def _write(self) -> None:
        """Writes all that is still to be written; what cannot be, waits for the next time."""
        self.problem = None
        jobs = {name: partial(self._folder.write_json, name, content) for name, content in self._unwritten.items()}
        if self._config is not None:
            jobs["config.toml"] = partial(self._folder.write_config, self._config)
        for name, job in (jobs | {"metrics": self._metrics.flush}).items():
            try:
                job()
                self._unwritten.pop(name, None)
                self._config = None if name == "config.toml" else self._config
            except OSError as error:
                told = error.strerror or str(error)
                self.problem = (
                    f"the run's folder {self._folder.path} could not be written ({told}); free space or check the disk"
                )
