"""Curves for TensorBoard (the optional extra `tensorboard`): rows of the metrics and evaluations, as they come."""

import os
import time
from pathlib import Path
from typing import Any

from dni_actors.config.checks import ConfigError
from dni_actors.observe.events import Event, Started, Status

CURVES = ("loss", "cosine", "synthesizer_error", "norm_ratio", "received_norm", "slack")


class TensorBoard:
    """A view that writes event files: a curve per box and figure, over ticks.

    By tensorboardX's writer of events, not its SummaryWriter, whose `flush` does not wait for what is in its queue: a
    cut may be kept meanwhile, and what was told before a cut does not come again.
    """

    def __init__(self, folder: Path | None) -> None:
        """ConfigError if tensorboardX is missing, or there is no folder of this machine to write to."""
        try:
            from tensorboardX import event_file_writer
        except ImportError as error:
            problem = "True needs tensorboardX, which is not installed; pip install tensorboardX"
            raise ConfigError("tensorboard", problem) from error
        if folder is None:
            raise ConfigError("tensorboard", "True writes to folders of this machine only; give such a --storage")
        folder.mkdir(exist_ok=True)
        self._writer = event_file_writer.EventsWriter(str(folder / "events"), f".{os.getpid()}.{time.time_ns()}")

    def _write(self, step: int, **content: Any) -> None:
        from tensorboardX.proto import event_pb2

        self._writer.write_event(event_pb2.Event(wall_time=time.time(), step=step, **content))

    def _scalar(self, tag: str, value: float, step: int) -> None:
        from tensorboardX.summary import scalar

        self._write(step, summary=scalar(tag, value))

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        if isinstance(event, Started) and event.tick:  # what comes from there on is done again
            from tensorboardX.proto.event_pb2 import SessionLog

            self._write(event.tick, session_log=SessionLog(status=SessionLog.START))
            self._writer.flush()
        if not isinstance(event, Status):
            return
        for row in event.rows:
            worked = (row.cpu_seconds + row.delay_seconds) / row.seconds if row.seconds > 0 else None
            curves = {name: getattr(row, name) for name in CURVES} | {"busy": worked}
            for name, value in curves.items():
                if value is not None:
                    self._scalar(f"{name}/box-{row.box}", value, row.last_tick)
        for evaluation in event.evaluations:
            for name in ("accuracy", "loss", "validation_accuracy", "validation_loss"):
                tag = name.replace("validation_", "validation/") if "_" in name else f"test/{name}"
                self._scalar(tag, getattr(evaluation, name), evaluation.tick)
        if event.rows or event.evaluations:
            self._writer.flush()

    def close(self, result: dict[str, Any] | None) -> None:
        self._writer.close()
