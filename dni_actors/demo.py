"""python -m dni_actors.demo: shows in about a minute what decoupling is for.

Four boxes learn ten handwritten digits row by row, over emulated links that take 20 ms each way, with 10 ms of emulated
work a tick. They do it twice at the same time: locked (every box waits for the true gradient: exact backpropagation)
and decoupled (every box updates at once, with a predicted gradient). In the middle a box of the decoupled run is
killed. At the end stand figures that were measured just now, and a page of pictures.
"""

import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from dni_actors.apart import side_by_side
from dni_actors.box.errors import BoxError
from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import Arguments
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.observe.events import Lost, Started
from dni_actors.observe.standing import Standing
from dni_actors.record.result import Result
from dni_actors.report import write
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread
from dni_actors.view.duo import Duo

LOCKED_TICKS, DECOUPLED_TICKS, EVERY = 200, 2000, 50
LAG = 8  # ticks: a little more than --lag auto finds for such links and boxes
WORK = "10"  # milliseconds of emulated work a tick, so that strips show who works when


@command
def main() -> None:
    options = Arguments("dni_actors.demo", __doc__)
    options.add_argument("--link-delay-ms", default="20", metavar="X", help="one way, of each link (default: 20)")
    options.add_argument("--storage", default="runs", metavar="TEXT", help="folder for the two runs (default: runs)")
    choices = ("auto", "live", "plain", "quiet")
    options.add_argument("--console", choices=choices, default="auto", help="what is shown (default: auto)")
    chosen = options.parse_args()
    lines = demo(chosen.link_delay_ms, chosen.storage, chosen.console)
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = [textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in lines]
    print("\n".join(lines), flush=True)


def demo(link_delay_ms: str, storage: str, console: str) -> list[str]:
    """Runs both; what came out, in sentences."""
    name = f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    fields: dict[str, Any] = {"task": "rows", "storage": storage, "evaluate_every": EVERY, "console": "quiet"}
    fields |= {"link_delay_ms": link_delay_ms, "compute_delay_ms": WORK}
    locked = RunConfig.of(**fields, update="locked", ticks=LOCKED_TICKS, name=f"{name}-locked")
    decoupled = RunConfig.of(**fields, lag=LAG, ticks=DECOUPLED_TICKS, name=f"{name}-decoupled")
    if decoupled.link_delay[1] == 0:
        raise ConfigError("link_delay_ms", "without slow links decoupling brings next to nothing here; give 5 or more")
    configs = (locked, decoupled)
    standings = [Standing(config) for config in configs]
    watched, victim, killed_at = standings[1], decoupled.boxes // 2, None
    with Duo(standings, console) as shown, closing(side_by_side(configs)) as events:
        for i, event in events:
            shown.glance()
            if i < 0 or event is None:
                continue
            if isinstance(event, str):
                raise BoxError(0, standings[i].ticks, f"run {configs[i].output.name} has ended too soon: {event}")
            standings[i].take(event)
            if i == 1 and isinstance(event, Lost):
                shown.tell(f"box {event.box} is started again, and all boxes go back to the last complete cut")
            elif i == 1 and isinstance(event, Started) and event.tick:
                shown.tell(f"the decoupled run goes on from tick {event.tick}")
            elif killed_at is None and watched.places and watched.ticks >= DECOUPLED_TICKS // 2:
                killed_at = watched.ticks
                os.kill(watched.places[victim].pid, signal.SIGKILL)
                shown.tell(f"box {victim} of the decoupled run was killed (SIGKILL) at tick {killed_at}")
        shown.tell("doing the decoupled run once more in one process, undisturbed, to compare the weights")
        undisturbed = combine(again(decoupled))
    return outcome(configs, undisturbed, victim, killed_at)


def again(config: RunConfig) -> list[str]:
    """Each box's digest after the same run, without links and without a kill."""
    bare: dict[str, Any] = {"runtime": "inline", "link_delay_ms": "0", "compute_delay_ms": "0", "trace": "off"}
    with single_blas_thread():
        return Chain(config.replace(**bare)).run()


def outcome(configs: Sequence[RunConfig], undisturbed: str, victim: int, killed_at: int | None) -> list[str]:
    """In sentences: every figure is from the records of the two runs."""
    results = [Result.from_path(f"{config.output.storage}/{config.output.name}") for config in configs]
    locked, decoupled = results
    after = [next(e["accuracy"] for e in of.evaluations if e["tick"] == LOCKED_TICKS) for of in results]
    apart = abs(after[0] - after[1]) * 100
    times = decoupled.ticks_per_second / locked.ticks_per_second
    times_text = f"{times:.0f}" if times >= 10 else f"{times:.1f}"
    fast, slow = decoupled.ticks_per_second, locked.ticks_per_second
    delay, end = configs[0].execution.link_delay_ms, decoupled.test_accuracy
    lines = [
        f"Over links of {delay} ms the decoupled boxes made {fast:.0f} ticks a second, the locked ones {slow:.1f}: "
        f"{times_text} times as many.",
        f"After {LOCKED_TICKS} ticks each, the decoupled chain had {after[1]:.1%} of the test images right, the locked "
        f"one {after[0]:.1%}: {apart:.1f} points apart. At its end the decoupled one had {end:.1%}.",
    ]
    if killed_at is not None and any(decoupled.restarts):
        same = "the same bits as" if decoupled.digest == undisturbed else "OTHER BITS than"
        lines.append(
            f"Box {victim} was killed at tick {killed_at}, and started again. The trained weights are {same} those of "
            f"an undisturbed run in one process (digest {decoupled.digest})."
        )
    return [*lines, f"Pictures: {write([str(of.path) for of in results[::-1]])}"]


if __name__ == "__main__":
    sys.exit(main())
