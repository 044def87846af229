"""Documentation, messages and the texts of the code use the words of the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs_check.pages import PAGES, ROOT, page_name, prose
from docs_check.words import FORBIDDEN, forbidden_words

FOLDERS = ("pose3d_ros/pose3d_ros", "pose3d_training/pose3d_training", "pose3d_msgs", "benchmarks", "examples")
SUFFIXES = (".py", ".msg", ".yaml", ".html", ".js")
FILES = [
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES),
    *sorted((ROOT / "pose3d_ros/launch").glob("*.py")),
    ROOT / "pose3d_ros/config/pose3d.yaml",
]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_pages_use_the_words_of_the_field(page: Path) -> None:
    assert FORBIDDEN.findall(prose(page)) == []


def test_strings_and_docstrings_use_the_words_of_the_field() -> None:
    assert {page_name(path): found for path in FILES if (found := forbidden_words(path))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Everybody in the picture."""\n', ["1: Everybody", "1: picture"]),
        ('x = 1\nprint(f"error of {x} to the truth")\n', ["2: truth"]),
        ('raise ValueError("expected a whole number")\n', ["1: whole number"]),
        ('colour = "the ground truth in color"\n', []),
        ('parser.add_argument("--license", "--licence")\n', []),
    ],
)
def test_forbidden_word_in_a_string_is_found(source: str, found: list[str], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert forbidden_words(path) == found
