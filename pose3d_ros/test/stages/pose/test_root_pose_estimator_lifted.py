"""Pose nets without a root net: with a lifter behind joints in the image, and in folders of engines."""

from __future__ import annotations

from pathlib import Path

import attr
import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto

from pose3d_ros.config.settings import PipelineConfig, PoseConfig
from pose3d_ros.engines import EngineSet, Manifest, RoleEngine, choose_backend
from pose3d_ros.errors import EngineError
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Pose
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.types import Array

from ...conftest import manifest_entry
from .conftest import Person, Scene, one_hot

WIDTH, HEIGHT = 192, 256
H36M, COCO = get_skeleton("h36m17"), get_skeleton("coco17")
HALF_BIN_PX = 0.25


def simcc(scene: Scene, who: Person, skeleton: str, score: npt.ArrayLike = 0.8) -> RoleEngine:
    """RTMPose as it sees this person."""
    answers = {
        "simcc_x": one_hot(2 * who.crop_px[:, 0], 2 * WIDTH, score),
        "simcc_y": one_hot(2 * who.crop_px[:, 1], 2 * HEIGHT, score),
    }
    return RoleEngine(scene.net(answers, WIDTH, HEIGHT), scene.entry("simcc_2d", WIDTH, HEIGHT, skeleton))


def lifter(scene: Scene, joints_m: Array, skeleton: str, reads: str) -> RoleEngine:
    """A net that always says these joints (J, 3), from any origin, in the camera's axes."""
    shape = {"keypoints": (TensorProto.FLOAT, ("batch", 17, 2))}
    parameters = {"input_skeleton": reads, "input_features": 2}
    entry = manifest_entry(
        "lifter_frame", name="lifter", roles=("lifter",), skeleton=skeleton, parameters=parameters, normalization=None
    )
    return RoleEngine(scene.make_net({"joints": joints_m[None]}, **shape), entry)


@pytest.fixture
def who(scene: Scene) -> Person:
    return scene.person(17, (WIDTH, HEIGHT), half_pixel_centers=False)


def test_the_root_follows_from_the_size(scene: Scene, who: Person) -> None:
    raised = lifter(scene, who.joints_cam_m + [3.0, -1, 2], "h36m17", "h36m17")
    pose = scene.pose(simcc(scene, who, "h36m17"), None, raised)
    assert pose.skeleton is H36M
    # The lifter's shape is kept exactly; where it stands, as well as bins of half a crop pixel say.
    relative = pose.joints_cam_m - pose.root_cam_m
    np.testing.assert_allclose(relative, who.joints_cam_m - who.joints_cam_m[H36M.root], atol=1e-5)
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[H36M.root], atol=0.02)
    crop_px = 300 * 1.25 / HEIGHT
    np.testing.assert_allclose(pose.joints_img_px, scene.camera.project(who.joints_cam_m), atol=crop_px * HALF_BIN_PX)


def test_a_root_net_gives_the_depth(scene: Scene, who: Person) -> None:
    raised = lifter(scene, who.joints_cam_m, "h36m17", "h36m17")
    pose = scene.pose(simcc(scene, who, "h36m17"), scene.root(5.0), raised)
    assert pose.root_cam_m[2] == pytest.approx(5.0)
    relative = pose.joints_cam_m - pose.root_cam_m
    np.testing.assert_allclose(relative, who.joints_cam_m - who.joints_cam_m[H36M.root], atol=1e-5)


def test_joints_that_were_not_seen(scene: Scene, who: Person) -> None:
    score = np.full(17, 0.8)
    score[[9, 15]] = 0.0
    raised = lifter(scene, who.joints_cam_m, "h36m17", "h36m17")
    pose = scene.pose(simcc(scene, who, "h36m17", score), None, raised)
    assert np.isnan(pose.joints_cam_m).any(axis=-1).tolist() == [i in (9, 15) for i in range(17)]
    np.testing.assert_array_equal(np.isnan(pose.joints_img_px), np.isnan(pose.joints_cam_m[:, :2]))
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[H36M.root], atol=0.02)


@pytest.mark.parametrize("root_net", [True, False])
def test_somebody_without_hips_is_not_lost(scene: Scene, who: Person, root_net: bool) -> None:
    # COCO's joints have no pelvis, and without hips none can be made of them: someone at a table.
    muco = get_skeleton("muco21")
    joints_m = np.nan_to_num(convert(who.joints_cam_m, COCO, muco), nan=4.0)
    score = np.where([name.endswith(("Hip", "Knee", "Ankle")) for name in COCO.joints], 0.01, 0.8)
    root_m = joints_m[muco.root]
    root = scene.root(root_m[2]) if root_net else None
    pose = scene.pose(simcc(scene, who, "coco17", score), root, lifter(scene, joints_m, "muco21", "coco17"))
    np.testing.assert_allclose(pose.root_cam_m, root_m, atol=0.05)
    assert np.isnan(pose.joints_cam_m[muco.root]).all()
    elbow = muco.index_of["L_Elbow"]
    np.testing.assert_allclose(pose.joints_cam_m[elbow], joints_m[elbow], atol=0.05)


def test_joints_that_the_pose_net_does_not_know(scene: Scene, who: Person) -> None:
    muco = get_skeleton("muco21")
    known = convert(who.joints_cam_m, COCO, muco)
    joints_m = np.where(np.isnan(known), [0.1, 0.2, 4.0], known)
    pose = scene.pose(simcc(scene, who, "coco17"), None, lifter(scene, joints_m, "muco21", "coco17"))
    head = muco.index_of["Head_top"]
    np.testing.assert_allclose(pose.joints_cam_m[head], [0.1, 0.2, 4.0], atol=0.1)
    np.testing.assert_allclose(pose.joints_img_px[head], scene.camera.project(pose.joints_cam_m[head]))
    assert pose.scores[head] == pytest.approx(0.8)


def found_in(manifest: Manifest, scene: Scene) -> Pose:
    """The person that a pipeline of these engines finds in the given box."""
    config = PipelineConfig(pose=PoseConfig(flip_test=False))
    with Pipeline(EngineSet(manifest, choose_backend("onnxruntime")), config) as pipeline:
        pipeline.warm_up(640, 480)
        (found,) = pipeline(scene.frame, [scene.detection]).people
        assert len(pipeline.engines.opened) == len(manifest.entries)
    return found.pose


def test_a_folder_with_a_lifter(scene: Scene, who: Person, tmp_path: Path) -> None:
    raised = lifter(scene, who.joints_cam_m, "h36m17", "h36m17")
    pose = found_in(scene.folder(tmp_path, simcc(scene, who, "h36m17"), raised), scene)
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=0.02)


def test_a_folder_of_metric_joints_without_a_root_net(scene: Scene, tmp_path: Path) -> None:
    other = scene.person(17, (256, 256))
    pose = found_in(scene.folder(tmp_path, scene.metrabs(other)), scene)
    np.testing.assert_allclose(pose.joints_cam_m, other.joints_cam_m, atol=1e-3)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ("simcc_2d", "expected a model of the role lifter, or a decoder that gives depths"),
        ("simcc_3d", "expected a model of the role root"),
    ],
)
def test_a_folder_that_can_not_place_people_is_refused(
    scene: Scene, tmp_path: Path, decoder: str, message: str
) -> None:
    manifest = scene.folder(tmp_path, scene.metrabs(scene.person(17, (256, 256))))
    detector, pose = manifest.entries
    with pytest.raises(EngineError, match=message):
        found_in(Manifest(tmp_path, (detector, attr.evolve(pose, decoder=decoder))), scene)
