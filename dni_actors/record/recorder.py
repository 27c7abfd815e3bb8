"""Writes a run's folder while the run goes on."""

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
        self._metrics = Metrics(self._folder.path / "metrics")
        self._manifest = manifest()
        self.problem: str | None = None
        """why something could not be written"""

    @property
    def name(self) -> str:
        return self._folder.path.name

    def take(self, event: Event) -> None:
        try:
            if isinstance(event, Started):
                self._manifest["kernels"] = sorted({place.kernels for place in event.places})
                self._folder.write_json("boxes.json", [place._asdict() for place in event.places])
                self._folder.write_json("manifest.json", self._manifest)
            elif isinstance(event, Report):
                self._metrics.add(event.windows)
        except OSError as error:
            self._note(error)

    def close(self, standing: Standing, status: str, error: str | None) -> Result:
        result = Result.of(standing, self._folder.path, status, error)
        try:
            self._metrics.flush()
            self._folder.write_json("manifest.json", self._manifest | {"ended": now(), "how": status})
            self._folder.write_json("result.json", result.content())
            self.problem = None
        except OSError as problem:
            self._note(problem)
        return result

    def discard(self) -> None:
        """The run never began: leaves no trace."""
        self._folder.discard()

    def _note(self, error: OSError) -> None:
        told = error.strerror or str(error)
        self.problem = (
            f"the run's folder {self._folder.path} could not be written ({told}); free space or check the disk"
        )
