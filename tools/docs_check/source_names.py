"""The names that the source defines and the documentation may use: parameters, topics, launch arguments, targets."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs_check.pages import PACKAGE, ROOT
from pose3d_ros.cli.main import build_parser
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.launching.camera_presets import PRESETS
from pose3d_ros.launching.launch_arguments import CAMERAS, DEMO, POSE3D

SOURCE = PACKAGE / "pose3d_ros"
MESSAGES = ROOT / "pose3d_msgs" / "msg"


def constants(path: Path) -> set[str]:
    """The texts in a Python file, with those of f-strings that end in a placeholder expanded by `_smoothed`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        if isinstance(node, ast.JoinedStr) and len(node.values) == 2:
            start = node.values[0]
            if isinstance(start, ast.Constant) and isinstance(start.value, str):
                found |= {start.value, f"{start.value}_smoothed"}
    return found


def settings(path: Path) -> set[str]:
    """The fields of a file that are made by `setting(...)`: the parameters of a tool's node."""
    return {
        node.target.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "setting"
    }


def message_fields() -> dict[str, set[str]]:
    """Message → its fields and constants."""
    pattern = re.compile(r"^\s*[\w/]+(?:\[\d*\])? +(\w+)", flags=re.MULTILINE)
    return {path.stem: set(pattern.findall(path.read_text(encoding="utf-8"))) for path in MESSAGES.glob("*.msg")}


def options_of(command: str) -> set[str]:
    """The options of a command of `pose3d`, and of its parts if it has some."""
    return {option for parser in _parts(build_parser(command), command) for option in parser._option_string_actions}


def _parts(parser: argparse.ArgumentParser, name: str = "") -> Iterator[argparse.ArgumentParser]:
    """The parsers below one, with those below them; only those of a name, if one is given."""
    for group in (a for a in parser._actions if isinstance(a, argparse._SubParsersAction)):
        for part in (group.choices[name],) if name else group.choices.values():
            yield part
            yield from _parts(part)


DRIVERS = {preset.driver for preset in PRESETS.values()}
TOOL_PARAMETERS = {name: settings(SOURCE / f"nodes/{name}.py") for name in ("bag_player", "hri_bridge", "recorder")}
TOOL_PARAMETERS["pose3d_container"] = settings(SOURCE / "nodes/container.py") | set(PARAMETERS)
LAUNCH_ARGUMENTS = {
    f"{file}.launch.py": {argument.name for argument in arguments}
    for file, arguments in (("pose3d", POSE3D), ("demo", DEMO), ("cameras", CAMERAS))
}
STANDARD_OUTPUTS = set(
    re.findall(r'_Output\("(\w+)"', (SOURCE / "nodes/standard_outputs.py").read_text(encoding="utf-8"))
)
NODE_NAMES = {name for path in (SOURCE / "nodes").rglob("*.py") for name in constants(path)}
NODE_NAMES |= {f"{name}_smoothed" for name in STANDARD_OUTPUTS}
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
SCRIPTS = set(re.findall(r'"(\w+) = pose3d_ros', (PACKAGE / "setup.py").read_text(encoding="utf-8")))
