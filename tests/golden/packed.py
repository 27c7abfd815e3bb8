"""PyTorch's packed sequences, as numbers: what cells have to give of sequences of unequal lengths.

python -m tests.golden.packed          makes tests/golden/packed.npz anew; needs torch
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).with_name("packed.npz")


class Cases(NamedTuple):
    steps: int = 5
    inputs: int = 2
    hidden: int = 3
    begins: np.ndarray = np.array([0, 2, 4, 1])


CASES = Cases()


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(FILE) as file:
        return {key.partition("/")[2]: file[key] for key in file.files if key.startswith(f"{name}/")}


def make(name: str) -> dict[str, np.ndarray]:
    """x [T, B, I], weights as ours have them, the last states h [B, H], and gradients from dL/dh = d_h."""
    import torch

    steps, inputs, hidden, begins = CASES
    torch.manual_seed(3)
    kind = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name]
    rnn = kind(inputs, hidden).double()
    with torch.no_grad():
        rnn.bias_hh_l0.zero_()  # where two biases are added, one does
    lengths = steps - begins
    x = torch.randn(steps, len(begins), inputs, dtype=torch.float64)
    first = torch.zeros_like(x)  # PyTorch's sequences begin together
    for n, length in enumerate(lengths.tolist()):
        first[:length, n] = x[steps - length :, n]
    packed = torch.nn.utils.rnn.pack_padded_sequence(first, torch.tensor(lengths), enforce_sorted=False)
    state = rnn(packed)[1]
    h = (state[0] if name == "lstm" else state)[0]
    d_h = torch.randn_like(h)
    h.backward(d_h)
    found = {"x": x, "h": h, "d_h": d_h, **ours(name, rnn, hidden)}
    return {f"{name}/{key}": np.asarray(torch.as_tensor(value).detach()) for key, value in found.items()}


def ours(name: str, rnn: object, hidden: int) -> dict[str, object]:
    """Weights and their gradients in our order of gates, and of signs: PyTorch's GRU keeps with z, and so do we."""
    import torch

    # PyTorch: GRU r | z | n, LSTM i | f | g | o.
    order = {"rnn": [0], "gru": [1, 0, 2], "lstm": LSTM_ORDER}[name]

    def columns(w: torch.Tensor) -> torch.Tensor:
        blocks = w.split(hidden)
        return torch.cat([blocks[i] for i in order]).T

    found = {}
    for prefix, of in (("", lambda p: p), ("d_", lambda p: p.grad)):
        bias = of(rnn.bias_ih_l0)
        blocks = bias.split(hidden)
        row = torch.cat([blocks[i] for i in order])[None]
        found[f"{prefix}input"] = torch.cat([columns(of(rnn.weight_ih_l0)), row])
        found[f"{prefix}recurrent"] = columns(of(rnn.weight_hh_l0))
    return found


LSTM_ORDER = [0, 1, 3, 2]

if __name__ == "__main__":
    np.savez(FILE, **{key: value for name in ("rnn", "gru", "lstm") for key, value in make(name).items()})
