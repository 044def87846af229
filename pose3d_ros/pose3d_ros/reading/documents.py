"""The one reader of YAML and JSON from outside: plain values only, of bounded size, depth and count.

PyYAML parses; its constructors, which fail in many ways on wrong values of a tag, are not used. Numbers are those of
YAML 1.2 (`1e-05`); there are no dates, sexagesimal numbers, merge keys and tags of other things; each key comes once,
and aliases can't multiply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pose3d_ros.errors import shown
from pose3d_ros.reading.files import Origin, read_text
from pose3d_ros.reading.numbers import is_number

_MOST_YAML_BYTES = 1 << 20
_MOST_DEPTH = 50
_MOST_VALUES = 50_000
_MOST_JSON_BYTES = 32 << 20
_MOST_JSON_VALUES = 4_000_000
_MOST_DIGITS = 40
_DEEP = re.compile(rf"(?:[\[{{]\s*){{{_MOST_DEPTH + 1}}}")
"""PyYAML looks far ahead at such brackets, again and again."""
_TAG = "tag:yaml.org,2002:"
_OTHER_BREAKS = "\x85\u2028\u2029"


class _Refused(Exception):
    """Data that is well formed but not accepted; its text says what came."""


def read_yaml(path: str | Path, origin: Origin) -> object:
    """The plain values of a YAML file. Raises the origin's error for one that can't be read, see `parse_yaml`."""
    text = read_text(path, origin, most_bytes=_MOST_YAML_BYTES, expected="a readable YAML file")
    return parse_yaml(text, origin)


def parse_yaml(text: str, origin: Origin, first_line: int = 0) -> object:
    """The plain values of a YAML text: None, bool, int, float, str, list and dict.

    first_line: lines before it in its file. Raises the origin's error for any other text, such as one with a key twice
    or nested more than 50 deep.
    """
    return _parsed(lambda: _load(text, first_line), "YAML", origin)


def yaml_text(content: object) -> str:
    """Plain values as a YAML text that reads back as they are: a text such as `1e5` is quoted."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def read_json(
    path: str | Path, origin: Origin, *, most_bytes: int = _MOST_JSON_BYTES, most_values: int = _MOST_JSON_VALUES
) -> object:
    """The values of a JSON file. Raises the origin's error for one that can't be read, see `parse_json`."""
    text = read_text(path, origin, most_bytes=most_bytes, expected="a readable JSON file")
    return parse_json(text, origin, most_values=most_values)


def parse_json(text: str, origin: Origin, *, most_values: int = _MOST_JSON_VALUES) -> object:
    """The values of a JSON text. Raises the origin's error for any other text, NaN and a key that comes twice."""
    return _parsed(lambda: _load_json(text, most_values), "JSON", origin)


def fields_of(content: object, origin: Origin, where: str = "") -> Mapping[str, object]:
    """A mapping whose keys are texts. Raises the origin's error for anything else. where: see `Origin.error`."""
    if not isinstance(content, Mapping):
        raise origin.error("a mapping", "nothing" if content is None else type(content).__name__, where)
    for key in content:
        if not isinstance(key, str):
            raise origin.error("names as keys", shown(key), where)
    return content


