"""Presets of third-party models: entries made of them, what the stages need, and one row each in the documentation."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import attr
import pytest

from pose3d_ros.engines import Manifest, load_manifest
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.engines.spec.presets import DETECTOR_PRESETS, POSE_PRESETS, PRESETS, get_preset, preset_entry
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.pose_decoding import read_pose_settings

TERMS: dict[str, Any] = {"name": "third-party", "license": "Apache-2.0", "training_data": "COCO 2017"}
CROP_PRESETS = {name: preset for name, preset in POSE_PRESETS.items() if preset.roles == ("pose",)}
"""Without those that find people and joints in one run, which read no crop."""
PAGE = Path(__file__).resolve().parents[4] / "docs" / "models.md"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"no graph: a preset does not look inside")
    return file


def written(weights: Path, preset: str) -> Manifest:
    entry = preset_entry(preset, weights, **TERMS, skeleton=PRESETS[preset].skeleton or "coco17")
    return write_manifest(weights.parent, [entry])


def test_entry_has_the_preset_and_the_files_hash(weights: Path) -> None:
    entry = preset_entry("yolox", weights, **TERMS)
    assert entry.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (entry.name, entry.license, entry.training_data) == ("third-party", "Apache-2.0", "COCO 2017")
    assert (entry.roles, entry.decoder, entry.input_size_px) == (("detector",), "yolox_raw", (640, 640))
    assert entry.normalization is not None
    assert (entry.normalization.scale, entry.normalization.channel_order) == (1.0, "bgr")
    assert entry.parameters == {"person_class": 0}
    assert not entry.accuracy


def test_given_values_override_the_preset(weights: Path) -> None:
    entry = preset_entry(
        "detr",
        weights,
        **TERMS,
        input_size_px=(560, 560),
        parameters={"person_class": 1, "outputs": ["labels", "dets"]},
        accuracy={"ap": 54.0},
    )
    assert entry.input_size_px == (560, 560)
    assert entry.parameters == {"person_class": 1, "outputs": ["labels", "dets"]}
    assert PRESETS["detr"].parameters["person_class"] == 0
    assert entry.accuracy == {"ap": 54.0}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_reads_back_from_a_manifest(weights: Path, name: str) -> None:
    written(weights, name)
    preset = PRESETS[name]
    entry = load_manifest(weights.parent).for_role(preset.roles[0])
    for field in ("decoder", "input_size_px", "normalization", "units", "parameters"):
        assert getattr(entry, field) == getattr(preset, field), field
    assert preset.source


@pytest.mark.parametrize("name", CROP_PRESETS)
def test_every_pose_preset_fits_its_decoder(weights: Path, name: str) -> None:
    entry = written(weights, name).for_role("pose")
    assert entry.input_size_px is not None
    settings = read_pose_settings(entry, POSE_DECODERS[entry.decoder], entry.input_size_px)
    if settings.joints is not None:
        assert len(settings.joints) == len(SKELETONS[entry.skeleton or ""])


def test_list_of_joints_reads_back_from_a_manifest(weights: Path) -> None:
    entry = written(weights, "metrabs").for_role("pose")
    write_manifest(weights.parent, [attr.evolve(entry, parameters={"joints": [16, 0, 3]})])
    read = load_manifest(weights.parent).for_role("pose")
    assert read_pose_settings(read, POSE_DECODERS["metrabs"], (256, 256)).joints == (16, 0, 3)


def test_joints_with_a_size_have_a_root_in_closed_form_and_no_other() -> None:
    gives = {name: POSE_DECODERS[preset.decoder].gives for name, preset in CROP_PRESETS.items()}
    roots = {name: preset.parameters.get("root") for name, preset in CROP_PRESETS.items()}
    of_scaled = {"hg3d": "weak_perspective"}  # its bones are scaled to a length, as its training's camera has no depth
    closed = {name: None if what == "depth" else "closed_form" for name, what in gives.items()}
    assert roots == closed | of_scaled


def test_documentation_has_a_row_for_each_pose_preset() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\d+)x(\d+)[, ]", text, flags=re.MULTILINE)
    sizes = {name: (int(width), int(height)) for name, width, height in rows}
    assert sizes == {name: preset.input_size_px for name, preset in CROP_PRESETS.items()}
    assert [name for name in POSE_PRESETS if f"\n| `{name}` |" not in text] == []


def test_presets_are_read_only() -> None:
    assert list(PRESETS) == [*DETECTOR_PRESETS, *POSE_PRESETS]
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["yolox"]  # type: ignore[index]


def test_unknown_preset_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"preset: expected one of yolox, .*got 'yolo99'"):
        get_preset("yolo99")
    with pytest.raises(EngineError, match="expected a readable file"):
        preset_entry("yolox", tmp_path / "none.onnx", **TERMS)
