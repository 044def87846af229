"""A folder of engines without a root net: the pipeline opens it where the pose net gives metres, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attr
import numpy as np
import pytest
from onnx import TensorProto

from pose3d_ros.config.settings import PipelineConfig, PoseConfig
from pose3d_ros.engines import Manifest, choose_backend, load_manifest, sha256_of, write_manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.errors import EngineError
from pose3d_ros.pipeline import Pipeline

Scene = Any
"""conftest.Scene."""
CONFIG = PipelineConfig(pose=PoseConfig(flip_test=False))


@pytest.fixture
def folder(scene: Scene, tmp_path: Path) -> Manifest:
    """A detector and a MeTRAbs net, written to a manifest and read back."""
    shapes = {"heat": np.zeros((1, 1, 60, 80)), "ltrb": np.zeros((1, 4, 60, 80))}
    scene.make_net(shapes, image=(TensorProto.FLOAT, (1, 3, 480, 640)))
    pose = scene.metrabs(scene.person(17, (256, 256))).entry
    detector = scene.make_entry("centre_ltrb", name="detector", roles=("detector",), input_size_px=(640, 480))
    files = tmp_path / "net0.onnx", tmp_path / "net1.onnx"
    entries = [attr.evolve(e, file=f, sha256=sha256_of(f)) for e, f in zip((detector, pose), files, strict=True)]
    return write_manifest(tmp_path, entries)


def test_people_are_placed_without_a_root_net(scene: Scene, folder: Manifest) -> None:
    who = scene.person(17, (256, 256))
    with Pipeline(EngineSet(folder, choose_backend("onnxruntime")), CONFIG) as pipeline:
        pipeline.warm_up(640, 480)
        (found,) = pipeline(scene.frame, [scene.detection]).people
    np.testing.assert_allclose(found.pose.joints_cam_m, who.joints_cam_m, atol=1e-3)


def test_a_pose_net_that_gives_depths_needs_one(folder: Manifest) -> None:
    detector, pose = load_manifest(folder.directory).entries
    manifest = Manifest(folder.directory, (detector, attr.evolve(pose, decoder="simcc_3d")))
    with pytest.raises(EngineError, match="expected a model of the role root"):
        Pipeline(EngineSet(manifest, choose_backend("onnxruntime")), CONFIG)
