"""The chain as its boxes' reports tell it: what the console shows and the record keeps, gathered in one place."""

from dni_actors.box.program import Evaluation
from dni_actors.box.report import Event, Place, Report, Started, Window
from dni_actors.config import RunConfig
from dni_actors.nn.digest import combine


class Standing:
    """Takes events as they come; everything else is read off."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.places: tuple[Place, ...] = ()
        self.reports = [Report(k, 0, "starting") for k in range(config.boxes)]
        self.windows: list[Window | None] = [None] * config.boxes
        """the newest row of each box"""
        self.evaluations: list[Evaluation] = []

    def take(self, event: Event) -> None:
        if isinstance(event, Started):
            self.places = event.places
            return
        self.reports[event.box] = event
        self.evaluations += event.evaluations
        if event.windows:
            self.windows[event.box] = event.windows[-1]

    @property
    def ticks(self) -> int:
        """Ticks that the whole chain has finished."""
        return min(report.tick for report in self.reports)

    @property
    def seconds(self) -> float:
        """Training time by the last box's clock, evaluations left out."""
        return self.reports[-1].seconds

    @property
    def ticks_per_second(self) -> float:
        """In the steady state: the first tenth left out."""
        return self.reports[-1].steady_rate

    @property
    def overlap(self) -> float:
        """Sum over boxes of (thread CPU time + emulated delay) over wall time, evaluations in both: 1 is lock-step."""
        worked = sum(report.cpu_seconds + report.delay_seconds for report in self.reports)
        elapsed = max(report.elapsed for report in self.reports)
        return worked / elapsed if elapsed else 0.0

    @property
    def kernels(self) -> tuple[str, ...]:
        """The different CPU kernels at work: more than one, and the last bit may depend on who ran what."""
        return tuple(sorted({place.kernels for place in self.places}))

    @property
    def digests(self) -> list[str] | None:
        """Of each box's weights; None before all are done."""
        found = [report.digest for report in self.reports if report.digest is not None]
        return found if len(found) == len(self.reports) else None

    @property
    def digest(self) -> str | None:
        """Of the whole chain's weights; None before all boxes are done."""
        return combine(self.digests) if self.digests is not None else None
