"""Words that neither the documentation nor the texts of the code use, since the field has another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FORBIDDEN = re.compile(
    r"\b(pictures?|licences?|(?:normal|optim|recogn|initial|serial|synchron|quant|visual|organ)is(?:e|ed|es|ing|ation)|"
    r"colours?|centred?|grey|networks of others|people where there are none|(?<!ground[\s-])truth|true people|"
    r"whole numbers?|carr(?:y|ied|ies) on|along the view|who is who|unsure|knobs?)\b",
    re.IGNORECASE,
)
"""Instead: image or frame; license; American spelling; third-party models; false positives; ground truth; integer;
extrapolate; depth error; identity; confident; options."""

FORBIDDEN_IN_CODE = re.compile(rf"{FORBIDDEN.pattern}|\b(?:no|some|any|every)body\b", re.IGNORECASE)
"""In messages and docstrings also: no people, a person, all people, has subscribers."""

FORMER_NAMES = {"--licence", "--pictures", "licence", "normalisation", "pictures"}
"""Options and keys that are still accepted or written under their former name."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string and docstring of a Python file; each line of another file."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(content.splitlines(), start=1)
        return
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in FORMER_NAMES:
            yield node.lineno, node.value


def forbidden_words(path: Path) -> list[str]:
    """`line: word`, of every forbidden word in a file's texts."""
    return [f"{line}: {match[0]}" for line, text in texts(path) for match in FORBIDDEN_IN_CODE.finditer(text)]
