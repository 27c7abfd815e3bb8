"""Everything that was measured, in one table: medians, read from results/*.json.

    python -m bench.summary

Each part has a head of its own. A part that was not measured yet is left out.
"""

import json
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import RESULTS

Row = tuple[str, ...]


def throughput(content: dict[str, Any]) -> Iterator[Row]:
    sizes = content["figures"]
    yield ("mini-batches/s (share of two perfect cores)", *sizes)
    rates = {size: {name: median(run[0] for run in runs) for name, runs in of.items()} for size, of in sizes.items()}
    first = next(iter(rates.values()))
    for name in sorted(first, key=first.__getitem__, reverse=True):
        limit = "limit, 2 boxes" if "2 boxes" in name else "limit, 4 boxes"
        yield (name, *(f"{of[name]:.1f} ({of[name] / of[limit]:.2f})" for of in rates.values()))


def messages(content: dict[str, Any]) -> Iterator[Row]:
    wires = content["cpu_seconds_and_hops_per_second"]
    yield ("CPU-microseconds of a hop", *(f"{size} KiB" for size in next(iter(wires.values()))))
    for wire, sizes in wires.items():
        yield (wire, *(f"{1e6 * median(run[0] for run in runs):.0f}" for runs in sizes.values()))


def overhead(content: dict[str, Any]) -> Iterator[Row]:
    found = {name: median(several) for name, several in content["seconds"].items()}
    yield ("Python's own cost of a box's tick, CPU-microseconds", "in one process", "stream sockets", "ZeroMQ")
    yield (
        "null numerics",
        f"{1e6 * found['inline']:.0f}",
        f"{1e6 * found['sockets']:.0f}",
        f"{1e6 * found['ZeroMQ']:.0f}",
    )
    yield ("one core inline, times the arithmetic alone", "128x256")
    yield ("4 boxes", f"{found['inline 128x256'] / found['bare 128x256']:.3f}")


def memory(content: dict[str, Any]) -> Iterator[Row]:
    yield ("memory", "MiB of a box", "MiB of all")
    for name, boxes in content["mebibytes_of_each_box"].items():
        yield (name, f"{median(boxes):.1f}", f"{sum(boxes):.0f}")
    yield ("32 boxes up and learning", f"{content['seconds_until_32_boxes_are_up']:.1f} s")


def emulated(content: dict[str, Any], head: str, along: int) -> Iterator[Row]:
    """`along`: the part of a row's name that makes a column, boxes (0) or delay (1)."""
    found: dict[str, dict[str, str]] = {}
    for name, of in content["rows"].items():
        *place, rule = name.split(", ", 2)
        rate = median(of["rates"])
        found.setdefault(rule, {})[place[along]] = f"{rate:.1f} ({rate / of['law']:.2f})"
    columns = list(dict.fromkeys(column for of in found.values() for column in of))
    yield (head, *columns)
    for rule, values in found.items():
        yield (rule, *(values.get(column, "") for column in columns))


def real(content: dict[str, Any]) -> Iterator[Row]:
    found: dict[str, dict[str, float]] = {}
    for name, rates in content["rows"].items():
        delay, contender = name.split(", ", 1)
        if isinstance(rates, list):
            found.setdefault(contender.partition(", lag")[0], {})[delay] = median(rates)
    ours = found["ours"]
    yield ("ticks/s of real arithmetic (ours over it)", *ours)
    for contender, of in found.items():
        yield (contender, *(f"{rate:.1f} ({ours[delay] / rate:.2f})" for delay, rate in of.items()))


def bandwidth(content: dict[str, Any]) -> Iterator[Row]:
    found: dict[str, dict[str, float]] = {}
    for name, rates in content["rows"].items():
        link, contender = name.split(", ", 1)
        found.setdefault(contender, {})[link] = median(rates)
    links = list(next(iter(found.values())))
    yield ("ticks/s over narrow links, 128 x 256", *links)
    for contender, of in found.items():
        yield (contender, *(f"{of[link]:.1f}" for link in links))


def accuracy(content: dict[str, Any]) -> Iterator[Row]:
    best: dict[str, dict[str, float]] = {}
    for name, seconds in content["rows"].items():
        delay, contender = name.split(", ")[:2]
        of = best.setdefault(contender, {})
        of[delay] = min(of.get(delay, float("inf")), float("inf") if seconds is None else seconds)
    delays = list(dict.fromkeys(delay for of in best.values() for delay in of))
    yield ("seconds to 88 % test accuracy", *delays)
    for contender, of in best.items():
        yield (contender, *(f"{of[delay]:.1f}" if of.get(delay, float("inf")) < 1e9 else "-" for delay in delays))


PARTS: dict[str, Callable[[dict[str, Any]], Iterator[Row]]] = {
    "throughput": throughput,
    "throughput_lstm": throughput,
    "messages": messages,
    "overhead": overhead,
    "memory": memory,
    "links_delays": lambda content: emulated(content, "ticks/s of 4 boxes of 10 ms (share of the lag law)", 1),
    "links_boxes": lambda content: emulated(content, "the same at 20 ms one way", 0),
    "links_real": real,
    "links_bandwidth": bandwidth,
    "links_accuracy": accuracy,
}


def main() -> None:
    table = Table("part", *[""] * 6, title="Medians; bench/README.md tells what they show, and what they do not")
    for name, rows in PARTS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            head, *body = rows(json.loads(path.read_text()))
            table.add_section()
            table.add_row(name, *head, style="bold")
            for row in body:
                table.add_row("", *row)
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    main()
