"""The parameters of the nodes, by the groups in which the code declares them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pose3d_ros.config
import pose3d_ros.nodes
from pose3d_ros.config.parameter_table import Parameter, Settings
from pose3d_ros.config.settings import PARAMETERS
from reference_tables.markdown_table import literal, sentence, table

_HEAD = ("parameter", "type and range", "default", "tunable", "nodes", "meaning")


def groups() -> list[type[Settings]]:
    """Every group of parameters: those of config/pose3d.yaml in its order, then those of single nodes."""
    for package in (pose3d_ros.config, pose3d_ros.nodes):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    known = list(PARAMETERS)

    def place(group: type[Settings]) -> tuple[int, str, str]:
        first = next(iter(group.parameters().values())).name
        of_file = group.__module__.startswith("pose3d_ros.config.") and first in known
        return (known.index(first) if of_file else len(known)), group.__module__, group.__name__

    return sorted(set(_below(Settings)), key=place)


def _below(group: type[Settings]) -> Iterator[type[Settings]]:
    for one in group.__subclasses__():
        if one.__module__.startswith("pose3d_ros.") and one.parameters():
            yield one
        yield from _below(one)


def parameter_tables() -> str:
    """A heading and a table for each group."""
    return "\n".join(_section(group) for group in groups())


def _section(group: type[Settings]) -> str:
    parameters = list(group.parameters().values())
    nodes = {parameter.nodes for parameter in parameters}
    about = sentence((group.__doc__ or "").strip().partition("\n\n")[0])
    of_all = f" Of {_named(*nodes)}." if len(nodes) == 1 else ""
    rows = (_row(parameter, with_nodes=len(nodes) > 1) for parameter in parameters)
    return f"### {about.rstrip('.')}\n\n{of_all.strip()}\n\n".replace("\n\n\n", "\n") + table(_HEAD, rows)


def _row(parameter: Parameter, *, with_nodes: bool) -> tuple[str, ...]:
    tunable = "yes" if parameter.tunable else ""
    nodes = _named(parameter.nodes) if with_nodes else ""
    kind = parameter.expected
    return f"`{parameter.name}`", kind, literal(parameter.default), tunable, nodes, parameter.description


def _named(nodes: tuple[str, ...]) -> str:
    return ", ".join(f"`{node}`" for node in nodes)
