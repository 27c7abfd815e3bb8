"""What came out of a run."""

import dataclasses
import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dni_actors.config.run import RunConfig
from dni_actors.observe.advice import hints
from dni_actors.observe.evaluations import Evaluations, recalled
from dni_actors.observe.events import plain
from dni_actors.observe.figure import bits, figure, squared_error
from dni_actors.observe.standing import Standing
from dni_actors.protocol.model import Model
from dni_actors.record.run_files import RunFiles
from dni_actors.record.storage import Storage

DRAWS = "dni_actors.report"  # by name, and only when a notebook asks: who draws stands above


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
    """of the newest evaluation, as are test_loss and validation_accuracy"""
    test_loss: float | None
    validation_accuracy: float | None
    """on samples kept apart from training and test, to choose by"""
    test_error: float | None
    """mean squared error, of tasks that ask for numbers"""
    test_bits: float | None
    """bits per step, of streams: of a text, per character"""
    test_reached: float | None
    """how far a curriculum has come: copy, the symbols written without a mistake"""
    figure: str | None
    """what the task goes by, of the evaluation that is best on the validation samples, as it is shown"""
    figure_at_end: str | None
    """the same of the newest evaluation"""
    best: dict[str, Any] | None
    """the best evaluation on the validation samples: the highest accuracy, of numbers and where every step is asked the
    least loss, of a curriculum the farthest; kept is the cut of the best one that has a cut"""
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
    restarts: list[int]
    """of each box, in this part of the run"""
    losses: list[str]
    """why boxes were started again, in order"""
    cuts: list[int]
    """ticks of the complete cuts in the folder: the run can go on from the last one"""
    cut_share: float
    """of its time, what the box that spent most of it on cuts did spend, since the boxes were last started"""
    warnings: list[str]
    """what went wrong and did not end the run"""
    hints: list[str]
    """what the run shows that another setting would do better"""
    evaluations: list[dict[str, Any]]
    """tick, accuracy and loss of each evaluation"""
    nodes: list[str]
    """the address of each box's node"""
    links_ms: list[float | None]
    """of each boundary: least milliseconds that a message there and one back took, as long as the boxes looked"""
    links: list[str]
    """of each boundary: what carries its messages (observe/links.py); a ring's last one leads to box 0. None inline"""
    path: Path | str
    """the run's folder; a text where it is not on this machine"""
    sent: int = 0
    """messages that the boxes have put in this part of the run, counted at each; those sent again left out"""
    sent_bytes: int = 0
    """their arrays, as the wire carries them; headers left out"""
    verdict: str | None = None
    """whether the chain has learned, and how much more than guessing has; of a run that has finished"""
    scores: dict[str, Any] | None = None
    """of classes: precision, recall and F1 of each, and the confusion matrix, at the cut that `load_model`
    takes (record/scores.py)"""

    @classmethod
    def of(cls, standing: Standing, storage: Storage, status: str, error: str | None, cuts: list[int]) -> "Result":
        """What is known of a run when it ends.

        Args:
            standing: all that the boxes have reported.
            storage: the run's folder.
            status: how the run ended: finished, interrupted or failed.
            error: the sentence that ended it, if it failed.
            cuts: ticks of the complete cuts in the folder.
        """
        config, evaluations, best = standing.config, standing.evaluations, standing.evaluations.best
        newest = evaluations[-1] if evaluations else None
        return cls(
            status=status,
            error=error,
            digest=standing.digest,
            digests=standing.digests,
            ticks=standing.ticks,
            seconds=round(standing.seconds, 4),
            ticks_per_second=round(standing.ticks_per_second, 2),
            test_accuracy=number(newest and newest.accuracy),
            test_loss=newest.loss if newest else None,
            validation_accuracy=number(newest and newest.validation_accuracy),
            test_error=squared_error(config.task, newest) if newest else None,
            test_bits=bits(config.task, newest) if newest else None,
            test_reached=number(newest and newest.reached),
            figure=figure(config.task, best).words if best else None,
            figure_at_end=standing.figure.words if standing.figure else None,
            best=plain(best._asdict()) if best else None,
            restarts=standing.restarts,
            losses=[f"box {loss.box}: {loss.why}" for loss in standing.losses],
            cuts=cuts,
            cut_share=round(standing.cut_share, 5),
            warnings=standing.warnings,
            overlap=round(standing.overlap, 3),
            runtime=config.execution.runtime,
            wire=config.execution.wire if config.execution.runtime == "ray" else None,
            seed=config.learning.seed,
            lag=config.learning.lag,
            messages=standing.messages,
            hints=hints(standing),
            kernels=list(standing.kernels),
            evaluations=[plain(evaluation._asdict()) for evaluation in evaluations],
            nodes=[place.address for place in standing.places],
            links_ms=[None if link is None else round(link * 1e3, 3) for link in standing.links],
            links=list(standing.kinds),
            path=storage.path or storage.name,
            sent=standing.sent[0],
            sent_bytes=standing.sent[1],
        )

    @classmethod
    def from_path(cls, folder: str | Path) -> "Result":
        """Reads the result of a run that has ended.

        Args:
            folder: the run's, or a URI of it.

        Returns:
            What result.json holds; a field that an older version did not write is None.

        Raises:
            FileNotFoundError: no run has ended there.
            OSError: the folder cannot be read.
            ValueError: result.json is none.
        """
        files = RunFiles.of(str(folder))
        try:
            content, path = files.result(), files.storage.path or str(folder)
        except FileNotFoundError as error:
            problem = f"{str(folder)!r} holds no run that has ended; give a run's folder, such as runs/NAME"
            raise FileNotFoundError(problem) from error
        known = dict.fromkeys(field.name for field in dataclasses.fields(cls))
        return cls(**{**known, **{name: value for name, value in content.items() if name in known}, "path": path})

    def load_model(self, best: bool = True, data: bool = False, data_changed: bool = False) -> Model:
        """The trained boxes, to be used.

        Args:
            best: as they were at the best evaluation that has a cut, which is `best` itself unless that one's cut
                could not be kept; otherwise as they were at the run's end, or at its last complete cut.
            data: with the task's samples, which `Model.evaluation` needs. Without them a model of the task's facts is
                enough, which the record holds: the data may be gone.
            data_changed: the data may be others than those of the run, if they are of the same kind.

        Returns:
            The chain at that cut; its `tick` says at which.

        Raises:
            FileNotFoundError: the folder holds no cut.
            OSError: a file cannot be read, or a cut's is damaged; the text names it.
            ValueError: config.toml cannot be used; as ConfigError, the data are not those of the run.
        """
        files = RunFiles.of(str(self.path))
        ticks = files.cuts()
        if not ticks:
            name = files.storage.name
            raise FileNotFoundError(f"{name} holds no cut; the run was too short, or no cut could be kept")
        config = files.config_with_data(data_changed) if data else files.config_without_data()
        tick = self.tick_to_use(config, ticks) if best else ticks[-1]
        return Model(config, files.cut(tick, config.boxes))

    def tick_to_use(self, config: RunConfig, cuts: Sequence[int]) -> int:
        """Of the best evaluation that has one of these cuts; of the last cut, if none has."""
        ranked = Evaluations(config, map(recalled, self.evaluations)).ranked
        return next((evaluation.tick for evaluation in ranked if evaluation.tick in cuts), cuts[-1])

    def __repr__(self) -> str:
        reached = "no evaluation" if self.figure is None else f"test {self.figure}"
        return f"<Result of {self.path}: {self.status}, {reached}, {self.ticks} ticks in {self.seconds:.1f} s>"

    def _repr_html_(self) -> str:
        """For notebooks: figures, the curve of the evaluations, and who did what when."""
        drawn: str = importlib.import_module(DRAWS).in_notebook(self)
        return drawn

    def content(self) -> dict[str, Any]:
        """As in result.json: what is not a finite number is None there."""
        return plain({f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | {"path": str(self.path)})

    @property
    def metrics(self) -> pa.Table:
        """A row per box and window of ticks, in the order of ticks and boxes; times in seconds (columns:
        observe/events.py, Row). Of ticks that were done again there are those of the last time. OSError names a file
        that cannot be read."""
        return RunFiles.of(str(self.path)).metrics()


def number(value: float | None) -> float | None:
    """None for what is not one."""
    return None if value is None or math.isnan(value) else value
