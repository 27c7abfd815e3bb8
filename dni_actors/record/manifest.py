"""What ran where with which versions: what one needs to believe, or to repeat, a run."""

import importlib.metadata
import os
import platform
import socket
import sys
from datetime import UTC, datetime
from typing import Any

PACKAGES = ("dni_actors", "ray", "pyzmq", "numpy", "pyarrow", "rich", "threadpoolctl", "tomli_w")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def manifest() -> dict[str, Any]:
    """Versions, machine and start; the end is added when it comes."""
    return {
        "started": now(),
        "command": sys.argv,
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def cpu() -> str:
    """The processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
