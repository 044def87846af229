"""The arguments of the launch files, as `launching.launch_arguments` declares them."""

from __future__ import annotations

from collections.abc import Iterable

from pose3d_ros.launching.launch_arguments import CAMERAS, DEMO, POSE3D, LaunchArgument
from reference_tables.markdown_table import literal, table


def launch_tables() -> str:
    """All arguments of pose3d.launch.py, and how the others differ."""
    known = {argument.name: argument for argument in POSE3D}
    parts = [f"### pose3d.launch.py\n\n{_table('launch argument', POSE3D)}"]
    for name, arguments in (("demo", DEMO), ("cameras", CAMERAS)):
        without = sorted(set(known) - {one.name for one in arguments})
        lacks = f", but {', '.join(f'`{one}`' for one in without)}" if without else ""
        others = _table("argument", (one for one in arguments if known.get(one.name) != one))
        parts.append(f"### {name}.launch.py\n\nThe arguments of `pose3d.launch.py`{lacks}, and:\n\n{others}")
    return "\n".join(parts)


def _table(head: str, arguments: Iterable[LaunchArgument]) -> str:
    rows = ((f"`{one.name}`", literal(one.default), one.description) for one in arguments)
    return table((head, "default", "meaning"), rows)
