"""What could a longer gradient bring on text? Updates of 5 characters each, the exact gradient through J times as many.

    python -m bench.rivals.horizon [--windows 1 2 4] [--seeds 3] [--ticks 6000]

The stream, the GRU of 128 units, the batch of 32 and Adam's rate are those of the preset `paper-text`, in PyTorch.
J = 1 is truncation at T = 5. With J = 4 the last 4 windows go forward again from the state that was carried then, with
weights of now, and the loss of the newest goes back through all 20 characters: no synthetic gradient of so long a
future could say more. Prints a line per run: bits per character on the test part.
"""

import argparse
import math

import numpy as np
import torch

from dni_actors.config.run import RunConfig
from dni_actors.tasks.task import TEST, TRAIN
from dni_actors.tasks.text import Text


def bits(task: Text, gru: torch.nn.GRU, readout: torch.nn.Linear, steps: int, rows: int) -> float:
    """Per character of the test part."""
    memory, state, total, count = np.zeros((rows, 0)), None, 0.0, 0
    facts = task.start(TEST, 0, rows, memory)
    with torch.no_grad():
        for _ in range(task.chunks(rows, steps)):
            x, labels = window(task, TEST, facts, steps)
            said, state = gru(x, state)
            known = labels >= 0
            total += float(torch.nn.functional.cross_entropy(readout(said)[known], labels[known], reduction="sum"))
            count += int(known.sum())
            facts, _ = task.advance(facts, steps, memory)
    return total / count / math.log(2)


def window(task: Text, part: int, facts: np.ndarray, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x [T, B, C] and the next characters [T, B]."""
    x = np.zeros((steps, len(facts), task.classes), np.float32)
    labels = np.zeros((steps, len(facts)), np.int64)
    task.window(part, 0, facts, 0, x, labels)
    return torch.from_numpy(x), torch.from_numpy(labels)


def trained(windows: int, seed: int, ticks: int) -> float:
    """Bits per character after so many ticks."""
    config = RunConfig.preset("paper-text")
    task, steps, rows = config.task, config.unrolls[0], config.learning.batch
    assert isinstance(task, Text)
    torch.manual_seed(seed)
    gru, readout = torch.nn.GRU(task.classes, config.chain.hidden), torch.nn.Linear(config.chain.hidden, task.classes)
    optimizer = torch.optim.Adam([*gru.parameters(), *readout.parameters()], config.learning.learning_rate[0])
    memory, state = np.zeros((rows, 0)), torch.zeros(1, rows, config.chain.hidden)
    facts = task.start(TRAIN, 0, rows, memory)
    known: list[tuple[torch.Tensor, torch.Tensor]] = []
    for _ in range(ticks):
        x, labels = window(task, TRAIN, facts, steps)
        known = [*known, (x, state)][-windows:]
        said, after = gru(torch.cat([x for x, _ in known]), known[0][1])
        loss = torch.nn.functional.cross_entropy(readout(said[-steps:]).flatten(0, 1), labels.flatten()) * steps
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = after.detach()
        facts, fresh = task.advance(facts, steps, memory)
        state[:, fresh] = 0
    return bits(task, gru, readout, steps, rows)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--windows", type=int, nargs="+", default=[1, 2, 4])
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--ticks", type=int, default=6000)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    for seed in range(chosen.seeds):
        for windows in chosen.windows:
            print(f"seed {seed}, {windows} windows: {trained(windows, seed, chosen.ticks):.3f} bits", flush=True)


if __name__ == "__main__":
    main()
