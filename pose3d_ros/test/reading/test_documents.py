"""YAML and JSON from outside: plain values, or one of our errors that says where."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.reading.documents import fields_of, parse_json, parse_yaml, read_json, read_yaml, yaml_text
from pose3d_ros.reading.files import Origin

ORIGIN = Origin(ConfigError, "file", "Correct it.")
_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
_MERGE_BOMB = "- &a0 {x: 1}\n" + "".join(f"- &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 1e-05),
        ("-3e-2", -0.03),
        ("1E3", 1000.0),
        ("+.5", 0.5),
        ("-1.", -1.0),
        (".inf", math.inf),
        ("0x1F", 31),
        ("010", 8),
        ("089", 89),
        ("-0b101", -5),
        ("1_000", 1000),
        ("yes", True),
        ("OFF", False),
        ("~", None),
        ("", None),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("2020-13-45", "2020-13-45"),
        ("e5", "e5"),
        ("-", [None]),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("- &a [1, 2]\n- *a", [[1, 2], [1, 2]]),
    ],
    ids=shown,
)
def test_plain_yaml_is_read(text: str, value: object) -> None:
    found = parse_yaml(text, ORIGIN)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("a:\n  !!int ''", "tag 'int' in line 2"),
        ("!!timestamp x", "tag 'timestamp'"),
        ("!!bool foo", "'foo' with the tag 'bool'"),
        ("!!null x", "tag 'null'"),
        ("!!float x", "tag 'float'"),
        ("!!int [1]", "a sequence with the tag 'int'"),
        ("!!map [1]", "tag 'map'"),
        ("!!binary aaa", "tag 'binary'"),
        ("!!set {a, b}", "tag 'set'"),
        ("!!python/object/apply:os.system [id]", "tag 'python/object/apply:os.system'"),
        ("!own x", "tag '!own'"),
        ("[" * 1000, "50 deep"),
        ("{a: " * 1000, "50 deep"),
        ("- " * 1000, "50 deep"),
        ("9" * 400, "integer of 400 digits"),
        ("9" * 5000, "integer of 5000 digits"),
        ("0x" + "f" * 5000, "integer of 5000 digits"),
        ("a: 1\nb: 2\na: 3", "the key 'a' twice"),
        ("{1: a, 1.0: b}", "twice"),
        ("[1]: 2", "as a key"),
        ("&a [*a]", "contains itself, in line 1"),
        ("&a {b: *a}", "contains itself"),
        ("*a", "a mistake in line 1"),
        ("a: 1\n- b", "a mistake in line 2, column 1"),
        ("a: [1, 2", "a mistake"),
        ("--- a\n--- b", "a mistake in line 2"),
        ("%YAML:1.0\n---\na: 1", "a mistake in line 1"),
        ("\0", "can't be read"),
        ("\ud800", "can't be read"),
        (_BOMB, "more than 50000 values"),
        (_MERGE_BOMB, "more than 50000 values"),
        ("-\n" * 50_001, "more than 50000 values"),
    ],
    ids=shown,
)
def test_other_yaml_is_an_error_that_says_where(text: str, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, ORIGIN)
    assert got in caught.value.got
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("NaN", "'NaN' for a number"),
        ("[-Infinity]", "'-Infinity' for a number"),
        ("1e999", "'1e999' for a number"),
        ("1" * 5000, "integer of 5000 digits"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ("[" * 100_000, "nested too deep"),
        ("[" + "0," * 4_000_001, "more than 4000000 values"),
        ('{\n"a": }', "line 2, column 6"),
        ("", "line 1, column 1"),
    ],
    ids=shown,
)
def test_other_json_is_an_error_that_says_where(text: str, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(text, ORIGIN)
    assert got in caught.value.got
    assert len(str(caught.value)) < 300


@settings(deadline=None, max_examples=40)
@given(plain)
def test_plain_values_read_back(value: object) -> None:
    assert parse_yaml(yaml_text(value), ORIGIN) == value
    if not isinstance(value, float) or math.isfinite(value):
        text = json.dumps(value)
        assert "Infinity" in text or parse_json(text, ORIGIN) == value


@pytest.mark.parametrize("parse", [parse_yaml, parse_json])
@settings(deadline=None)
@given(text=st.text() | st.text("[]{},:&*!-?|>'\"%@#~<= \n\t0123456789.eExab"))
def test_any_text_is_plain_values_or_our_error(parse: Callable[[str, Origin], object], text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse(text, ORIGIN)


def test_fields_have_names_as_keys() -> None:
    assert fields_of({"a": 1}, ORIGIN) == {"a": 1}
    for content, got in (([], "list"), (None, "nothing"), ({"a": 1, 2: 3}, "2")):
        with pytest.raises(ConfigError, match=f"file: engines: expected .*, got {got}"):
            fields_of(content, ORIGIN, ": engines")


def test_files_are_read_and_classified(tmp_path: pytest.TempPathFactory) -> None:
    path = str(tmp_path) + "/values"
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"a": [1, 2.5]}')
    assert read_yaml(path, ORIGIN) == read_json(path, ORIGIN) == {"a": [1, 2.5]}
    for read in (read_yaml, read_json):
        with pytest.raises(ConfigError, match="got a folder"):
            read(str(tmp_path), ORIGIN)
        with pytest.raises(ConfigError, match="got a device"):
            read("/dev/zero", ORIGIN)
