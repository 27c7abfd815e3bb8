"""A rival: backpropagation through time in PyTorch, eager (nn.RNN or nn.LSTM) or compiled.

    python -m bench.rivals.torch_bptt --batch 32 --hidden 64 --mini-batches 1250 --threads 1 --compiled

Prints one line of JSON (`common.Figures`). Compiling takes up to half a minute, off the clock. Two threads want two
idle cores: OpenMP's threads spin for each other, and with a third process at work the rate falls to a tenth.
(OMP_WAIT_POLICY=PASSIVE prevents that, but halves the rate on idle cores.)
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.rivals.common import CLASSES, INPUTS, Job, flags, initial_weights, job, measure, report
from dni_actors.nn.arrays import Array

Segment = list[tuple[Tensor, Tensor]]


class TorchRival:
    def __init__(self, job: Job, compiled: bool, cell: str = "rnn") -> None:
        self.rnn = (nn.RNN if cell == "rnn" else nn.LSTM)(INPUTS, job.hidden)
        self.readout = nn.Linear(job.hidden, CLASSES)
        self.rnn.bias_hh_l0.requires_grad_(False)  # nn.RNN adds two biases where one does; this one stays zero
        self.weights = [
            self.rnn.weight_ih_l0, self.rnn.weight_hh_l0, self.rnn.bias_ih_l0, self.readout.weight, self.readout.bias
        ]  # fmt: skip
        self.clip = job.clip
        # An LSTM starts from PyTorch's own weights: its rates are compared, not its losses.
        self._start = self._starting_weights(job) if cell == "rnn" else [w.detach().clone() for w in self.weights]
        # Eager, `fused` is the fastest on a CPU, by 2 to 4 per cent at 32 x 64; compiled, `foreach` is fused anyhow.
        self.optimizer = torch.optim.Adam(self.weights, lr=job.learning_rate, fused=not compiled, foreach=compiled)
        # cpp_wrapper: what calls the kernels is not Python either. A tenth faster at 32 x 64, no slower at 128 x 256.
        self.step: Callable[[Tensor, Tensor], Tensor] = (
            torch.compile(self._compiled_step, options={"cpp_wrapper": True})
            if compiled and cell == "rnn"
            else torch.compile(self._eager_step)
            if compiled
            else self._eager_step
        )
        self._reset()

    @staticmethod
    def _starting_weights(job: Job) -> list[Tensor]:
        ours = initial_weights(job)
        found = [ours["input"][:-1].T, ours["recurrent"].T, ours["input"][-1], ours["readout"].T, ours["readout_bias"]]
        return [torch.tensor(a) for a in found]

    def _reset(self) -> None:
        with torch.no_grad():
            self.rnn.bias_hh_l0.zero_()
            for weight, start in zip(self.weights, self._start, strict=True):
                weight.copy_(start)
            for state in self.optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()

    def _eager_step(self, x: Tensor, labels: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self._logits(x), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optimizer.step()
        return loss.detach()

    # torch.compile leaves nn.RNN as it is (a graph break), so compiling the eager step gains nothing. What gains, each
    # on top of the one before, in mini-batches per second at 32 x 64 with one thread: nn.RNN 550; unrolled by hand and
    # compiled 820; cpp_wrapper 910; torch.func for backward(), so that one graph holds both passes, 1150; one product
    # for each weight gradient 1190; clipping and Adam compiled too 1430.
    @torch.no_grad()
    def _compiled_step(self, x: Tensor, labels: Tensor) -> Tensor:
        w_input, w_recurrent, bias, *readout = self.weights
        projected = F.linear(x, w_input, bias)
        differentiate = torch.func.grad_and_value(loss_and_states, argnums=(0, 1, 2), has_aux=True)
        (d, *d_readout), (loss, states) = differentiate(projected, *readout, w_recurrent, labels)
        # d is dL/d(pre-activation) of all steps, so each weight gradient is one product, not one per step added up.
        d_flat = d.flatten(0, 1)
        d_recurrent = d[1:].flatten(0, 1).t() @ states.flatten(0, 1)
        gradients = [d_flat.t() @ x.flatten(0, 1), d_recurrent, d_flat.sum(0), *d_readout]
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(self.weights, self.clip, foreach=False)
        self.optimizer.step()
        return loss

    def _logits(self, x: Tensor) -> Tensor:
        return self.readout(self.rnn(x)[0][-1])

    def prepare(self, x: Array, labels: Array) -> Segment:
        inputs = torch.from_numpy(x[..., :-1].copy())  # the column of ones is for our own cell; PyTorch has a bias
        return list(zip(inputs.unbind(), torch.from_numpy(labels).unbind(), strict=True))

    def warm_up(self, segment: Segment) -> None:
        for _ in range(3):  # the first step makes the optimizer's state: the second compiles anew
            self.train(segment[:2])
        self._reset()

    def train(self, segment: Segment) -> float:
        for x, labels in segment:
            loss = self.step(x, labels)
        return loss.item()

    @torch.no_grad()
    def accuracy(self, x: Array, labels: Array) -> float:
        best = self._logits(torch.from_numpy(x[..., :-1].copy())).argmax(1)
        return (best == torch.from_numpy(labels)).float().mean().item()


def loss_and_states(
    projected: Tensor, readout: Tensor, readout_bias: Tensor, w_recurrent: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """From the input projections [T, B, H]: the mean loss, and the states but the last one, [T - 1, B, H]."""
    transposed = w_recurrent.t()
    states = [torch.tanh(projected[0])]  # h_0 is zero
    for step in projected.unbind()[1:]:
        states.append(torch.tanh(torch.addmm(step, states[-1], transposed)))
    return F.cross_entropy(F.linear(states[-1], readout, readout_bias), labels), torch.stack(states[:-1])


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1)
    parser.add_argument("--cell", choices=("rnn", "lstm"), default="rnn")
    parser.add_argument("--compiled", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    asked = job(options)
    report(measure(TorchRival(asked, options.compiled, options.cell), asked))


if __name__ == "__main__":
    main()
