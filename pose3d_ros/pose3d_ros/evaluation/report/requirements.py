"""What a summary must keep to, such as `mpjpe_mm<=80`: for a CI that fails where accuracy is lost."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pose3d_ros.errors import ConfigError, shown

_OPTION = "--require"
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*([^<>=]+?)\s*(<=|>=|==|<|>)\s*(\S+)\s*")
_EXAMPLE = "For example: --require 'mpjpe_mm<=80', --require 'latency_ms.p95<100'."
_MOST_NAMED = 5
_DIGITS = 6


@dataclass(frozen=True)
class Requirement:
    """A field of summary.json, dotted for what is inside another one, a comparison, and its limit."""

    field: str
    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"{self.field} {self.comparison} {self.limit:g}"

    def checked(self, value: float | None) -> CheckedRequirement:
        """With the value of its field; None, which could not be computed, keeps to nothing."""
        kept = value is not None and _OPERATORS[self.comparison](value, self.limit)
        return CheckedRequirement(self, value, kept)


@dataclass(frozen=True)
class CheckedRequirement:
    """A requirement with the value that it was compared with, and whether that keeps to it."""

    requirement: Requirement
    value: float | None
    kept: bool

    @property
    def shown_value(self) -> str:
        """The value as it is printed."""
        return "not computed" if self.value is None else f"{self.value:.{_DIGITS}g}"

    @property
    def failure(self) -> str:
        """A line for the log of a CI."""
        why = " (null: nothing to compute it from)" if self.value is None else ""
        return f"required {self.requirement}, got {self.shown_value}{why}"


def parse_requirements(texts: Sequence[str]) -> tuple[Requirement, ...]:
    """Read `FIELD OPERATOR NUMBER`. Raises ConfigError for another form."""
    return tuple(_parsed(text) for text in texts)


def _parsed(text: str) -> Requirement:
    form = _FORM.fullmatch(text)
    if form is None:
        expected = f"FIELD, one of {' '.join(_OPERATORS)}, and a number"
        raise ConfigError(_OPTION, expected=expected, got=shown(text), fix=_EXAMPLE)
    field, comparison, number = form.groups()
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ConfigError(f"{_OPTION} {field}", expected="a finite number", got=shown(number), fix=_EXAMPLE)
    return Requirement(field, comparison, limit)


def check_fields(requirements: Sequence[Requirement], known: Collection[str]) -> None:
    """Raise ConfigError for a field that no summary with these names can have, before minutes of work."""
    for requirement in requirements:
        if requirement.field.partition(".")[0] not in known:
            raise _unknown(requirement, {}, dict.fromkeys(known))


def check_requirements(
    summary: Mapping[str, object], requirements: Sequence[Requirement]
) -> tuple[CheckedRequirement, ...]:
    """Compare with the content of a summary.json. Raises ConfigError for a field that is no number there."""
    numbers = dict(_numbers(summary))
    for requirement in requirements:
        if requirement.field not in numbers:
            raise _unknown(requirement, summary, numbers)
    return tuple(one.checked(numbers[one.field]) for one in requirements)


def _numbers(value: object, name: str = "") -> Iterator[tuple[str, float | None]]:
    """Every number and null with its dotted name; items of lists are numbered from 0."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _numbers(inner, f"{name}.{number}")
    elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        yield name, value


def _unknown(requirement: Requirement, summary: Mapping[str, object], numbers: Mapping[str, object]) -> ConfigError:
    name = requirement.field
    inside = [known for known in numbers if known.startswith(f"{name}.")]
    similar = inside or difflib.get_close_matches(name, numbers, n=_MOST_NAMED, cutoff=0.5)
    near = ", ".join((similar or sorted(numbers))[:_MOST_NAMED])
    return ConfigError(
        f"{_OPTION} {name}",
        expected="a number in summary.json",
        got="a field that is none" if name in summary else "no such field",
        fix=f"{'There are' if similar else 'Some that there are'}: {near}.",
    )


def requirement_rows(checked: Sequence[CheckedRequirement]) -> list[dict[str, str]]:
    """Rows of a table: what is required, what was measured, and whether it is kept."""
    return [
        {
            "required": str(one.requirement),
            "measured": one.shown_value,
            "result": "pass" if one.kept else "FAIL",
        }
        for one in checked
    ]
