"""Imports go one way, without a circle, and only where they belong; see docs/design.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROBOT, TRAINING = "pose3d_ros", "pose3d_training"
SOURCES = {ROBOT: ROOT / ROBOT / ROBOT, TRAINING: ROOT / TRAINING / TRAINING}

_BASE = {"types", "errors", "reading", "output_files", "skeletons", "geometry", "records", "config"}
_CORE = _BASE | {"engines", "stages", "pipeline"}
ALLOWED: dict[str, set[str]] = {
    "": _CORE,
    "types": set(),
    "errors": set(),
    "reading": {"errors"},
    "output_files": {"errors", "reading"},
    "skeletons": {"errors"},
    "geometry": {"types", "errors", "reading"},
    "records": {"types", "skeletons", "geometry"},
    "config": {"types", "errors", "reading", "skeletons"},
    "engines": _BASE,
    "stages": _BASE | {"engines"},
    "people": _BASE | {"stages"},
    "pipeline": _BASE | {"engines", "stages"},
    "drawing": _BASE,
    "bags": _BASE,
    "evaluation": _CORE | {"drawing", "bags"},
    "viewer": _CORE | {"drawing"},
    "nodes": _CORE | {"people", "drawing", "bags", "viewer"},
    "launching": _BASE | {"nodes"},
    "cli": _CORE | {"drawing", "bags", "evaluation", "viewer", "nodes"},
}
"""Part of pose3d_ros → the parts it may import besides itself."""

STAGES = {"detect", "pose", "lift", "landmarks", "track", "smooth"}
"""Folders of stages/; none imports another."""

_ROS = (
    "ament_index_python builtin_interfaces cv_bridge diagnostic_msgs diagnostic_updater geometry_msgs hri_msgs "
    "lifecycle_msgs message_filters people_msgs pose3d_msgs rcl_interfaces rclpy rosbag2_py rosgraph_msgs "
    "rosidl_runtime_py sensor_msgs std_msgs std_srvs tf2_msgs tf2_ros vision_msgs visualization_msgs"
).split()
_DEVICE = {"engines/device", "engines/images", "engines/tensorrt", "engines/onnx_runtime", "engines/pytorch"}
ONLY_IN: dict[str, set[str]] = {
    **{name: {"nodes"} for name in _ROS},
    "ament_index_python": {"nodes", "launching"},
    "launch": {"launching"},
    "launch_ros": {"launching"},
    "torch": _DEVICE,
    "torchvision": {"engines/pytorch"},
    "onnx2torch": {"engines/pytorch"},
    "tensorrt": {"engines/tensorrt"},
    "onnx": {"engines/graphs", "engines/tflite", "engines/mediapipe"},
    "tflite": {"engines/tflite"},
    "onnxruntime": {"engines"},
    "matplotlib": {"evaluation", "drawing/plot_style"},
    "trackeval": {"evaluation/metrics/identity"},
    "rosbags": {"bags"},
    "argparse": {"cli"},
    "rich": {"cli"},
    "viser": {"viewer"},
    "moderngl": set(),
    TRAINING: set(),
}
"""Package from outside → the parts or modules of pose3d_ros (by the start of their path) that may import it."""


@dataclass(frozen=True)
class Import:
    """A module that a file imports, lazily or under TYPE_CHECKING too."""

    module: str
    line: int


def _named_in_call(node: ast.Call) -> str | None:
    """Module of `importlib.import_module("…")`, which imports as much as the statement does."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if called in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def imports(source: str, package: tuple[str, ...], modules: set[str]) -> Iterator[Import]:
    """Every import of a file. modules: what `from a import b` may mean by b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{module}.{alias.name}"
                yield Import(full if full in modules else module, node.lineno)
        elif isinstance(node, ast.Call) and (named := _named_in_call(node)):
            yield Import(named, node.lineno)


def module_name(package: str, path: Path) -> str:
    """Dotted name of a file below a package."""
    return ".".join((package, *path.with_suffix("").parts)).removesuffix(".__init__")


PATHS = {
    module_name(package, path.relative_to(source)): path
    for package, source in SOURCES.items()
    for path in sorted(source.rglob("*.py"))
}
MODULES = set(PATHS)
ROBOT_FILES = sorted(path.relative_to(SOURCES[ROBOT]) for path in SOURCES[ROBOT].rglob("*.py"))


def _part(path: Path) -> str:
    first = path.parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def violations(path: Path, source: str) -> list[str]:
    """What a module of pose3d_ros (its path below the package) imports that it must not."""
    part, found = _part(path), []
    if part not in ALLOWED:
        return [f"{path}: no rule says what {part} may import"]
    for item in imports(source, (ROBOT, *path.parent.parts), MODULES):
        top, *rest = item.module.split(".")
        if top != ROBOT:
            allowed = ONLY_IN.get(top)
            if allowed is not None and not (allowed and path.as_posix().startswith(tuple(allowed))):
                found.append(f"{path}:{item.line} imports {top}, which belongs in {', '.join(sorted(allowed))}")
        elif rest and rest[0] != part and rest[0] not in ALLOWED[part]:
            found.append(f"{path}:{item.line} imports {item.module}")
        elif len(path.parts) > 2 and rest[:1] == ["stages"] == [part] and {*rest[1:2]} & STAGES - {path.parts[1]}:
            found.append(f"{path}:{item.line} imports {item.module}, another stage")
    return found


@pytest.mark.parametrize("path", ROBOT_FILES, ids=str)
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    assert violations(path, (SOURCES[ROBOT] / path).read_text()) == []


def import_graph(paths: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module → the modules of both packages that it imports."""
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found = imports(path.read_text(), tuple(package.split(".")), MODULES)
        graph[name] = {item.module for item in found if item.module in MODULES} - {name}
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of a circle of imports, empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_imports() -> None:
    assert circle(import_graph(PATHS)) == []


