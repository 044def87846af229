"""The chain of a net that reads whole images: which folders have it, and what it needs."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.engines import BackendChoice, EngineSet, Manifest
from pose3d_ros.stages.one_stage_poses import is_one_stage
from pose3d_ros.stages.pose.root_localization import needed_roles, skeleton_of_people

from ..conftest import manifest_entry


def folder(decoder: str, *roles: str) -> Manifest:
    return Manifest(Path(), (manifest_entry(decoder, roles=roles, skeleton="coco17", input_size_px=(64, 64)),))


def engines(manifest: Manifest) -> EngineSet:
    return EngineSet(manifest, BackendChoice("onnxruntime", "test"))


def test_which_folders_have_it() -> None:
    assert is_one_stage(engines(folder("torchvision_keypoints", "detector", "pose")))
    assert is_one_stage(engines(folder("torchvision_keypoints", "pose")))
    assert not is_one_stage(engines(folder("torchvision_keypoints", "detector")))
    assert not is_one_stage(engines(folder("simcc_2d", "pose")))


def test_it_needs_a_lifter() -> None:
    manifest = folder("torchvision_keypoints", "detector", "pose")
    assert needed_roles(manifest) == ("detector", "pose", "lifter")
    assert skeleton_of_people(manifest) is None
