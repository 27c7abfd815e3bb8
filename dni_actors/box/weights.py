"""The weights of a box's cell and read-out, and how they move: the box's own, which step by themselves."""

from contextlib import AbstractContextManager, nullcontext

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.optimizer import OPTIMIZERS, PATIENT, Optimizer, ahead_of_delay
from dni_actors.nn.parameters import Parameters


class OwnWeights:
    """Of box k, and the base of what else weights may be; nothing is exchanged. P weights."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        name = config.learning.optimizer
        self._optimizer: Optimizer
        self._local: Optimizer | None = None  # of what a local read-out gives, where that is kept apart
        if config.looks_ahead:
            self._optimizer = ahead_of_delay(name)(parameters, config.momentum(k))
        elif config.settles(k):
            self._optimizer = PATIENT.get(name, OPTIMIZERS[name])(parameters)
            apart = config.local_readout and config.chain.weights == "own"
            self._local = OPTIMIZERS[name](parameters) if apart else None
        else:
            self._optimizer = OPTIMIZERS[name](parameters)
        self.parameters = parameters

    @property
    def base(self) -> Parameters:
        """What stands for the weights of the whole chain, if that is one RNN."""
        return self.parameters

    def keep(self, passage: int) -> None:
        """This passage goes forward now."""

    def of(self, passage: int) -> AbstractContextManager[None]:
        """While a passage goes back, the weights are those that it needs."""
        return nullcontext()

    def step(self, rate: float) -> None:
        """One step down the gradients."""
        self._optimizer.step(rate, 1.0)

    def step_locally(self, rate: float) -> None:
        """One step down the gradients, which are those of the local read-out alone (settling.py)."""
        assert self._local is not None
        self._local.step(rate, 1.0)

    # What boxes exchange that share their weights.

    def begin(self, n: int) -> None:
        """Tick n begins."""

    def enter(self, n: int, before: Array | None, rate: float) -> None:
        """With State n came the sum [P] of the boxes before this one; None in box 0."""

    def sum(self, n: int) -> Array | None:
        """[P], which rides on State n."""
        return None

    def receive(self, n: int, total: Array, rate: float) -> None:
        """A total [P] came in tick n."""

    def total(self) -> Array | None:
        """[P], which goes back with this tick's gradient."""
        return None

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values}
        found |= {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
        local = {} if self._local is None else self._local.state
        return found | {f"local optimizer/{name}": array for name, array in local.items()}
