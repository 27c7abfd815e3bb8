"""What `--settle` costs: CPU time a tick beside hybrid without it, 4 boxes inline, lag 16.

    python -m bench.settling [--tasks rows mixed] [--ticks 40] [--rounds 7]

Each rule's chain goes on for some ticks at a time, in turns with the others, so that a machine that is slow for a while
is slow for all. They begin at tick 150, where local read-outs have something to say.
"""

import argparse
import statistics
import time

from bench.learning import ROWS, Fields
from dni_actors.config.run import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread

RULES: dict[str, Fields] = {
    "hybrid": {"settle": False, "trust": "readout"},
    "settle": {"settle": True},
    "settle, no local read-outs": {"settle": True, "local_readout": False},
}
TASKS: dict[str, Fields] = {"rows": ROWS | {"boxes": 4}, "xor": {"task": "xor"}, "mixed": {"task": "mixed"}}
WARM = 150


def seconds(chain: Chain, ticks: int) -> float:
    """Of CPU a tick, over about so many more."""
    last = chain.steppers[-1]
    first, began = last.status().tick, time.process_time()
    for n, _ in enumerate(chain.turns()):
        if n % 8 == 0 and last.status().tick >= first + ticks:
            break
    return (time.process_time() - began) / (last.status().tick - first)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    options.add_argument("--ticks", type=int, default=40)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    print("| task | rule | ms of CPU a tick | times hybrid's |\n|---|---|---|---|")
    for task in chosen.tasks:
        with single_blas_thread():
            fields = TASKS[task] | {
                "lag": 16,
                "ticks": 10**6,
                "epochs": None,
                "evaluate_every": 0,
                "checkpoint_every": 0,
            }
            chains = {name: Chain(RunConfig.lenient(**fields | rule)) for name, rule in RULES.items()}
            for chain in chains.values():
                seconds(chain, WARM)
            rounds = [{name: seconds(one, chosen.ticks) for name, one in chains.items()} for _ in range(chosen.rounds)]
        for name in RULES:
            each = statistics.median(1e3 * one[name] for one in rounds)
            times = statistics.median(one[name] / one["hybrid"] for one in rounds)
            print(f"| {task} | {name} | {each:.2f} | {times:.2f} |")


if __name__ == "__main__":
    main()
