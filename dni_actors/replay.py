"""python -m dni_actors.replay runs/NAME: does a recorded run again, in one process, and says where it first differs.

Every cut's digest, box by box, and every tick's print (4 bytes, folded from the bits of all of a box's weights after
it) are compared with what was recorded, on whatever machine and over whatever wire that was. So a determinism bug, or a
machine that rounds otherwise, is found down to the tick and the box.
"""

import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import DATA_CHANGED, Arguments, understood
from dni_actors.nn.arrays import Array
from dni_actors.protocol.channel import Put, Take
from dni_actors.protocol.inbox import Arrived
from dni_actors.record.recorded import Recorded
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import restart_with_kernels, single_blas_thread
from dni_actors.runtime.worker.meter import prints as prints_of
from dni_actors.runtime.worker.stepper import Stepper


@command
def main() -> int:
    """Exit code: 0 all is equal, 1 something differs."""
    options = Arguments("dni_actors.replay", __doc__)
    for flag, text in (
        ("--from", "begin at the last complete cut at this tick or before (default: at the beginning)"),
        ("--until", "the last tick to do (default: the last one recorded)"),
        ("--box", "the box for --inspect"),
    ):
        options.add_argument(flag, metavar="N", help=text)
    text = "print messages, shapes and norms of tick --until in box --box"
    options.add_argument("--inspect", action="store_true", help=text)
    options.add_argument("--data-changed", choices=("refuse", "allow"), default="refuse", help=DATA_CHANGED)
    options.add_argument("run", help="the run's folder, or a URI of it")
    chosen = options.parse_args()
    given = {name: vars(chosen)[name] for name in ("from", "until", "box")}
    numbers = {name: None if text is None else understood(name, text, int) for name, text in given.items()}
    first, until, box = numbers["from"] or 0, numbers["until"], (numbers["box"] or 0) if chosen.inspect else None
    recorded = Recorded(chosen.run, chosen.data_changed == "allow")
    restart_with_kernels(recorded.config.replace(runtime="inline"), "dni_actors.replay")
    with single_blas_thread():
        return replay(recorded, first, until, box)


def replay(recorded: Recorded, first: int, until: int | None, inspected: int | None) -> int:
    fast: dict[str, Any] = {"compute_delay_ms": "0", "link_delay_ms": "0", "link_mbps": 0.0}
    config = recorded.config.replace(runtime="inline", evaluate_every=0, trace="off", **fast)
    prints = [recorded.prints(k, until) for k in range(config.boxes)]
    last = min(map(len, prints)) - 1
    end = last if until is None else until
    begun = recorded.cut_before(first)
    start = begun[0].tick if begun else 0
    if not start <= end <= last:
        raise ConfigError("until", f"{end} is not recorded; give a tick from {start} to {last}")
    if inspected is not None and not 0 <= inspected < config.boxes:
        raise ConfigError("box", f"{inspected} is not one of the chain's; give 0 to {config.boxes - 1}")
    # One request at a time, where one tick of one box is of interest: then nobody has gone beyond it.
    chain = Chain(config, None if inspected is None else random.Random(0), begun, cuts_at=recorded.cuts)
    watched = chain.steppers if inspected is None else [chain.steppers[inspected]]
    if inspected is not None:
        show_messages(chain.steppers[inspected], end)
    parities: list[list[int]] = [[] for _ in prints]
    for stepper, several in zip(chain.steppers, parities, strict=True):
        note_parity(stepper, several)
    cuts: list[dict[int, str]] = [{} for _ in prints]
    for _ in chain.turns():
        for k, status in enumerate(chain.statuses()):
            cuts[k] |= {part.tick: part.digest for part in status.cuts}
        if all(stepper.tick > end for stepper in watched):
            break
    if inspected is not None:
        for name, array in chain.steppers[inspected].box.state().items():
            print(f"then {name}: {described(array)}")
    found = [np.frombuffer(prints_of(several), "<u4")[: end + 1 - start] for several in parities]
    return compare(recorded, start, [p[start : end + 1] for p in prints], found, cuts)


def compare(
    recorded: Recorded, start: int, prints: Sequence[Array], found: Sequence[Array], cuts: Sequence[dict[int, str]]
) -> int:
    """Says what differs, ticks from `start` on; the exit code."""
    ticks = min(len(p) for p in (*prints, *found))
    differs = np.array([mine[:ticks] != its[:ticks] for mine, its in zip(found, prints, strict=True)])
    bad = [
        (tick, k)
        for tick in sorted(set.intersection(*(set(of) for of in cuts)))
        for k, of in enumerate(cuts)
        if recorded.digest(tick, k) not in (None, of[tick])
    ]
    compared = len(set.intersection(*(set(of) for of in cuts)))
    if not bad and not differs.any():
        print(f"equal: {compared} cuts and ticks {start} to {start + ticks - 1} of {len(cuts)} boxes")
        return 0
    if bad:
        tick = bad[0][0]
        boxes = ", ".join(str(k) for t, k in bad if t == tick)
        print(f"the first cut that differs: before tick {tick}, box {boxes}")
    if differs.any():
        n = int(np.argmax(differs.any(axis=0)))
        boxes = ", ".join(map(str, np.flatnonzero(differs[:, n])))
        print(f"the first tick that differs: {start + n}, box {boxes}")
        print(f"  look closer with --until {start + n} --box {boxes.partition(',')[0]} --inspect")
    return 1


def note_parity(stepper: Stepper, into: list[int]) -> None:
    """Every tick's, as it is done."""
    parity = stepper.box.parity

    def noting() -> int:
        into.append(parity())
        return into[-1]

    vars(stepper.box)["parity"] = noting


def show_messages(stepper: Stepper, tick: int) -> None:
    """Prints what goes in and out of the box in one tick, as it happens."""
    take, put = stepper.inbox.take, stepper.post.put

    def shown(request: Take | Put, contents: Contents) -> None:
        if stepper.tick == tick:
            fields = {name: field for name, field in contents._asdict().items() if field is not None}
            carried = ", ".join(f"{name} {described(field)}" for name, field in fields.items()) or "empty"
            print(f"{'take' if isinstance(request, Take) else 'put'} {request.channel} {request.index}: {carried}")

    def taking(request: Take) -> Arrived:
        arrived = take(request)
        shown(request, arrived.contents)
        return arrived

    def putting(request: Put, mark: bool = False) -> None:
        shown(request, request.contents)
        put(request, mark)

    vars(stepper.inbox)["take"], vars(stepper.post)["put"] = taking, putting


def described(array: Array) -> str:
    return f"{list(array.shape)} {array.dtype}, norm {np.linalg.norm(array.astype(float)):.9g}"


if __name__ == "__main__":
    sys.exit(main())
