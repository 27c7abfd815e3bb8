"""A run as its folder tells of it, for people to look at: whatever is there, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.protocol.program import Evaluation

Columns = dict[str, Array]
"""a table: arrays of one length, by name"""


@dataclass(frozen=True, eq=False)
class Account:
    """Nothing in it is sure to be there; a run may still go on."""

    name: str
    place: str
    """its folder"""
    settings: dict[str, Any] = field(default_factory=dict)
    """the fields of its configuration that are set"""
    manifest: dict[str, Any] = field(default_factory=dict)
    places: list[dict[str, Any]] = field(default_factory=list)
    """where each box runs: the fields of Place"""
    result: dict[str, Any] = field(default_factory=dict)
    """the content of result.json"""
    metrics: Columns = field(default_factory=dict)
    """rows of Row by first tick and box, without prints; NaN where there is nothing"""
    evaluations: list[Evaluation] = field(default_factory=list)
    probes: Columns = field(default_factory=dict)
    """tick, box, cosine and error of synthetic gradients against exact ones, by tick and box"""
    missing: list[str] = field(default_factory=list)
    """sentences: what could not be read"""

    @property
    def boxes(self) -> int:
        known = [0, len(self.places), *(len(self.result.get(name) or ()) for name in ("digests", "restarts"))]
        return max(*known, 1 + int(self.metrics["box"].max()) if len(self.metrics.get("box", ())) else 0)

    @property
    def status(self) -> str:
        """How it ended, as far as one can tell."""
        if self.manifest and "ended" not in self.manifest:
            return "going on, or killed"
        return str(self.manifest.get("how") or self.result.get("status") or "unknown")

    @property
    def task(self) -> str:
        return str(self.settings.get("task", "unknown task"))

    @property
    def lag(self) -> int:
        lag = self.settings.get("lag")
        return lag if isinstance(lag, int) else 1

    @property
    def rows(self) -> int:
        """Of the metrics."""
        return len(self.metrics.get("box", ()))

    def of_box(self, k: int) -> Columns:
        """The metrics of one box."""
        mine = self.metrics["box"] == k
        return {name: column[mine] for name, column in self.metrics.items()}

    @property
    def seconds(self) -> tuple[Array, Array]:
        """(ticks, seconds): how long training had taken when so many ticks were done, by the last box's clock."""
        if not self.rows:
            return np.zeros(1), np.zeros(1)
        last = self.of_box(self.boxes - 1)
        ticks, seconds = last["last_tick"] + 1, np.cumsum(np.nan_to_num(last["seconds"]))
        return np.concatenate([[0], ticks]), np.concatenate([[0.0], seconds])

    @property
    def restarts(self) -> list[tuple[int, int]]:
        """(incarnation, tick from which the run went on), but for the first."""
        if not self.rows:
            return []
        incarnations = np.unique(self.metrics["incarnation"])
        first = [int(self.metrics["first_tick"][self.metrics["incarnation"] == i].min()) for i in incarnations]
        return [(int(i), tick) for i, tick in zip(incarnations, first, strict=True) if i > 0]


TITLED = ("task", "update", "lag", "boxes", "cell", "hidden", "batch", "learning_rate", "weights", "seed")
"""settings that tell runs apart, the first ones first; a run's title has three of them at least"""
BARE = ("task", "update", "cell")  # whose values say by themselves what they are
MOST = 5  # of a title's settings


def titles(accounts: Sequence[Account]) -> list[str]:
    """Of each run: what differs between them; of a single one its task, rule and lag. Its name, where nothing does."""
    shown: tuple[str, ...] = TITLED[:3]
    if len(accounts) > 1:
        others = sorted({name for account in accounts for name in account.settings} - {*TITLED, "name", "storage"})
        differs = [name for name in (*TITLED, *others) if len({str(a.settings.get(name)) for a in accounts}) > 1]
        shown = tuple(differs[:MOST])
    found = [", ".join(fact(account, name) for name in shown if name in account.settings) for account in accounts]
    return [
        account.name if not title or found.count(title) > 1 else title
        for account, title in zip(accounts, found, strict=True)
    ]


def fact(account: Account, name: str) -> str:
    """A setting in words: `lag 16`."""
    value = account.settings[name]
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if name in BARE else f"{name.replace('_', ' ').strip()} {words}"
