"""What a box counts while it learns: sums over a window of ticks, part of its state at a cut."""

import numpy as np

from dni_actors.box.piece import Judged
from dni_actors.nn.synthesizer import Agreement

NAMES = ("updates", "asked", "right", "loss", "known", "trained", "error", "cosine", "norm_ratio")


class Tally:
    """Sums since the last `reset`, in one small array."""

    def __init__(self) -> None:
        self.sums = np.zeros(len(NAMES))

    def updated(self) -> None:
        self.sums[0] += 1

    def learned(self, judged: Judged) -> None:
        """A mini-batch at the read-out."""
        self.sums[1:5] += judged[:4]

    def trained(self, seen: Agreement | None) -> None:
        """A mini-batch at the synthesizer."""
        if seen is not None:
            self.sums[5:] += (1, *seen)

    def reset(self) -> None:
        self.sums[:] = 0

    def means(self) -> dict[str, float | None]:
        """Updates, and the means a window's row shows; None where there is nothing to tell."""
        updates, asked, right, loss, known, trained, error, cosine, norm_ratio = self.sums.tolist()

        def mean(total: float, count: float) -> float | None:
            return total / count if count else None

        return {
            "updates": updates,
            "loss": mean(loss, known),
            "accuracy": mean(right, asked),
            "synthesizer_error": mean(error, trained),
            "cosine": mean(cosine, trained),
            "norm_ratio": mean(norm_ratio, trained),
        }
