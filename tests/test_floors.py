"""The floors: imports point down only, and each floor knows only the libraries that are its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dni_actors"
FLOORS = {  # height of each part; a module imports lower parts, and its own
    "nn": 0, "tasks": 0, "config": 0,
    "box": 1,
    "protocol": 2, "timing": 2,
    "observe": 3,
    "runtime": 4, "record": 4, "view": 4,
    "": 5, "experiment": 5, "options": 5, "launch": 5, "replay": 5, "predict": 5, "compare": 5, "report": 5,
    "command": 5, "fitting": 5, "estimators": 5, "sessions": 5, "apart": 5, "demo": 5, "first": 5,
    "simulate": 5, "__main__": 5,
}  # fmt: skip
BOTTOM, TOP = 0, 5  # floors whose parts may import each other
PURE = ("nn", "box", "protocol", "timing", "observe")  # no clock, no threads, no I/O
LIBRARIES = {  # which parts, or single modules, may import what
    "ray": {"runtime"},
    "zmq": {"runtime"},
    "threadpoolctl": {"runtime"},
    "sklearn": {"estimators.py"},
    "psutil": {"runtime"},
    "pyarrow": {"record", "tasks/own/parquet.py"},
    "rich": {"view"},
    "matplotlib": {"view"},
    "tensorboardX": {"view"},
    "tomli_w": {"record"},
    "numpy": {
        "nn",
        "tasks",
        "box",
        "protocol",
        "timing",
        "observe",
        "runtime",
        "record",
        "view",
        "replay",
        "predict",
        "fitting",
        "estimators",
        "simulate",
    },
}
CLOCKS = {"time", "os", "threading", "asyncio", "socket", "subprocess", "multiprocessing"}
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = {"make_mnist.py", "make_text.py"}


def part(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_point_down_only(module):
    here = part(module)
    for name in imports(module):
        first, _, rest = name.partition(".")
        if first == "dni_actors":
            there = rest.partition(".")[0]
            there = there if there in FLOORS else ""
            assert there == here or FLOORS[there] < FLOORS[here] or FLOORS[here] in (BOTTOM, TOP), (
                f"{here} imports {name}"
            )
            assert FLOORS[there] <= FLOORS[here], f"{here} imports {name}"
        elif module.name not in SCRIPTS:
            may = {here, module.relative_to(PACKAGE).as_posix()} & LIBRARIES.get(first, set())
            assert may or first in sys.stdlib_module_names, f"{here} imports {name}"
            assert not (here in PURE and first in CLOCKS), f"{here} imports {name}: no clock, no threads, no I/O"


def test_modules_stay_small_and_commands_define_no_classes():
    for module in MODULES:
        assert len(module.read_text(encoding="utf-8").splitlines()) <= 300, f"{module.name}: split it by idea"
    for name in ("launch.py", "replay.py", "predict.py", "compare.py", "report.py", "demo.py", "simulate/__main__.py"):
        command = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(command) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("dni_actors", {"numpy", "ray", "rich", "pyarrow"}),
        ("dni_actors.nn.cell", {"ray", "rich", "pyarrow"}),
        ("dni_actors.protocol.program", {"ray", "rich"}),
        ("dni_actors.runtime.inline", {"ray", "rich"}),
        ("dni_actors.runtime.worker.actor", {"rich", "matplotlib", "pyarrow"}),
    ],
)
def test_a_fresh_interpreter_loads_no_more_than_the_floor_needs(module, forbidden):
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not forbidden & set(loaded)
