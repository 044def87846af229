"""Manifest entries from presets, written to a manifest and read back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pose3d_ros.engines import load_manifest, write_manifest
from pose3d_ros.engines.spec.presets import PRESETS, get_preset, preset_entry
from pose3d_ros.errors import EngineError

TERMS: dict[str, Any] = {"name": "somebody's", "license": "Apache-2.0", "training_data": "COCO 2017"}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"no graph: a preset does not look inside")
    return file


def test_an_entry_has_the_preset_and_the_files_hash(weights: Path) -> None:
    entry = preset_entry("yolox", weights, **TERMS)
    assert entry.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (entry.name, entry.license, entry.training_data) == ("somebody's", "Apache-2.0", "COCO 2017")
    assert (entry.roles, entry.decoder, entry.input_size_px) == (("detector",), "yolox_raw", (640, 640))
    assert entry.normalization is not None
    assert (entry.normalization.scale, entry.normalization.channel_order) == (1.0, "bgr")
    assert dict(entry.parameters) == {"person_class": 0}
    assert not entry.accuracy


def test_what_is_given_replaces_the_preset(weights: Path) -> None:
    entry = preset_entry(
        "detr",
        weights,
        **TERMS,
        input_size_px=(560, 560),
        parameters={"person_class": 1, "outputs": ["labels", "dets"]},
        accuracy={"ap": 54.0},
    )
    assert entry.input_size_px == (560, 560)
    assert dict(entry.parameters) == {"person_class": 1, "outputs": ["labels", "dets"]}
    assert PRESETS["detr"].parameters["person_class"] == 0
    assert dict(entry.accuracy) == {"ap": 54.0}


@pytest.mark.parametrize("preset", [name for name, p in PRESETS.items() if "detector" in p.roles])
def test_detector_presets_survive_a_manifest(weights: Path, preset: str) -> None:
    entry = preset_entry(preset, weights, **TERMS)
    write_manifest(weights.parent, [entry])
    read = load_manifest(weights.parent).for_role("detector")
    assert (read.decoder, read.input_size_px, read.normalization) == (
        entry.decoder,
        entry.input_size_px,
        entry.normalization,
    )
    assert (read.sha256, read.units, dict(read.parameters)) == (entry.sha256, "pixels", dict(entry.parameters))


def test_the_table_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["yolox"]  # type: ignore[index]
    assert all(preset.source for preset in PRESETS.values())


def test_an_unknown_preset_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"preset: expected one of yolox, .*got 'yolo99'"):
        get_preset("yolo99")
    with pytest.raises(EngineError, match="expected a readable file"):
        preset_entry("yolox", tmp_path / "none.onnx", **TERMS)
