"""A release sets one version everywhere and closes the changelogs."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import parse_package
from release import PACKAGES, set_version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("CITATION.cff", *(f"{p}/{file}" for p in PACKAGES for file in ("package.xml", "CHANGELOG.rst"))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_release_sets_one_version_everywhere(repository: Path) -> None:
    set_version(repository, "12.3.4", date(2030, 1, 31))
    assert "\nversion: 12.3.4\n" in (repository / "CITATION.cff").read_text()
    for package in PACKAGES:
        assert parse_package(repository / package).version == "12.3.4"
        changelog = get_changelog_from_path(repository / package / "CHANGELOG.rst", package)
        assert changelog.get_date_of_version("12.3.4").date() == date(2030, 1, 31)
        assert changelog.get_content_of_version("12.3.4")


def test_release_needs_something_forthcoming(repository: Path) -> None:
    set_version(repository, "12.3.4", date(2030, 1, 31))
    before = (repository / "CITATION.cff").read_text()
    with pytest.raises(ValueError, match="Forthcoming"):
        set_version(repository, "12.4.0", date(2030, 2, 1))
    assert (repository / "CITATION.cff").read_text() == before


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3rc1"])
def test_wrong_version_is_refused(repository: Path, version: str) -> None:
    with pytest.raises(ValueError, match=r"MAJOR\.MINOR\.PATCH"):
        set_version(repository, version, date(2030, 1, 31))
