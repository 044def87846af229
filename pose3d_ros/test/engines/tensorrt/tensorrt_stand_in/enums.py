"""Enumerations as pybind11 makes them: equal only to their own kind, not iterable, not subscriptable."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .misuse import MisuseError


class Enumerant:
    """A member: `name`, `value`, `int(member)`; `BuilderFlag(6)` gives the member of that number."""

    __slots__ = ("_name", "_value")
    _name: str
    _value: int
    __members__: ClassVar[Mapping[str, Enumerant]] = MappingProxyType({})

    def __new__(cls, value: int) -> Enumerant:
        for member in cls.__members__.values():
            if member._value == value:
                return member
        raise MisuseError(cls.__name__, f"no member has the value {value}")

    @property
    def name(self) -> str:
        return self._name

    @property
    def value(self) -> int:
        return self._value

    def __int__(self) -> int:
        return self._value

    def __index__(self) -> int:
        return self._value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Enumerant) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self._name}"

    def __repr__(self) -> str:
        return f"<{self}: {self._value}>"


def make_enum(name: str, members: Mapping[str, int]) -> type[Any]:
    """An enumeration with these members and no other: another name is an AttributeError."""
    kind: type[Any] = type(name, (Enumerant,), {"__slots__": ()})
    made: dict[str, Enumerant] = {}
    for member_name, value in members.items():
        member: Enumerant = object.__new__(kind)
        member._name, member._value = member_name, value
        made[member_name] = member
        setattr(kind, member_name, member)
    kind.__members__ = MappingProxyType(made)
    return kind