def test_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("geometry/camera.py", "from pose3d_ros.engines.base import Engine"),
        ("geometry/camera.py", "from ..stages import detect"),
        ("geometry/camera.py", "from pose3d_ros import pipeline"),
        ("geometry/camera.py", "def f():\n    return importlib.import_module('torch.nn')"),
        ("geometry/camera.py", "if TYPE_CHECKING:\n    from pose3d_ros.records import Frame"),
        ("stages/track/tracker.py", "import rclpy"),
        ("stages/track/tracker.py", "def f():\n    from sensor_msgs.msg import Image"),
        ("stages/track/tracker.py", "from pose3d_ros.stages.detect.detector import Detector"),
        ("engines/fallback.py", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("evaluation/metrics/matching.py", "import torch.nn"),
        ("bags/bag_reader.py", "from pose3d_ros.nodes import conversion"),
        ("nodes/pose_node.py", "def f():\n    from pose3d_ros.evaluation.metrics import matching"),
        ("nodes/pose_node.py", "import argparse"),
        ("cli/run.py", "def f():\n    import pose3d_training.loop"),
        ("errors.py", "import pose3d_ros.records"),
        ("unheard_of.py", ""),
    ],
)
def test_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(violations(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("records.py", "from pose3d_ros.geometry.camera import Camera"),
        ("cli/run.py", "def run():\n    from pose3d_ros.nodes import pose_node"),
        ("stages/track/tracker.py", "import numpy as np\nfrom ...geometry.camera import Camera\nfrom . import kalman"),
        ("nodes/pose_node.py", "import rclpy\nfrom pose3d_ros.pipeline import Pipeline"),
        ("engines/tensorrt/trt_engine.py", "import tensorrt, torch"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert violations(Path(path), source) == []


def test_core_loads_neither_torch_nor_ros() -> None:
    on_torch = ("engines/pytorch/", "engines/images/device_")  # opened by a backend on a GPU only
    names = [
        module_name(ROBOT, path)
        for path in ROBOT_FILES
        if _part(path) in _CORE | {"drawing"} and not path.as_posix().startswith(on_torch)
    ]
    script = "\n".join(
        [
            "import importlib, sys",
            f"for name in {[*names, f'{ROBOT}.cli.main']!r}:",
            "    importlib.import_module(name)",
            "print(*sorted({'torch', 'tensorrt', 'rclpy', 'moderngl', 'matplotlib'} & set(sys.modules)))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / ROBOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
