"""Curves for TensorBoard (the optional extra `tensorboard`): rows of the metrics and evaluations, as they come."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from dni_actors.config.checks import ConfigError
from dni_actors.observe.events import Event, Started, Status

CURVES = ("loss", "cosine", "synthesizer_error", "norm_ratio", "received_norm", "slack")


class TensorBoard:
    """A view that writes event files: a curve per box and figure, over ticks."""

    def __init__(self, folder: Path | None) -> None:
        """ConfigError if tensorboardX is missing, or there is no folder of this machine to write to."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            problem = "True needs tensorboardX, which is not installed; pip install tensorboardX"
            raise ConfigError("tensorboard", problem) from error
        if folder is None:
            raise ConfigError("tensorboard", "True writes to folders of this machine only; give such a --storage")
        self._make, self._writers = partial(SummaryWriter, str(folder)), 0
        self._writer: Any = self._new()

    def _new(self, since: int | None = None) -> Any:
        """A file of its own. What stands in those before of ticks from `since` on is done again, and holds no more."""
        self._writers += 1
        return self._make(purge_step=since, filename_suffix=f".{os.getpid()}.{self._writers}")

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        if isinstance(event, Started) and event.tick:
            self._writer.close()
            self._writer = self._new(event.tick)
        if not isinstance(event, Status):
            return
        for row in event.rows:
            worked = (row.cpu_seconds + row.delay_seconds) / row.seconds if row.seconds > 0 else None
            curves = {name: getattr(row, name) for name in CURVES} | {"busy": worked}
            for name, value in curves.items():
                if value is not None:
                    self._writer.add_scalar(f"{name}/box-{row.box}", value, row.last_tick)
        for evaluation in event.evaluations:
            for name in ("accuracy", "loss", "validation_accuracy", "validation_loss"):
                tag = name.replace("validation_", "validation/") if "_" in name else f"test/{name}"
                self._writer.add_scalar(tag, getattr(evaluation, name), evaluation.tick)
        if event.rows or event.evaluations:
            self._writer.flush()  # before a cut is kept, from which on they would not come again

    def close(self, result: dict[str, Any] | None) -> None:
        self._writer.close()
