"""How a setting describes itself: one declaration gives the field, its check, its ROS descriptor and its docs.

A configuration group is a frozen dataclass deriving from `Settings` whose fields are made by `setting(...)`. attrs,
which the manifest uses, would replace `Parameter.check` only: ROS's descriptors need the ranges and units as values.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, TypeVar

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.reading.numbers import is_number

Value: TypeAlias = "bool | int | float | str"
_V = TypeVar("_V", bool, int, float, str)
_S = TypeVar("_S", bound="Settings")
_KEY = "setting"
_TYPES: dict[type, str] = {bool: "bool", int: "integer", float: "float", str: "string"}
_UNITS = {"s": "s", "m": "m", "px": "px", "mps": "m/s", "deg": "deg", "hz": "Hz"}
_YAML_WIDTH = 114
_LONGEST_NAME = 100
_LONGEST = 4096
"""Characters of a string: those of the longest path."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of the system.

    name: the ROS parameter name, e.g. `detector.score_threshold`. nodes: who has it. type: bool, int, float or str.
    limits: inclusive range of a number. choices: allowed strings (empty: any). pattern: what a string must match.
    tunable: may change while the node runs; the others take effect at the next configure.
    """

    name: str
    nodes: tuple[str, ...]
    type: type
    default: Value
    limits: tuple[float, float] | None
    choices: tuple[str, ...]
    description: str
    tunable: bool
    pattern: str = ""

    def check(self, value: object) -> Value:
        """`value` as this parameter's type (an int is taken for a float). Raises ConfigError."""
        if self.type is float and type(value) is int and is_number(value):
            value = float(value)
        if type(value) is not self.type or not isinstance(value, (bool, int, float, str)):
            raise self._error(f"{shown(value)} ({type(value).__name__})")
        if isinstance(value, float) and not is_number(value):
            raise self._error(shown(value))
        if self.choices and value not in self.choices:
            raise self._error(shown(value))
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise self._error(repr(value))
        if self.limits and not isinstance(value, str) and not self.limits[0] <= value <= self.limits[1]:
            raise self._error(shown(value))
        if isinstance(value, str) and not (value.isprintable() and len(value) <= _LONGEST):
            raise self._error(shown(value))
        return value

    @property
    def unit(self) -> str:
        """The unit that the name ends in, "" for a plain number."""
        return _UNITS.get(self.name.rpartition("_")[2], "")

    @property
    def expected(self) -> str:
        """Type, range and unit in words, e.g. "float from 0 to 1"."""
        if self.choices:
            return "one of " + ", ".join(repr(c) for c in self.choices)
        limits = f" from {self.limits[0]:g} to {self.limits[1]:g}" if self.limits else ""
        pattern = f" that matches {self.pattern}" if self.pattern else ""
        return f"{_TYPES[self.type]}{pattern}{limits} {self.unit}".rstrip()

    def _error(self, got: str) -> ConfigError:
        return ConfigError(
            f"parameter {self.name}",
            expected=self.expected,
            got=got,
            fix=f"Set it within that; the default is {self.default!r}. {self.description}",
        )


def setting(
    default: _V,
    description: str,
    limits: tuple[float, float] | None = None,
    *,
    choices: tuple[str, ...] = (),
    tunable: bool = False,
    nodes: tuple[str, ...] = (),
    pattern: str = "",
) -> _V:
    """A dataclass field that knows what its value means. nodes: empty for those of its group."""
    parameter = Parameter("", nodes, type(default), default, limits, choices, description, tunable, pattern)
    made: _V = field(default=default, metadata={_KEY: parameter})
    return made


@dataclass(frozen=True)
class Settings:
    """Base of the configuration groups: checks every setting when constructed (raises ConfigError).

    A group's class gives `prefix`, with which its parameters' names begin, `nodes`, those that have them, and
    `tunable`, whether all are.
    """

    _prefix: ClassVar[str]
    _nodes: ClassVar[tuple[str, ...]]
    _tunable: ClassVar[bool]

    def __init_subclass__(cls, *, nodes: tuple[str, ...], prefix: str = "", tunable: bool = False) -> None:
        cls._prefix, cls._nodes, cls._tunable = prefix, nodes, tunable

    def __post_init__(self) -> None:
        for name, parameter in self.parameters().items():
            object.__setattr__(self, name, parameter.check(getattr(self, name)))

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Field → parameter, whose name is `prefix.field`, or `field` without a prefix."""
        specs: dict[str, Parameter] = {item.name: item.metadata[_KEY] for item in dataclasses.fields(cls)}
        dot = f"{cls._prefix}." if cls._prefix else ""
        return {
            field_name: dataclasses.replace(
                spec, name=dot + field_name, nodes=spec.nodes or cls._nodes, tunable=spec.tunable or cls._tunable
            )
            for field_name, spec in specs.items()
        }

    @classmethod
    def from_values(cls: type[_S], values: Mapping[str, object]) -> _S:
        """The group with the values of its parameters' names; defaults where one is missing. Raises ConfigError."""
        return cls(**{name: values[p.name] for name, p in cls.parameters().items() if p.name in values})


def name_errors(names: Iterable[str], known: Iterable[str]) -> list[ConfigError]:
    """An error for each name that is not known, naming the nearest ones."""
    known = sorted(known)
    near = {
        name: difflib.get_close_matches(name[:_LONGEST_NAME], known, n=3, cutoff=0.4)
        for name in names
        if name not in known
    }
    return [
        ConfigError(
            "parameter",
            expected="a known name" + (f" such as {', '.join(found)}" if found else ""),
            got=shown(name),
            fix="config/pose3d.yaml lists every parameter.",
        )
        for name, found in near.items()
    ]


def yaml_section(node: str, parameters: Iterable[Parameter], left_open: Collection[str] = ()) -> str:
    """A node's part of a parameter file: dotted names as nested mappings, each with what it means.

    left_open: names whose values are comments, since what a file gives goes before a preset.
    """
    lines = [f"/**/{node}:", "  ros__parameters:"]
    group = ""
    for parameter in parameters:
        prefix, _, name = parameter.name.rpartition(".")
        if prefix != group and prefix:
            lines.append(f"    {prefix}:")
        group = prefix
        pad = "      " if prefix else "    "
        about = f"{parameter.description} [{parameter.expected}{', tunable' if parameter.tunable else ''}]"
        lines += [f"{pad}# {line}" for line in textwrap.wrap(about, _YAML_WIDTH)]
        # JSON's scalars are YAML's, with every string quoted and every float with its point.
        comment = "# " if parameter.name in left_open else ""
        lines.append(f"{pad}{comment}{name}: {json.dumps(parameter.default)}")
    return "\n".join(lines) + "\n"
