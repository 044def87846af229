"""Presets of pose nets: what the stage needs of an entry, and one row each in the documentation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pose3d_ros.engines import Manifest, ManifestEntry, load_manifest, sha256_of, write_manifest
from pose3d_ros.engines.spec.pose_presets import POSE_PRESETS
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.decoding import read_pose_settings
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS

PAGE = Path(__file__).resolve().parents[4] / "docs" / "models_poses.md"


def written(folder: Path, name: str) -> Manifest:
    file = folder / "net.onnx"
    file.write_bytes(b"no graph: a preset does not look inside")
    preset = POSE_PRESETS[name]
    entry = ManifestEntry(
        name=name,
        roles=preset.roles,
        file=file,
        sha256=sha256_of(file),
        decoder=preset.decoder,
        input_size_px=preset.input_size_px,
        normalization=preset.normalization,
        skeleton=preset.skeleton or "coco17",
        units=preset.units,
        license="-",
        training_data="-",
        parameters=preset.parameters,
    )
    return write_manifest(folder, [entry])


@pytest.mark.parametrize("name", POSE_PRESETS)
def test_presets_survive_a_manifest_and_fit_their_decoder(tmp_path: Path, name: str) -> None:
    written(tmp_path, name)
    entry, preset = load_manifest(tmp_path).for_role("pose"), POSE_PRESETS[name]
    assert (entry.decoder, entry.input_size_px, entry.normalization, dict(entry.parameters)) == (
        preset.decoder,
        preset.input_size_px,
        preset.normalization,
        dict(preset.parameters),
    )
    decoder = POSE_DECODERS[entry.decoder]
    assert entry.input_size_px is not None
    settings = read_pose_settings(entry, decoder, entry.input_size_px)
    if settings.joints is not None:
        assert len(settings.joints) == len(SKELETONS[entry.skeleton or ""])


def test_a_list_of_joints_survives_a_manifest(tmp_path: Path) -> None:
    entry = written(tmp_path, "metrabs").for_role("pose")
    write_manifest(tmp_path, [replace(entry, parameters={"joints": [16, 0, 3]})])
    read = load_manifest(tmp_path).for_role("pose")
    assert read_pose_settings(read, POSE_DECODERS["metrabs"], (256, 256)).joints == (16, 0, 3)


def test_sizes_are_width_by_height() -> None:
    assert POSE_PRESETS["rtmpose"].input_size_px == (192, 256)
    assert POSE_PRESETS["rtmw3d"].input_size_px == (288, 384)


def test_joints_with_a_size_have_a_root_in_closed_form_and_no_other() -> None:
    gives = {name: POSE_DECODERS[preset.decoder].gives for name, preset in POSE_PRESETS.items()}
    roots = {name: preset.parameters.get("root") for name, preset in POSE_PRESETS.items()}
    assert roots == {name: None if what == "depth" else "closed_form" for name, what in gives.items()}


def test_the_documentation_has_a_row_for_each() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\d+)x(\d+),", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sizes = {name: (int(width), int(height)) for name, width, height in rows}
    assert sizes == {name: preset.input_size_px for name, preset in POSE_PRESETS.items()}
    assert all(preset.source for preset in POSE_PRESETS.values())
