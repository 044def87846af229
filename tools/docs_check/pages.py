"""The pages of the documentation, their code blocks, code spans, links and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pose3d_ros"
PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
        PACKAGE / "engines" / "README.md",
        PACKAGE / "samples" / "README.md",
    )
)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4,}\S.*\n(?:\s*\n(?= {4}))?)+")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block. An indented one has the language `sh`; a Python block with a `reason` is not run."""

    page: Path
    line: int
    language: str
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{page_name(self.page)}:{self.line}"


@dataclass(frozen=True)
class Row:
    """A row of a table: the code spans in its first cell. header: the first cell of the table's head."""

    header: str
    names: tuple[str, ...]


def page_name(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


def blocks(page: Path) -> list[Block]:
    """All code blocks, fenced and indented. A fence's info is a language and, after `not run:`, a reason."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, reason = match["info"].partition("not run:")
        found.append(Block(page, _line(text, match.start()), language.strip(), reason.strip(), match["text"]))
    without_fences = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(without_fences):
        found.append(Block(page, _line(without_fences, match.start()), "sh", "", match[0]))
    return sorted(found, key=lambda block: block.line)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def shell_lines(block: Block) -> Iterator[str]:
    """The commands of a shell block, continued lines joined and comments taken away."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = re.split(r"(?:^|\s)#", line)[0].strip()
        if command:
            yield command


def code(page: Path) -> list[str]:
    """Every line of code and every code span of a page."""
    named_by = [block for block in blocks(page) if block.language in ("sh", "text", "yaml")]
    return [line for block in named_by for line in shell_lines(block)] + _SPAN.findall(_without_blocks(page))


def prose(page: Path) -> str:
    """The text without code blocks, code spans and the targets of links."""
    return _LINK.sub("", _SPAN.sub("", _without_blocks(page)))


def _without_blocks(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """The targets of a page's links."""
    return _LINK.findall(page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = _HEADING.findall(_without_blocks(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: Path) -> list[Row]:
    """The rows of all tables of a page."""
    found: list[Row] = []
    header = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            header = ""
        elif not header:
            header = cells[0].strip("`") or "-"
        elif not set(cells[0]) <= set("-: "):
            found.append(Row(header, tuple(_SPAN.findall(cells[0]))))
    return found


def named(header: str) -> dict[str, set[str]]:
    """Page → the names in the first column of its tables with that head."""
    return {page_name(p): {word for row in rows(p) if row.header == header for word in row.names} for p in PAGES}
