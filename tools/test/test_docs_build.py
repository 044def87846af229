"""Pages and API reference build without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Run what `make docs` runs."""
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--fresh-env", "-q"]
    return subprocess.run(
        [*command, str(source), str(output)], capture_output=True, text=True, check=False, timeout=300, cwd=ROOT
    )


def test_docs_build_without_a_warning(tmp_path: Path) -> None:
    done = build(ROOT / "docs", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for page in ("index", "start", "manifest", "api/pose3d_ros", "api/pose3d_ros.geometry", "api/pose3d_ros.engines"):
        assert (tmp_path / f"{page}.html").is_file()


def test_broken_docstring_or_link_fails_the_build(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text('extensions = ["myst_parser"]\n')
    (source / "index.md").write_text("# Title\n\n[nowhere](missing.md)\n")
    done = build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "missing.md" in done.stderr
