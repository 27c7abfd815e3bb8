"""A trace for Perfetto and Chrome (Trace Event Format, JSON), event by event: a process a node, a thread a box.

Slices: ticks, in them phases and waits, in them puts and takes. Arrows for messages. Counters: messages of a channel
that were put and not yet taken, slack, cosine. Opens in https://ui.perfetto.dev.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.observe.account import Account
from dni_actors.observe.trace import BEGIN, CODES, KINDS, MESSAGE_KINDS, TICK
from dni_actors.protocol.channel import Channel

CHANNELS = tuple(Channel)
COUNTED = {"slack": "ticks", "cosine": "cosine"}


def write(path: Path, events: Iterable[str]) -> None:
    """The file, gzipped."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=4) as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
        for i, event in enumerate(events):
            file.write(f",\n{event}" if i else event)
        file.write("\n]}\n")


def events(account: Account, nodes: Sequence[str], parts: Iterable[Array], messages: Array) -> Iterator[str]:
    """JSON objects. `nodes`: by code; `parts`: EVENTS, some at a time; `messages`: MESSAGES, all."""
    threads: set[tuple[int, int]] = set()
    ticks: list[Array] = []
    for part in parts:
        for node, box in np.unique(part[["node", "box"]]).tolist():
            if (node, box) not in threads:
                threads.add((node, box))
                yield from names(account, nodes, node, box)
        yield from slices(part)
        ticks.append(part[part["kind"] == CODES[TICK]][["box", "node", "tick", "end"]])
    yield from arrows(messages)
    yield from depths(messages)
    if ticks:
        yield from counters(account, np.concatenate(ticks))


def names(account: Account, nodes: Sequence[str], node: int, box: int) -> Iterator[str]:
    addresses = {place.get("node"): place.get("address") for place in account.places}
    address = addresses.get(nodes[node])
    name = f"node {address}" if address and address != "inline" else f"node {nodes[node][:12]}"
    yield meta("process_name", node, box, {"name": f"{account.name}: {name}"})
    yield meta("process_sort_index", node, box, {"sort_index": node})
    yield meta("thread_name", node, box, {"name": f"box {box:03}"})
    yield meta("thread_sort_index", node, box, {"sort_index": box})


def meta(what: str, node: int, box: int, args: dict[str, Any]) -> str:
    return json.dumps({"ph": "M", "name": what, **place(node, box), "args": args}, separators=(",", ":"))


def place(node: int, box: int) -> dict[str, int]:
    return {"pid": node + 1, "tid": box + 1}  # 0 is nobody's


def microseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1000:.3f}"


def slices(part: Array) -> Iterator[str]:
    begins, ends = (np.rint(part[name] * 1e9).astype(np.int64) for name in ("begin", "end"))
    columns = (part[name].tolist() for name in ("node", "box", "kind", "tick", "index"))
    for begin, end, node, box, kind, tick, index in zip(begins.tolist(), ends.tolist(), *columns, strict=True):
        name, args = KINDS[kind], f'"tick":{tick}'
        where = f'"pid":{node + 1},"tid":{box + 1}'
        if name == BEGIN:
            label = f"goes on from tick {tick}" if tick else "begins"
            yield f'{{"ph":"i","s":"t","name":"{label}",{where},"ts":{microseconds(begin)}}}'
            continue
        if name == TICK:
            name = f"tick {tick}"
        elif name in MESSAGE_KINDS:
            if name.startswith("take"):  # its beginning is when the message came
                args += f',"ready_us":{microseconds(max(0, end - begin))}'
                begin, end = end, end + 1
            name = f"{name} {index}"
        times = f'"ts":{microseconds(begin)},"dur":{microseconds(max(0, end - begin))}'
        yield f'{{"ph":"X","name":"{name}",{where},{times},"args":{{{args}}}}}'


def arrows(messages: Array) -> Iterator[str]:
    """From the put to the take."""
    sent, taken = (np.rint(messages[name] * 1e9).astype(np.int64).tolist() for name in ("sent", "taken"))
    columns = (messages[name].tolist() for name in ("from_node", "from", "to_node", "to", "channel"))
    for number, (here, box, there, other, channel) in enumerate(zip(*columns, strict=True)):
        head = f'"cat":"message","name":"{CHANNELS[channel]}","id":{number + 1}'
        yield f'{{"ph":"s",{head},"pid":{here + 1},"tid":{box + 1},"ts":{microseconds(sent[number])}}}'
        yield f'{{"ph":"f","bp":"e",{head},"pid":{there + 1},"tid":{other + 1},"ts":{microseconds(taken[number])}}}'


def depths(messages: Array) -> Iterator[str]:
    """For each box and channel: how many messages for it were put and not yet taken."""
    for box in np.unique(messages["to"]).tolist():
        for code, channel in enumerate(CHANNELS):
            mine = messages[(messages["to"] == box) & (messages["channel"] == code)]
            times = np.concatenate([mine["sent"], mine["taken"]])
            steps = np.repeat([1, -1], len(mine))
            order = np.lexsort((-steps, times))
            deep = np.cumsum(steps[order])
            node = np.tile(mine["to_node"], 2)[order]
            yield from counter(f"box {box:03} {channel} depth", "messages", node, times[order], deep)


def counters(account: Account, ticks: Array) -> Iterator[str]:
    """Slack and cosine, a value for each row of the metrics that ends within what was traced."""
    for k in range(account.boxes if account.rows else 0):
        of_box, mine = account.of_box(k), np.sort(ticks[ticks["box"] == k], order="tick")
        if not len(mine):
            continue
        last = of_box["last_tick"]
        traced = (last >= mine["tick"][0]) & (last <= mine["tick"][-1])
        times = np.interp(last, mine["tick"], mine["end"])  # a tick between traced ones: when it will have been
        nodes = mine["node"][np.clip(np.searchsorted(mine["tick"], last), 0, len(mine) - 1)]
        for name, unit in COUNTED.items():
            there = traced & np.isfinite(of_box[name])
            yield from counter(f"box {k:03} {name}", unit, nodes[there], times[there], of_box[name][there])


def counter(name: str, unit: str, nodes: Array, times: Array, values: Array) -> Iterator[str]:
    nanoseconds = np.rint(times * 1e9).astype(np.int64).tolist()
    for node, ns, value in zip(nodes.tolist(), nanoseconds, values.tolist(), strict=True):
        yield f'{{"ph":"C","name":"{name}","pid":{node + 1},"ts":{microseconds(ns)},"args":{{"{unit}":{value:.6g}}}}}'
