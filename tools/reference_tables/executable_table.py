"""What `ros2 run pose3d_ros` starts: the entry points of setup.py, and the nodes among them."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rclpy.node import Node

from reference_tables.markdown_table import sentence, table

SETUP = Path(__file__).resolve().parents[2] / "pose3d_ros" / "setup.py"


@dataclass(frozen=True)
class Executable:
    """An entry point. node: the class that it runs, None where that is no node."""

    name: str
    module: ModuleType
    node: type[Node] | None


def executables() -> list[Executable]:
    """In the order of setup.py."""
    found = re.findall(r'"(\w+) = ([\w.]+):\w+"', SETUP.read_text(encoding="utf-8"))
    return [_executable(name, importlib.import_module(module)) for name, module in found]


def _executable(name: str, module: ModuleType) -> Executable:
    classes = [one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == module.__name__]
    nodes = [one for one in classes if issubclass(one, Node)]
    return Executable(name, module, nodes[0] if nodes else None)


def executable_table() -> str:
    """Each with what it does, as its module says."""
    rows = []
    for one in executables():
        about = (one.module.__doc__ or "").strip().partition("\n\n")[0]
        kind = "node" if one.node is not None else "command"
        rows.append((f"`{one.name}`", kind, sentence(re.sub(r"^`[^`]+`: ", "", about))))
    return table(("executable", "", "what it does"), rows)
