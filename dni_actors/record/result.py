"""What came out of a run."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dni_actors.box.report import plain
from dni_actors.box.standing import Standing
from dni_actors.record.metrics import read_metrics


@dataclass(frozen=True, eq=False)
class Result:
    """The content of result.json, and the way to the metrics."""

    status: str
    """finished, interrupted or failed"""
    error: str | None
    """the sentence that ended it, if it failed"""
    digest: str | None
    """over every box's weights in their order; None if the run did not finish"""
    digests: list[str] | None
    """of each box"""
    ticks: int
    """finished by the whole chain"""
    seconds: float
    """training alone: no start-up, no evaluation"""
    ticks_per_second: float
    """steady state: the first tenth of the run left out"""
    test_accuracy: float | None
    """of the newest evaluation, as is test_loss"""
    test_loss: float | None
    overlap: float
    """sum over boxes of (thread CPU time + emulated delay) over wall time"""
    runtime: str
    wire: str | None
    """None inline, where messages stay in the process"""
    seed: int
    kernels: list[str]
    """CPU kernels at work; more than one is a warning: the last bits may differ between such machines"""
    lag: int | str
    """ticks; as measured, if it was auto"""
    messages: dict[str, int]
    """of all boxes, the unusual ones: asked for, sent again, dropped and why"""
    hints: list[str]
    """what the run shows that another setting would do better"""
    evaluations: list[dict[str, Any]]
    """tick, accuracy and loss of each evaluation"""
    path: Path
    """the run's folder"""

    @classmethod
    def of(cls, standing: Standing, path: Path, status: str, error: str | None) -> "Result":
        config, evaluations = standing.config, standing.evaluations
        return cls(
            status=status,
            error=error,
            digest=standing.digest,
            digests=standing.digests,
            ticks=standing.ticks,
            seconds=round(standing.seconds, 4),
            ticks_per_second=round(standing.ticks_per_second, 2),
            test_accuracy=evaluations[-1].accuracy if evaluations else None,
            test_loss=evaluations[-1].loss if evaluations else None,
            overlap=round(standing.overlap, 3),
            runtime=config.execution.runtime,
            wire=config.execution.wire if config.execution.runtime == "ray" else None,
            seed=config.learning.seed,
            lag=config.learning.lag,
            messages=standing.messages,
            hints=standing.hints,
            kernels=list(standing.kernels),
            evaluations=[plain(evaluation._asdict()) for evaluation in evaluations],
            path=path,
        )

    @classmethod
    def from_path(cls, folder: str | Path) -> "Result":
        """Reads a run's folder. FileNotFoundError if no run has ended there."""
        path = Path(folder)
        content = json.loads((path / "result.json").read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{**{name: value for name, value in content.items() if name in known}, "path": path})

    def content(self) -> dict[str, Any]:
        """As in result.json."""
        return plain({f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | {"path": str(self.path)})

    @property
    def metrics(self) -> pa.Table:
        """A row per box and window of ticks (columns: box/report.py, Window)."""
        return read_metrics(self.path / "metrics")
