"""What a box counts while it learns: sums over a window of ticks, part of its state at a cut."""

import numpy as np

from dni_actors.nn.synthesizer import Agreement

NAMES = ("updates", "samples", "loss", "correct", "trained", "error", "cosine", "norm_ratio")


class Tally:
    """Sums since the last `reset`, in one small array."""

    def __init__(self) -> None:
        self.sums = np.zeros(len(NAMES))

    def updated(self) -> None:
        self.sums[0] += 1

    def learned(self, samples: int, correct: int, loss: float) -> None:
        """A mini-batch at the read-out: how many targets, how many answers right, sum of losses (Piece.judged)."""
        self.sums[1:4] += (samples, loss, correct)

    def trained(self, seen: Agreement | None) -> None:
        """A mini-batch at the synthesizer."""
        if seen is not None:
            self.sums[4:] += (1, *seen)

    def reset(self) -> None:
        self.sums[:] = 0

    def means(self) -> dict[str, float | None]:
        """Updates, and the means a window's row shows; None where there is nothing to tell."""
        updates, samples, loss, correct, trained, error, cosine, norm_ratio = self.sums.tolist()

        def mean(total: float, count: float) -> float | None:
            return total / count if count else None

        return {
            "updates": updates,
            "loss": mean(loss, samples),
            "accuracy": mean(correct, samples),
            "synthesizer_error": mean(error, trained),
            "cosine": mean(cosine, trained),
            "norm_ratio": mean(norm_ratio, trained),
        }
