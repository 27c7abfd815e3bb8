"""Randomness as a pure function of (seed, stream, index): nothing to carry from tick to tick, nothing to lose."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Who draws. Streams never share numbers, so adding a consumer changes no other one's."""

    WEIGHTS = 0
    """initial weights; index = box"""
    BATCHES = 1
    """order of the training samples; index = pass over the data"""
    COMPUTE_DELAY = 2
    """emulated heavy boxes; index = tick, lane = box"""
    LINK_DELAY = 3
    """emulated slow links; index = message, lane = channel and receiver"""
    FRESH = 4
    """training samples of tasks that draw them anew; index = tick"""
    HELD_OUT = 5
    """their validation and test samples, of seed 0; index = which of the two parts"""
    UPDATES = 6
    """whether a box updates in a tick; index = tick, lane = box"""
    NOISE = 7
    """gradients of the rule `noise`; index = tick, lane = box"""
    EPISODES = 8
    """material of streams; index = episode, lane = stream"""


def generator(seed: int, stream: Stream, index: int, lane: int = 0) -> np.random.Generator:
    """The generator of one (seed, stream, index, lane).

    The index stands in an upper word of Philox's 256-bit counter, which counts up from its lowest word: two indices
    are 2**128 draws apart. (A plain `counter=index` would make stream n + 1 repeat stream n, shifted by one block.)
    """
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, index, lane]))
