"""Backpropagation through time over a whole chain in one process: the oracle that decoupled runs are held against.

Plain and slow on purpose: it shares no code with the cells it checks.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array


class Backpropagation(NamedTuple):
    """What one mini-batch gives, B samples in a chain of K boxes."""

    loss: Array
    """[B] cross-entropy of each sample"""
    weights: list[dict[str, Array]]
    """per box: batch means of the weight gradients, by the names of the box's weights"""
    boundaries: list[Array]
    """K - 1 arrays [B, H]: the true dL/dh at each boundary, per sample"""


def bptt(boxes: Sequence[Mapping[str, Array]], x: Sequence[Array], labels: Array, h_in: Array) -> Backpropagation:
    """Exact gradients of a tanh RNN whose boxes own their weights.

    boxes[k]: `input` [I+1, H] (bias last) and `recurrent` [H, H] unless box k has no steps; the last box also
    `readout` [H, C] and `readout_bias` [C]. x[k]: [T_k, B, I]. labels: [B]. h_in: [B, H], the initial state.
    """
    batch = len(labels)
    h = h_in
    trails: list[list[Array]] = []
    for weights, steps in zip(boxes, x, strict=True):
        trail = [h]
        for x_t in steps:
            h = np.tanh(x_t @ weights["input"][:-1] + weights["input"][-1] + h @ weights["recurrent"])
            trail.append(h)
        trails.append(trail)

    last = boxes[-1]
    logits = h @ last["readout"] + last["readout_bias"]
    logits = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(batch), labels])
    d_logits = p.copy()
    d_logits[np.arange(batch), labels] -= 1
    d = d_logits @ last["readout"].T

    gradients: list[dict[str, Array]] = []
    boundaries: list[Array] = []
    for k in reversed(range(len(boxes))):
        weights, trail = boxes[k], trails[k]
        found = {name: np.zeros_like(w) for name, w in weights.items()}
        if k == len(boxes) - 1:
            found["readout"] = h.T @ d_logits / batch
            found["readout_bias"] = d_logits.mean(axis=0)
        else:
            boundaries.insert(0, d)
        for t in reversed(range(len(x[k]))):
            a = (1 - trail[t + 1] ** 2) * d
            found["input"][:-1] += x[k][t].T @ a / batch
            found["input"][-1] += a.mean(axis=0)
            found["recurrent"] += trail[t].T @ a / batch
            d = a @ weights["recurrent"].T
        gradients.insert(0, found)
    return Backpropagation(loss, gradients, boundaries)
