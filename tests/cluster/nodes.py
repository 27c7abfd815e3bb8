"""A Ray cluster of several nodes on this machine, as a process of its own that does what lines on its input say.

    python -m tests.cluster.nodes CPUS      the head without CPUs, and a node for each number of CPUs, as 2,2,2
    add CPUS                                one more node
    remove N                                kills all processes of the node that was the N-th to be added
    head                                    kills those of the head
    left                                    what runs have left in Ray: actors, groups, and processes of boxes

Each answer is a line of JSON. It ends, with all nodes, when its input does.
"""

import json
import os
import sys
import time

# Before Ray is imported: nodes on loopback only, whose deaths are noticed soon.
os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "4",
    "RAY_health_check_initial_delay_ms": "0",
}

import ray
from ray.cluster_utils import Cluster

STORE = 80 * 2**20


def node(cpus: str) -> dict[str, object]:
    return {"num_cpus": int(cpus), "resources": {"room": 2}, "object_store_memory": STORE}


def left(address: str) -> dict[str, object]:
    """Waits a little for what is just going."""
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    end = time.monotonic() + 20
    while True:
        states = [table["state"] for table in ray.util.placement_group_table().values()]
        found = {
            "actors": ray.util.list_named_actors(all_namespaces=True),
            "groups": [state for state in states if state != "REMOVED"],
            "CPUs": ray.available_resources().get("CPU", 0) - ray.cluster_resources().get("CPU", 0),
        }
        if not any(found.values()) or time.monotonic() > end:
            return found
        time.sleep(0.1)


def main() -> None:
    cluster = Cluster()
    cluster.add_node(num_cpus=0, include_dashboard=False, object_store_memory=STORE)
    nodes = [cluster.add_node(**node(cpus)) for cpus in sys.argv[1].split(",")]
    tell = sys.__stdout__
    print(json.dumps({"address": cluster.address}), file=tell, flush=True)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        answer: object = word
        if word == "add":
            nodes.append(cluster.add_node(**node(value)))
        elif word == "remove":
            cluster.remove_node(nodes[int(value)], allow_graceful=False)
        elif word == "head":
            cluster.remove_node(cluster.head_node, allow_graceful=False)
        elif word == "left":
            answer = left(cluster.address)
        print(json.dumps(answer), file=tell, flush=True)
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
