"""How good are the defaults? A file and nothing else, against PyTorch on the same samples.

    python -m bench.defaults [--sets digits vowels covid] [--seeds 5]

Three sets of other people's data that ship inside packages: scikit-learn's digits (8 rows of 8 pixels), and of sktime
JapaneseVowels (speakers, 7 to 29 steps of 12 numbers, split as published) and Covid3Month (84 days of cases, and how
many died: numbers). Ours is `--task file:SET.npz`. The rival is a PyTorch RNN of as many units with as many ticks of as
many samples at the same rate (Adam, the same decay and clipping), the same split, standardised by the same figures,
sequences of unequal lengths packed; its best evaluation on the validation samples counts, as ours does. `locked` is our
own exact backpropagation, `raw` ours without standardising. Needs scikit-learn, sktime and torch.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import RESULTS, save
from dni_actors import RunConfig, run
from dni_actors.box.data.scaled import Scaled
from dni_actors.nn.arrays import Array
from dni_actors.observe.evaluations import Evaluations, recalled
from dni_actors.observe.figure import figure
from dni_actors.tasks import Task, optional

Set = dict[str, Array]


def digits() -> Set:
    from sklearn.datasets import load_digits

    of = load_digits()
    return {"x": of.images, "labels": of.target}


def published(name: str, label: type) -> Set:
    """A set of sktime: sequences, padded, their lengths, and the split that comes with it."""
    import sktime
    from sktime.datasets import load_from_tsfile

    x, y, split = [], [], []
    for part in ("train", "test"):
        file = Path(sktime.__file__).parent / "datasets" / "data" / name / f"{name}_{part.upper()}.ts"
        frame, labels = load_from_tsfile(str(file), return_data_type="nested_univ")
        x += [np.stack([np.asarray(of, float) for of in row], axis=1) for row in frame.to_numpy()]
        y += list(labels)
        split += [part] * len(labels)
    lengths = np.array([len(one) for one in x])
    padded = np.zeros((len(x), lengths.max(), x[0].shape[1]))
    for row, one in zip(padded, x, strict=True):
        row[: len(one)] = one
    return {"x": padded, "labels": np.array(y, label), "lengths": lengths, "split": np.array(split)}


SETS: dict[str, Callable[[], Set]] = {
    "digits": digits,
    "vowels": lambda: published("JapaneseVowels", str),
    "covid": lambda: published("Covid3Month", float),
}


def ours(file: Path, seed: int, **fields: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as storage:
        config = RunConfig.of(
            task=f"file:{file}", seed=seed, runtime="inline", console="quiet", storage=storage, name="it", **fields
        )
        result = run(config)
        evaluations = Evaluations(config, map(recalled, result.evaluations))
        best = evaluations.best
        assert best is not None
        found = {"best": figure(config.task, best).value, "end": figure(config.task, evaluations[-1]).value}
        return found | {"ticks": result.ticks, "seconds": result.seconds}


def theirs(file: Path, seed: int) -> dict[str, Any]:
    """The rival."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    config = RunConfig.of(task=f"file:{file}")
    task, scaled = config.task, Scaled(config.scaling, config.task.loss == "squared")
    begins = optional(task).begins
    data = []
    for i, of in enumerate(task.load(0, config.steps)):
        labels = of.labels.copy()
        scaled.targets(labels)
        lengths = config.steps - begins[i] if begins is not None else np.full(of.x.shape[1], config.steps)
        x = scaled.inputs(of.x).transpose(1, 0, 2)
        for row, length in zip(x, lengths, strict=True):
            row[:length] = row[config.steps - length :].copy()
        y = torch.tensor(labels if task.loss == "softmax" else labels.astype(np.float32))
        data.append((torch.tensor(x.astype(np.float32)), torch.tensor(lengths), y))
    rnn, head = nn.RNN(task.inputs, config.chain.hidden, batch_first=True), nn.Linear(config.chain.hidden, task.classes)
    weights = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=config.learning.learning_rate[0])
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.ticks)
    loss_of = nn.CrossEntropyLoss() if task.loss == "softmax" else nn.MSELoss()
    batch, (train, *held_out) = config.learning.batch, data

    def forward(x: Any, lengths: Any) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return head(rnn(packed)[1][0])

    def judged(part: Any) -> tuple[float, float]:
        """What it is chosen by, larger is better, and the figure."""
        x, lengths, y = part
        with torch.no_grad():
            out = forward(x, lengths)
        if task.loss == "softmax":
            share = float((out.argmax(1) == y).float().mean())
            return share - 1e-4 * float(loss_of(out, y)), share
        error = float((((out - y).double().numpy() * scaled.unit) ** 2).mean())
        return -float(loss_of(out, y)), error

    best, tick, found = -np.inf, 0, float("nan")
    while tick < config.ticks:
        order = torch.randperm(len(train[0]))
        for first in range(0, len(order) - batch + 1, batch):
            chosen = order[first : first + batch]
            optimizer.zero_grad()
            loss_of(forward(train[0][chosen], train[1][chosen]), train[2][chosen]).backward()
            nn.utils.clip_grad_norm_(weights, config.learning.clip)
            optimizer.step()
            decay.step()
            tick += 1
            if tick % config.evaluate_every == 0 or tick == config.ticks:
                merit, _ = judged(held_out[0])
                if merit > best:
                    best, found = merit, judged(held_out[1])[1]
            if tick == config.ticks:
                break
    return {"best": found, "end": judged(held_out[1])[1], "ticks": tick}


def guessing(task: Task) -> float:
    """The figure of who knows the training labels alone: the commonest class, or their mean."""
    train, _, test = (part.labels for part in task.load(0, 0))
    if task.loss == "softmax":
        return float((test == np.bincount(train).argmax()).mean())
    return float(((test - train.mean(axis=0)) ** 2).mean())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--contenders", nargs="+", default=["torch", "ours", "locked", "raw"])
    chosen = options.parse_args()
    contenders: dict[str, Callable[[Path, int], dict[str, Any]]] = {
        "torch": theirs,
        "ours": ours,
        "locked": lambda file, seed: ours(file, seed, update="locked"),
        "raw": lambda file, seed: ours(file, seed, standardize=False),
    }
    path = RESULTS / "defaults.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in chosen.sets:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.npz"
            np.savez(file, **SETS[name]())  # type: ignore[arg-type]
            config = RunConfig.of(task=f"file:{file}")
            rows: dict[str, Any] = {"guessing": guessing(config.task), "ticks": config.ticks}
            print(f"{name}: guessing {rows['guessing']:.4g}, at most {config.ticks} ticks", flush=True)
            for contender in chosen.contenders:
                runs = [contenders[contender](file, seed) for seed in range(chosen.seeds)]
                rows[contender] = runs
                both = [statistics.fmean(of[which] for of in runs) for which in ("best", "end")]
                ticks = statistics.fmean(of["ticks"] for of in runs)
                each = " ".join(f"{of['best']:.4g}" for of in runs)
                print(f"  {contender:8} best {both[0]:.4g} end {both[1]:.4g}, {ticks:.0f} ticks: {each}", flush=True)
        save("defaults", known | {name: rows})
        known[name] = rows


if __name__ == "__main__":
    main()
