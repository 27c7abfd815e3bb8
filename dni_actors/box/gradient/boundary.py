"""Chooses what stands at a box's far boundary."""

import numpy as np

from dni_actors.box.gradient.noise import NoiseGradient
from dni_actors.box.gradient.synthetic import SyntheticGradient
from dni_actors.box.gradient.zero import SequenceEnd, ZeroGradient
from dni_actors.config.run import RunConfig


def boundary_of(config: RunConfig, k: int, rng: np.random.Generator) -> ZeroGradient:
    """Of box k; `rng` draws what is random in it."""
    rule, ends = config.learning.update, config.neighbours(k)[1] is None
    if rule == "synthetic":
        return SequenceEnd(config) if ends else SyntheticGradient(config, k, rng)
    return NoiseGradient(config, k) if rule == "noise" else ZeroGradient(config)
