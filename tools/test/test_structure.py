"""The tests mirror the packages, file names are unique, and no file is too long to read."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pose3d_ros", "pose3d_training")
MAX_LINES = 350

# Names that Python, pytest and setuptools prescribe.
PRESCRIBED = {"__init__.py", "__main__.py", "conftest.py", "setup.py"}
# Folders of a package's tests that belong to what is not a Python module.
NO_MODULES = {"launch"}


def python_files(*folders: Path) -> list[Path]:
    """The Python files below the folders."""
    return sorted(path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def repeated_names(paths: Iterable[Path]) -> list[str]:
    """File names that occur more than once."""
    counts = Counter(path.name for path in paths if path.name not in PRESCRIBED)
    return sorted(name for name, count in counts.items() if count > 1)


def module_of_test(path: Path, modules: set[Path]) -> Path | None:
    """The module that a test file belongs to: `a/test_b.py` and `a/test_b_c.py` belong to `a/b.py`."""
    words = path.stem.removeprefix("test_").split("_")
    names = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((path.with_name(f"{name}.py") for name in names if path.with_name(f"{name}.py") in modules), None)


def imported_names(source: str) -> set[str]:
    """Every dotted name that a source imports, `from a import b` as a and a.b; texts that are such names count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def relative(paths: Iterable[Path], folder: Path) -> set[Path]:
    """The paths as seen from a folder."""
    return {path.relative_to(folder) for path in paths}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_belongs_to_the_module_of_its_name(package: str) -> None:
    modules = relative(python_files(ROOT / package / package), ROOT / package / package)
    tests = relative((ROOT / package / "test").rglob("test_*.py"), ROOT / package / "test")
    strays = [str(t) for t in sorted(tests) if t.parts[0] not in NO_MODULES and module_of_test(t, modules) is None]
    assert strays == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_reached_by_the_tests_of_the_folder_that_mirrors_its_own(package: str) -> None:
    source = ROOT / package / package
    folders = sorted({path.parent.relative_to(source) for path in python_files(source)})
    assert [str(lost) for folder in folders for lost in unreached(package, folder)] == []


def unreached(package: str, folder: Path) -> list[Path]:
    """Modules with functions that no test of the mirrored folder imports, by itself or through the folder's modules."""
    source = ROOT / package / package
    modules = {
        ".".join((package, *path.relative_to(source).with_suffix("").parts)): path
        for path in (source / folder).glob("*.py")
    }
    tests = (ROOT / package / "test" / folder).rglob("*.py")
    waiting = [name for test in tests for name in imported_names(test.read_text())]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop().removesuffix(".__init__")
        name = f"{name}.__init__" if f"{name}.__init__" in modules else name
        if name in modules and name not in reached:
            reached.add(name)
            waiting += imported_names(modules[name].read_text())
    lost = (path for name, path in modules.items() if name not in reached and path.name not in PRESCRIBED)
    return sorted(path.relative_to(source) for path in lost if _has_logic(path))


def _has_logic(path: Path) -> bool:
    """Whether a module has functions of its own, so that there is something to test."""
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text())))


def test_file_names_are_unique() -> None:
    folders = [ROOT / package / part for package in PACKAGES for part in (package, "test")]
    assert repeated_names(python_files(*folders, ROOT / "tools", ROOT / "benchmarks", ROOT / "examples")) == []


def test_no_file_is_longer_than_the_limit() -> None:
    folders = [ROOT / package for package in PACKAGES] + [ROOT / name for name in ("tools", "benchmarks", "examples")]
    long = {
        str(p.relative_to(ROOT)): n
        for p in python_files(*folders)
        if (n := len(p.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_repeated_file_name_is_found() -> None:
    assert repeated_names([Path("a/boxes.py"), Path("b/boxes.py"), Path("a/__init__.py"), Path("__init__.py")]) == [
        "boxes.py"
    ]


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("track/test_tracker.py", "track/tracker.py"),
        ("track/test_tracker_crossings.py", "track/tracker.py"),
        ("track/test_kalman.py", None),
        ("test_tracker.py", None),
    ],
)
def test_module_of_a_test_file_is_found_by_folder_and_name(path: str, module: str | None) -> None:
    assert module_of_test(Path(path), {Path("track/tracker.py")}) == (Path(module) if module else None)
