"""Which CPU kernels do the arithmetic: a product's bits depend on them, and on the number of BLAS threads."""

import math
import os
import platform
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig

# Both libraries read these variables once, when NumPy is first imported: later is too late.
CORETYPE, DISABLED = "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"
PORTABLE_BLAS = {"x86_64": "Haswell", "AMD64": "Haswell", "aarch64": "ARMV8", "arm64": "ARMV8"}


def kernel_environment(config: RunConfig) -> dict[str, str]:
    """Environment variables that a process needs before it imports NumPy: for `portable`, kernels that every x86-64
    machine with AVX2 (every 64-bit ARM) has, and no better ones where there are any."""
    blas = PORTABLE_BLAS.get(platform.machine())
    if config.execution.kernels != "portable" or blas is None:
        return {}
    beyond = [name for kind in ("found", "not found") for name in simd(kind) if "512" in name or name == "X86_V4"]
    return {CORETYPE: blas, DISABLED: " ".join(sorted(beyond))}


def cores() -> int:
    """That this process may use: those it may run on, and no more than a container's share of time."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(there, quota())))


def quota(root: Path = Path("/")) -> float:
    """CPUs' worth of time that the control groups of this process leave it (Linux); infinite where they say nothing."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    found = [math.inf]
    for number, controllers, place in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        here = Path(place.lstrip("/"))
        for group in (here, *here.parents):  # the least of all above it counts
            if number == "0":  # the second version: all controllers in one tree
                found.append(share(root / "sys/fs/cgroup" / group / "cpu.max"))
            elif "cpu" in controllers.split(","):
                folder = root / "sys/fs/cgroup/cpu" / group
                found.append(share(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"))
    return min(found)


def share(*files: Path) -> float:
    """Time of a period, from one file with both or a file for each; infinite if that is not limited."""
    try:
        time, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
        return math.inf if time == "max" or int(time) <= 0 else int(time) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def simd(kind: str) -> list[str]:
    """NumPy's dispatched SIMD levels, weakest first: `found` and in use, or `not found` (absent or disabled)."""
    info: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    return list(info.get("SIMD Extensions", {}).get(kind, []))


def require_kernels(config: RunConfig) -> None:
    """ConfigError unless this process was started with the kernels that the configuration asks for."""
    missing = {name: value for name, value in kernel_environment(config).items() if os.environ.get(name) != value}
    if missing:
        settings = " ".join(f'{name}="{value}"' for name, value in missing.items())
        raise ConfigError(
            "kernels", f"portable must be chosen before NumPy is imported; start Python with {settings}, or use native"
        )


def restart_with_kernels(config: RunConfig, module: str) -> None:
    """Starts `python -m module` anew, same arguments, if its boxes run in this process and need other kernels."""
    environment = kernel_environment(config)
    if config.execution.runtime == "inline" and any(os.environ.get(n) != v for n, v in environment.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], os.environ | environment)


def single_blas_thread() -> AbstractContextManager[object]:
    """One BLAS thread: more of them sum in another order, and wake up in each other's way."""
    return threadpool_limits(limits=1, user_api="blas")


def work_in_turns() -> None:
    """Boxes that share cores take longer turns: who wakes up does not interrupt who computes, whose caches stay warm.

    For the threads that this one starts from now on, where the system knows such a policy (Linux: SCHED_BATCH).
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a sandbox may not allow it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def describe_kernels() -> str:
    """BLAS kernel and NumPy's SIMD level of this process, as `openblas SkylakeX, numpy AVX512_SKX`."""
    blas = {
        f"{lib['internal_api']} {lib.get('architecture', '?')}"
        for lib in threadpool_info()
        if lib["user_api"] == "blas"
    }
    return f"{', '.join(sorted(blas)) or 'no BLAS known'}, numpy {(simd('found') or ['baseline'])[-1]}"
