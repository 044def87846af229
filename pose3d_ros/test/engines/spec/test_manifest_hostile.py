"""Manifests of every kind: entries that can be read, or EngineError."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import YAML, hostile_paths, mutated_text, with_hostile_value
from pose3d_ros.engines import Manifest, ManifestEntry, load_manifest
from pose3d_ros.engines.spec.manifest import sha256_of, write_manifest
from pose3d_ros.errors import EngineError
from reliability_log import ReliabilityLog


@pytest.fixture
def manifest(tmp_path: Path, make_entry: Callable[..., ManifestEntry]) -> Path:
    """A valid manifest of one engine."""
    write_manifest(tmp_path, [make_entry()])
    return tmp_path / "manifest.yaml"


def opened(path: Path, text: str) -> Manifest:
    """The manifest of a text."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return load_manifest(path)


def hostile(text: str, chance: random.Random) -> str:
    """A manifest that was tampered with."""
    return (with_hostile_value if chance.random() < 0.5 else mutated_text)(text, chance)


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_text_that_is_no_manifest_is_an_error(manifest: Path, text: str) -> None:
    with pytest.raises(EngineError) as caught:
        opened(manifest, text)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_value_of_another_kind_is_taken_or_an_error(manifest: Path, text: str) -> None:
    lines = manifest.read_text().splitlines()
    for at, line in enumerate(lines):
        if not line.lstrip(" -").startswith(("name:", "mean:", "accuracy:")):
            continue
        key = line.partition(": ")[0].rstrip(":")
        with contextlib.suppress(EngineError):
            opened(manifest, "\n".join([*lines[:at], f"{key}: {text}", *lines[at + 1 :]]))


def test_paths_without_a_manifest_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(EngineError) as caught:
            load_manifest(path)
        assert len(str(caught.value)) < 8000, name


def test_hash_is_made_of_regular_files_only(tmp_path: Path) -> None:
    paths = hostile_paths(tmp_path)
    for name in ("nothing", "folder", "pipe", "loop", "long name", "NUL", "device", "terminal"):
        with pytest.raises(EngineError, match="expected a readable file"):
            sha256_of(paths[name])
    with pytest.raises(EngineError, match="expected a readable file"):
        sha256_of("/proc/self/mem")  # opens, and fails when it is read


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms())
def test_any_manifest_is_read_or_an_error(manifest: Path, chance: random.Random) -> None:
    text = manifest.with_name("manifest.yaml").read_text()
    with contextlib.suppress(EngineError):
        opened(manifest.with_name("hostile.yaml"), hostile(text, chance))


@pytest.mark.slow
def test_100000_manifests(manifest: Path, record_promise: ReliabilityLog) -> None:
    text = manifest.read_text()
    found = fuzz(lambda chance: opened(manifest, hostile(text, chance)), 100_000)
    record_promise("fuzzing: manifests", "entries or EngineError, no hang, no blow-up", str(found), found.kept)