def _parsed(parse: Callable[[], object], language: str, origin: Origin) -> object:
    try:
        return parse()
    except _Refused as error:
        raise origin.error(f"plain {language}", str(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"a mistake in line {mark.line + 1}, column {mark.column + 1}" if mark else "a mistake"
        raise origin.error(f"a readable {language} file", where) from error
    except json.JSONDecodeError as error:
        where = f"a mistake in line {error.lineno}, column {error.colno}"
        raise origin.error(f"a readable {language} file", where) from error
    except RecursionError as error:
        raise origin.error(f"plain {language}", "values nested too deep") from error
    except Exception as error:  # PyYAML raises whatever the wrong text of a tagged value leads it to
        raise origin.error(f"a readable {language} file", "a value that can't be read") from error


class _Composer(yaml.SafeLoader):
    """Makes nodes of a text, not nested too deep."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (filled below)
    depth = 0
    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth, self.count = self.depth + 1, self.count + 1
        if self.depth > _MOST_DEPTH:
            raise _Refused(f"values nested more than {_MOST_DEPTH} deep")
        _check_count(self.count)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _load(text: str, first_line: int) -> object:
    if _DEEP.search(text):
        raise _Refused(f"values nested more than {_MOST_DEPTH} deep")
    composer = _Composer(text)
    composer.line = first_line
    try:
        node = composer.get_single_node()
    finally:
        composer.dispose()
    if node is None:
        return None
    _check_count(_count(node, {}))
    return _value(node)


def _check_count(count: int, most: int = _MOST_VALUES) -> None:
    if count > most:
        raise _Refused(f"more than {most} values")


def _count(node: Any, known: dict[int, int]) -> int:
    """How many values a node has, an alias counted as often as it occurs. Raises _Refused for one inside itself."""
    if id(node) not in known:
        known[id(node)] = 0
        known[id(node)] = 1 + sum(_count(child, known) for child in _children(node))
    elif not known[id(node)]:
        raise _Refused(f"a value that contains itself, in line {node.start_mark.line + 1}")
    return known[id(node)]


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, yaml.MappingNode):
        yield from (part for pair in node.value for part in pair)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _value(node: Any) -> object:
    """The value of a node, whose tag must fit."""
    kind = str(node.tag).removeprefix(_TAG)
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _unique([(_value(key), _value(value)) for key, value in node.value])
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
        found = _SCALARS[kind].pattern.fullmatch(node.value)
        if found:
            return _SCALARS[kind].value(node.value)
    text = shown(node.value) if isinstance(node, yaml.ScalarNode) else f"a {node.id}"
    raise _Refused(f"{text} with the tag {shown(kind)} in line {node.start_mark.line + 1}")


@dataclass(frozen=True)
class _Scalar:
    """How single values of a tag are written; `starts`: their first characters; `value` reads one."""

    pattern: re.Pattern[str]
    starts: str
    value: Callable[[str], object]


def _yaml_integer(text: str) -> int:
    sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-").replace("_", "")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 8 if re.fullmatch("0[0-7]+", digits) else 10)
    return sign * _integer(digits if base == 10 else digits.lstrip("0box") or "0", base)


def _yaml_real(text: str) -> float:
    return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS = {
    "null": _Scalar(re.compile(r"~|null|Null|NULL|"), "~nN", lambda _: None),
    "bool": _Scalar(
        re.compile(r"[yY]es|YES|[nN]o|NO|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF"),
        "yYnNtTfFoO",
        lambda text: text.lower() in ("yes", "true", "on"),
    ),
    "int": _Scalar(
        re.compile(r"[-+]?(?:0b[01][01_]*|0o[0-7][0-7_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)"),
        "-+0123456789",
        _yaml_integer,
    ),
    "float": _Scalar(
        re.compile(
            r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        "-+.0123456789",
        _yaml_real,
    ),
    "str": _Scalar(re.compile(r"(?s:.*)"), "", str),
}
"""In the order in which a plain text is tried."""

for _kind, _scalar in _SCALARS.items():
    _starts = [*_scalar.starts, ""] if _kind == "null" else [*_scalar.starts]
    _Composer.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_scalar.pattern.pattern})\Z"), _starts)


class _Dumper(yaml.SafeDumper):
    """Quotes what the reader above would take for another value."""

    yaml_implicit_resolvers = _Composer.yaml_implicit_resolvers

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """In double quotes, which escape them, where it holds line breaks that plain scalars fold."""
        style = '"' if any(one in text for one in _OTHER_BREAKS) else None
        return self.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def _load_json(text: str, most_values: int) -> object:
    _check_count(sum(map(text.count, ",[{")), most_values)  # no fewer than it has: an empty list takes 64 bytes
    return json.loads(text, object_pairs_hook=_unique, parse_int=_integer, parse_float=_real, parse_constant=_real)


def _integer(text: str, base: int = 10) -> int:
    if len(text) > _MOST_DIGITS:
        raise _Refused(f"an integer of {len(text)} digits")
    return int(text, base)


def _real(text: str) -> float:
    """JSON has no NaN and no infinity, but Python's reader takes them, and makes infinity of 1e999."""
    value = float(text)
    if not is_number(value):
        raise _Refused(f"{shown(text)} for a number")
    return value


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key, value in pairs:
        if isinstance(key, (list, dict)):
            raise _Refused(f"{shown(key)} as a key")
        if key in made:
            raise _Refused(f"the key {shown(key)} twice")
        made[key] = value
    return made
