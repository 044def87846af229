"""Writes config/pose3d.yaml: `python -m pose3d_ros.config.parameter_yaml > config/pose3d.yaml`."""

from __future__ import annotations

import json
import sys
import textwrap

from pose3d_ros.config.parameter_table import BOTH_NODES, Parameter
from pose3d_ros.config.settings import parameters_of

_HEAD = """\
# Every parameter of the nodes, at its default. Written from the table in pose3d_ros/config.py, which also checks the
# values and makes the ROS descriptors: change it there.
# The names start with /** so that the file fits a node under any namespace. "tunable" parameters may change while the
# node runs (ros2 param set); the others are read when it is configured.
"""
_WIDTH = 114
_PAD = "    "


def render_yaml() -> str:
    """The file's text: a section for each node, dotted names as nested mappings, and what each parameter means."""
    return _HEAD + "".join("\n" + _section(node) for node in BOTH_NODES)


def _section(node: str) -> str:
    lines = [f"/**/{node}:", "  ros__parameters:"]
    group = ""
    for parameter in parameters_of(node):
        prefix, _, name = parameter.name.rpartition(".")
        if prefix != group and prefix:
            lines.append(f"{_PAD}{prefix}:")
        group = prefix
        pad = _PAD + ("  " if prefix else "")
        lines += [f"{pad}# {line}" for line in _comment(parameter)]
        # JSON's scalars are YAML's, with every string quoted and every float with its point.
        lines.append(f"{pad}{name}: {json.dumps(parameter.default)}")
    return "\n".join(lines) + "\n"


def _comment(parameter: Parameter) -> list[str]:
    tail = f"{parameter.expected}{', tunable' if parameter.tunable else ''}"
    return textwrap.wrap(f"{parameter.description} [{tail}]", _WIDTH)


if __name__ == "__main__":
    sys.stdout.write(render_yaml())
