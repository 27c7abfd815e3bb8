"""Metrics of a run for Prometheus, through Ray's own exporter on the node of the driver (`ray.util.metrics`)."""

from typing import Any

from dni_actors.observe.events import Event, Started, Status, Warned
from dni_actors.observe.standing import Standing

OF_BOX = {
    "dni_ticks": "Ticks that the box has finished.",
    "dni_loss": "Mean loss over the newest row of the metrics.",
    "dni_cosine": "Cosine between the synthetic and the received gradient.",
    "dni_synthesizer_error": "Relative squared error of the synthetic gradient.",
    "dni_slack": "Mean ticks that a gradient lay ready before its turn.",
    "dni_busy": "Share of its time that the box worked.",
    "dni_waiting_messages": "Messages that lie at the box and wait for their turn.",
    "dni_memory_bytes": "Memory of the box's process that nobody shares.",
    "dni_restarts": "Times that the box was started again.",
}
OF_RUN = {
    "dni_ticks_per_second": "Ticks per second in the steady state.",
    "dni_overlap": "Sum over boxes of CPU time and emulated delay, over wall time.",
    "dni_test_accuracy": "Of the newest evaluation.",
    "dni_validation_accuracy": "Of the newest evaluation.",
}


class Prometheus:
    """A view that sets gauges, tagged with the run's name and the box; Ray puts ray_ before their names."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._gauges: dict[str, Any] = {}

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        if isinstance(event, Started):
            self._begin()
        elif isinstance(event, Status) and self._gauges:
            self._set(event)

    def close(self, result: dict[str, Any] | None) -> None:
        self._gauges.clear()

    def _begin(self) -> None:
        """Ray is up. Its exporter is a part of ray[default]; without it gauges go nowhere, and that is told."""
        import ray
        from ray.util.metrics import Gauge

        if not any(node.get("MetricsExportPort", -1) > 0 for node in ray.nodes()):
            told = "--prometheus: no node exports metrics; install ray[default] on the nodes and start Ray there anew"
            if told not in self._standing.warnings:
                self._standing.take(Warned(told))
            return
        tags = dict.fromkeys(OF_BOX, ("run", "box")) | dict.fromkeys(OF_RUN, ("run",))
        for name, text in (OF_BOX | OF_RUN).items():
            self._gauges[name] = Gauge(name, description=text, tag_keys=tags[name])

    def _set(self, status: Status) -> None:
        standing, k = self._standing, status.box
        run = {"run": standing.config.output.name or "unnamed"}
        row = standing.rows[k]
        of_box: dict[str, float | None] = {
            "dni_ticks": status.tick,
            "dni_waiting_messages": status.waiting,
            "dni_memory_bytes": status.memory,
            "dni_restarts": standing.restarts[k],
        }
        if row is not None:
            worked = (row.cpu_seconds + row.delay_seconds) / row.seconds if row.seconds > 0 else None
            of_box |= {"dni_loss": row.loss, "dni_cosine": row.cosine, "dni_slack": row.slack, "dni_busy": worked}
            of_box["dni_synthesizer_error"] = row.synthesizer_error
        of_run: dict[str, float | None] = {
            "dni_ticks_per_second": standing.ticks_per_second,
            "dni_overlap": standing.overlap,
        }
        if standing.evaluations:
            newest = standing.evaluations[-1]
            of_run |= {"dni_test_accuracy": newest.accuracy, "dni_validation_accuracy": newest.validation_accuracy}
        for values, tags in ((of_box, run | {"box": str(k)}), (of_run, run)):
            for name, value in values.items():
                if value is not None:
                    self._gauges[name].set(value, tags=tags)
