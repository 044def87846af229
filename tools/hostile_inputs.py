"""What tests hand to every reader of files and texts from outside: what is known to have hurt, and mutations of it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

_MULTIPLIED = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)

YAML: dict[str, str] = {
    "empty": "",
    "nothing": "~",
    "list": "[1, 2]",
    "integer of no digits": "!!int ''",
    "timestamp of a word": "!!timestamp x",
    "bool of a word": "!!bool foo",
    "float of a word": "!!float x",
    "binary": "!!binary aaa",
    "set": "!!set {a}",
    "object": "!!python/object/apply:os.system [exit]",
    "impossible date": "2020-13-45",
    "nested lists": "[" * 1000 + "]" * 1000,
    "nested mappings": "{a: " * 1000 + "}" * 1000,
    "nested blocks": "- " * 1000 + "x",
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "5000 hexadecimal digits": "0x" + "f" * 5000,
    "multiplied": _MULTIPLIED,
    "in itself": "&a [*a]",
    "merged": "<<: [{a: 1}, {b: 2}]",
    "list as key": "[1]: 2",
    "twice": "a: 1\na: 2",
    "number as key": "1: a\nb: c",
    "NUL": "a\0b",
    "lone surrogate": '"\\ud800"',
    "control characters": '"\\e[2J\\0"',
    "huge number": "1e308",
    "infinity": ".inf",
    "no number": ".nan",
    "long text": "x" * 10_000,
}
"""Texts by what they are: values, or whole documents."""

TOKENS = (
    *YAML.values(),
    *("[", "]", "{", "}", ": ", ", ", "- ", "&a ", "*a", "!!int ", "!!str ", "<<: ", "? ", "|\n", ">\n", "'", '"', "#"),
    *("~", "null", "true", "no", "0", "-1", "1e-05", "-3e-2", "1e308", "-1e308", ".nan", "-.inf", "NaN", "Infinity"),
    *("\n", "\t", "\\", "/", "../", "\x1b[2J", "\u2028", "\ufeff", "ü", "%YAML:1.0\n", "---\n", "...\n", "=", "@", "`"),
    *(str(2**31), str(2**63), str(-(2**63) - 1), "0x10", "010", "1:30", "2020-01-01"),
)


def hostile_paths(folder: Path) -> dict[str, str]:
    """Paths below the folder, made where they can be, by what is there; none is a file of text in UTF-8."""
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "latin").write_bytes("größe: 1".encode("latin-1"))
    (folder / "picture").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    with (folder / "endless").open("wb") as file:
        file.truncate(1 << 40)
    below = {name: str(folder / name) for name in ("nothing", "folder", "pipe", "loop", "latin", "picture", "endless")}
    return {
        **below,
        "below a file": str(folder / "latin" / "x"),
        "long name": str(folder / ("x" * 300)),
        "long path": "x/" * 3000,
        "NUL": "nul\0byte",
        "not UTF-8": str(folder / "gr\udcfc\udcdfe"),
        "device": "/dev/zero",
        "device without end": "/dev/urandom",
        "terminal": "/dev/tty",
    }


def mutated_text(text: str, chance: random.Random, tokens: Sequence[str] = TOKENS) -> str:
    """A text with some parts removed, doubled, moved, or replaced by what is known to hurt."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice((0, 1, 1, 2, 5, 20)))
        piece = chance.choice(
            ("", text[start:end] * 2, chance.choice(tokens), chance.choice(tokens), _part(text, chance))
        )
        text = text[:start] + piece + text[end:]
    return text


def with_hostile_value(text: str, chance: random.Random, tokens: Sequence[str] = TOKENS) -> str:
    """A text of lines `key: value` with some values replaced by what is known to hurt; else as it was."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        key, colon, _ = lines[at].partition(": ")
        lines[at] = f"{key}{colon}{chance.choice(tokens)}"
    return "\n".join(lines)


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes of which some are changed, removed, doubled or replaced by extreme numbers."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed) or 1)
        kind = chance.randrange(6)
        if kind == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1 and changed:
            changed[at % len(changed)] ^= 1 << chance.randrange(8)
        elif kind == 2:
            width = chance.choice((1, 2, 4, 8))
            changed[at : at + width] = chance.choice((b"\xff" * width, b"\0" * width, b"\xff" * (width - 1) + b"\x7f"))
        elif kind == 3:
            del changed[at : at + chance.choice((1, 4, 64, len(changed)))]
        elif kind == 4:
            changed[at:at] = changed[at : at + chance.choice((1, 8, 64))]
        else:
            changed[at:at] = chance.randbytes(chance.choice((1, 4, 16)))
    return bytes(changed)


def _part(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text))
    return text[start : start + chance.randint(0, 80)]
