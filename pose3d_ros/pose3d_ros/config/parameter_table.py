"""How a setting describes itself: one declaration gives the field, its check, its ROS descriptor and its docs.

A configuration group is a frozen dataclass deriving from `Settings` whose fields are made by `setting(...)`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from pose3d_ros.errors import ConfigError

Value: TypeAlias = "bool | int | float | str"
_V = TypeVar("_V", bool, int, float, str)
_S = TypeVar("_S", bound="Settings")
_KEY = "setting"

POSE_NODE = "pose_node"
SMOOTHER_NODE = "smoother_node"
BOTH_NODES = (POSE_NODE, SMOOTHER_NODE)


@dataclass(frozen=True)
class Parameter:
    """One parameter of the system.

    name: the ROS parameter name, e.g. `detector.score_threshold`. nodes: who has it. type: bool, int, float or str.
    unit: "" for a plain number. low, high: inclusive range of a number. choices: allowed strings (empty: any).
    tunable: may change while the node runs; the others take effect at the next configure.
    """

    name: str
    nodes: tuple[str, ...]
    type: type
    default: Value
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    description: str
    tunable: bool

    def check(self, value: object) -> Value:
        """`value` as this parameter's type (an int is taken for a float). Raises ConfigError."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.type or not isinstance(value, (bool, int, float, str)):
            raise self._error(f"{value!r} ({type(value).__name__})")
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(repr(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_range(value)
        if self.choices and value not in self.choices:
            raise self._error(repr(value))
        return value

    @property
    def expected(self) -> str:
        """Type, range and unit in words, e.g. "float from 0 to 1"."""
        text = self.type.__name__
        if self.choices:
            return "one of " + ", ".join(repr(c) for c in self.choices)
        if self.low is not None and self.high is not None:
            text += f" from {self.low:g} to {self.high:g}"
        return f"{text} {self.unit}".rstrip()

    def _check_range(self, value: float) -> None:
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise self._error(repr(value))

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
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    tunable: bool = False,
    nodes: tuple[str, ...] = (),
) -> _V:
    """A dataclass field that knows what its value means. nodes: empty for those of its group."""
    parameter = Parameter("", nodes, type(default), default, unit, low, high, choices, description, tunable)
    made: _V = field(default=default, metadata={_KEY: parameter})
    return made


@dataclass(frozen=True)
class Settings:
    """Base of the configuration groups: checks every setting when constructed (raises ConfigError)."""

    def __post_init__(self) -> None:
        for parameter in group_parameters(type(self), type(self).__name__, ()):
            name = parameter.name.rpartition(".")[2]
            object.__setattr__(self, name, parameter.check(getattr(self, name)))


def group_parameters(group: type[Settings], prefix: str, nodes: tuple[str, ...]) -> tuple[Parameter, ...]:
    """The parameters of a group, named `prefix.field` (or `field` for an empty prefix)."""
    found = []
    for item in dataclasses.fields(group):
        if _KEY in item.metadata:
            spec: Parameter = item.metadata[_KEY]
            name = f"{prefix}.{item.name}" if prefix else item.name
            found.append(dataclasses.replace(spec, name=name, nodes=spec.nodes or nodes))
    return tuple(found)


def build_group(group: type[_S], prefix: str, values: Mapping[str, object]) -> _S:
    """The group with the values named `prefix.field`; defaults where a name is missing. Raises ConfigError."""
    given: dict[str, Any] = {}
    for parameter in group_parameters(group, prefix, ()):
        if parameter.name in values:
            given[parameter.name.rpartition(".")[2]] = parameter.check(values[parameter.name])
    return group(**given)


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raises ConfigError when a name is not known, naming the nearest ones."""
    known = sorted(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            raise ConfigError(
                "parameter",
                expected="a known name" + (f" such as {', '.join(near)}" if near else ""),
                got=repr(name),
                fix="config/pose3d.yaml lists every parameter.",
            )
