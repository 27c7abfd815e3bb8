"""Two hosts, two boxes each, and a slow link between them, with real packets: does a chain keep its pace?

    python -m bench.hosts [--rounds 3]        needs root and iproute2

Network namespaces with a Ray node each; a link that holds packets back (tests/cluster/link.py). 4 boxes of 20 ms
(emulated work), messages of 8 KiB; the lag that `--lag auto` measures on that very link. Synthetic, and locked beside
it, at 0, 10 and 50 ms one way, and at 10 ms with one packet of ten thousand lost; and how long a partition of ten
seconds holds a run up.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench.measure import save
from tests.cluster.hosts import Hosts, hindrance, hosts

WORK = 0.020  # seconds of an emulated box's tick
RUN = ["--task", "rows", "--boxes", "4", "--hidden", "32", "--batch", "64", "--evaluate-every", "0"]
RUN += ["--compute-delay-ms", str(WORK * 1000), "--console", "json"]
LINKS = ((0, 0.0), (10, 0.0), (50, 0.0), (10, 0.0001))
SYNTHETIC, LOCKED = ["--lag", "auto", "--ticks", "600"], ["--update", "locked", "--ticks", "40"]


def run(both: Hosts, *flags: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        process = both.launch(*RUN, *flags, "--storage", folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        told, _ = process.communicate(timeout=600)
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    assert result["status"] == "finished", result["error"]
    return result


def partition(both: Hosts, seconds: float) -> dict[str, Any]:
    """A run whose hosts do not see each other for a while."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--ticks", "1500", "--lag", "12", "--storage", folder]
        process = both.launch(*RUN, *flags, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("event") == "row":
                break
        both.link("down")
        time.sleep(seconds)
        both.link("up")
        told, _ = process.communicate(timeout=600)
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    if why := hindrance():
        print(f"bench.hosts, left out: {why}", file=sys.stderr)
        return
    found: dict[str, Any] = {}
    print(f"{'one way':>8}{'loss':>9}{'lag':>5}{'synthetic':>11}{'of 0 ms':>9}{'locked':>8}{'link, ms':>10}")
    still = 0.0
    for delay, loss in LINKS:
        with hosts(delay, loss) as both:
            several = [run(both, *SYNTHETIC) for _ in range(chosen.rounds)]
            locked = run(both, *LOCKED)
        rate = statistics.median(result["ticks_per_second"] for result in several)
        still = still or rate
        lag, link = several[-1]["lag"], several[-1]["links_ms"][1]
        rates = f"{rate:11.1f}{rate / still:9.2f}{locked['ticks_per_second']:8.1f}"
        print(f"{delay:5} ms{loss:9.2%}{lag:5}{rates}{link:10.1f}", flush=True)
        found[f"{delay} ms, loss {loss}"] = {
            "rates": [result["ticks_per_second"] for result in several], "lags": [result["lag"] for result in several],
            "locked": locked["ticks_per_second"], "links_ms": link, "digests": [result["digest"] for result in several],
        }  # fmt: skip
    with hosts(1) as both:
        result = partition(both, 10)
    expected = 1500 * WORK
    print(f"partition of 10 s: {result['seconds'] - expected:.1f} s longer, restarts {sum(result['restarts'])}")
    found["partition"] = {"longer": result["seconds"] - expected, "restarts": result["restarts"]}
    save("hosts", found)


if __name__ == "__main__":
    main()
