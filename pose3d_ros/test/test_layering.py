"""Imports go one way, and only where they belong; see docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "pose3d_ros"
SOURCE = Path(__file__).resolve().parents[1] / PACKAGE
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))

_BASE = {"errors", "skeletons", "records", "images", "config", "config_table", "config_yaml"}
_RUN_TIME = _BASE | {"geometry", "engines", "stages", "pipeline"}
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "skeletons": {"errors"},
    "records": {"errors", "skeletons"},
    "images": {"errors", "records"},
    "config_table": {"errors", "skeletons"},
    "config": {"errors", "skeletons", "config_table"},
    "config_yaml": {"config", "config_table"},
    "geometry": _BASE,
    "engines": _BASE | {"geometry"},
    "stages": _BASE | {"geometry", "engines"},
    "pipeline": _RUN_TIME,
    "evaluation": _RUN_TIME,
    "nets": _BASE | {"geometry", "engines"},
    "training": _RUN_TIME | {"nets", "evaluation"},
    "nodes": _RUN_TIME | {"evaluation"},
    "cli": _RUN_TIME,
}
"""Part of the package → the parts it may import besides itself."""

ALLOWED_LAZILY = {"cli": {"nodes", "training", "nets", "evaluation"}}
"""Besides, inside a function, so that a command loads only what it needs."""

_ROS = (
    "ament_index_python builtin_interfaces cv_bridge diagnostic_msgs geometry_msgs hri_msgs launch launch_ros "
    "lifecycle_msgs message_filters pose3d_msgs rcl_interfaces rclpy rosbag2_py rosgraph_msgs rosidl_runtime_py "
    "sensor_msgs std_msgs std_srvs tf2_ros vision_msgs visualization_msgs"
).split()
ONLY_IN: dict[str, set[str]] = {
    **{name: {"nodes"} for name in _ROS},
    **{
        name: {"nets", "training", "engines/torch", "engines/tensorrt"} for name in ("torch", "torchvision", "tensorrt")
    },
    "onnx": {"nets", "training", "engines/graphs"},
    "onnxruntime": {"engines", "nets"},
    "mediapipe": {"engines/mediapipe"},
    "moderngl": {"training"},
    "matplotlib": {"evaluation"},
    "rosbags": {"evaluation", "nodes"},
}
"""Package from outside → the parts or modules (by the start of their path) that may import it, lazily or not."""


@dataclass(frozen=True)
class Import:
    """A module that a file imports. lazy: inside a function."""

    module: str
    lazy: bool
    line: int


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _named_in_call(node: ast.Call) -> str | None:
    """Module of `importlib.import_module("…")`, which imports as much as the statement does."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if called in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def _names(node: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = list(package[: len(package) - node.level + 1]) if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    # `from pose3d_ros import nodes` imports a part as much as `import pose3d_ros.nodes` does.
    return [f"{module}.{alias.name}" for alias in node.names] if module == PACKAGE else [module]


def imports(node: ast.AST, package: tuple[str, ...], lazy: bool = False) -> Iterator[Import]:
    """Every import below a node that happens at run time."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from (Import(name, lazy, child.lineno) for name in _names(child, package))
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for other in child.orelse:
                yield from imports(other, package, lazy)
        else:
            if isinstance(child, ast.Call) and (named := _named_in_call(child)):
                yield Import(named, lazy, child.lineno)
            inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(child, package, inside)


def _part(path: Path) -> str:
    first = path.parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def violations(path: Path, source: str) -> list[str]:
    """What a module (its path below the package) imports that it must not."""
    part, found = _part(path), []
    package = (PACKAGE, *path.parent.parts)
    if part not in ALLOWED:
        return [f"{path}: no rule says what {part} may import"]
    for item in imports(ast.parse(source), package):
        top, *rest = item.module.split(".")
        if top != PACKAGE:
            places = ONLY_IN.get(top)
            if places is not None and not path.as_posix().startswith(tuple(places)):
                found.append(f"{path}:{item.line} imports {top}, which belongs in {', '.join(sorted(places))}")
        elif rest and rest[0] != part and rest[0] not in ALLOWED[part]:
            lazily = ALLOWED_LAZILY.get(part, set())
            if not (item.lazy and rest[0] in lazily):
                found.append(f"{path}:{item.line} imports {item.module}" + (" eagerly" if rest[0] in lazily else ""))
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    assert violations(path, (SOURCE / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("geometry/camera.py", "from pose3d_ros.engines.base import Engine"),
        ("geometry/camera.py", "from ..stages import detect"),
        ("geometry/camera.py", "from pose3d_ros import pipeline"),
        ("stages/track.py", "import rclpy"),
        ("stages/track.py", "def f():\n    from sensor_msgs.msg import Image"),
        ("engines/onnx.py", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("evaluation/metrics.py", "import torch.nn"),
        ("geometry/camera.py", "def f():\n    return importlib.import_module('torch.nn')"),
        ("evaluation/bag.py", "from pose3d_ros.nodes import conversion"),
        ("cli/run.py", "from pose3d_ros.nodes import pose_node"),
        ("nodes/pose_node.py", "def f():\n    import pose3d_ros.training.loop"),
        ("errors.py", "import pose3d_ros.records"),
        ("unheard_of.py", ""),
    ],
)
def test_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(violations(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "records.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pose3d_ros.geometry import Camera",
        ),
        ("cli/run.py", "def run():\n    from pose3d_ros.nodes import pose_node"),
        ("stages/track.py", "import numpy as np\nfrom ..geometry.camera import Camera\nfrom . import boxes"),
        ("nodes/pose_node.py", "import rclpy\nfrom pose3d_ros.pipeline import Pipeline"),
        ("engines/tensorrt.py", "import tensorrt, torch"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert violations(Path(path), source) == []


def _is_on_torch(path: Path) -> bool:
    """Loaded by the torch backend and by devices only, when they are opened."""
    return path.as_posix().startswith("engines/torch_") and path.name != "torch_device.py"


def test_core_loads_neither_torch_nor_ros() -> None:
    names = [
        ".".join((PACKAGE, *path.with_suffix("").parts)).removesuffix(".__init__")
        for path in MODULES
        if _part(path) in _RUN_TIME and not _is_on_torch(path)
    ]
    script = "\n".join(
        [
            "import importlib, sys",
            f"for name in {[*names, f'{PACKAGE}.cli.main']!r}:",
            "    importlib.import_module(name)",
            "print(*sorted({'torch', 'tensorrt', 'rclpy', 'moderngl', 'matplotlib'} & set(sys.modules)))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=SOURCE.parent, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
