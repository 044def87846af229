"""Pose nets without a root net: with a lifter behind joints in the image, and in folders of engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import attr
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import PipelineConfig, PoseConfig
from pose3d_ros.engines import BackendChoice, EngineSet, Manifest, RoleEngine, engine_set
from pose3d_ros.errors import EngineError
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Pose
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.types import Array

from ...conftest import heat_maps, manifest_entry
from .conftest import (
    CAMERA,
    DETECTION,
    FRAME,
    constant_model,
    make_person,
    metrabs_model,
    one_hot,
    pose_entry,
    pose_of,
    root_model,
)

WIDTH, HEIGHT = 192, 256
H36M, COCO = get_skeleton("h36m17"), get_skeleton("coco17")
HALF_BIN_PX = 0.25
WHO = make_person(17, (WIDTH, HEIGHT), half_pixel_centers=False)


def simcc(skeleton: str, score: npt.ArrayLike = 0.8) -> RoleEngine:
    """RTMPose as it sees this person."""
    answers = {
        "simcc_x": one_hot(2 * WHO.crop_px[:, 0], 2 * WIDTH, score),
        "simcc_y": one_hot(2 * WHO.crop_px[:, 1], 2 * HEIGHT, score),
    }
    return constant_model(pose_entry("simcc_2d", WIDTH, HEIGHT, skeleton), answers, image=(1, 3, HEIGHT, WIDTH))


def lifter(joints_m: Array, skeleton: str, reads: str) -> RoleEngine:
    """A net that always says these joints (J, 3), from any origin, in the camera's axes."""
    parameters = {"input_skeleton": reads, "input_features": 2}
    entry = manifest_entry(
        "lifter_frame", name="lifter", roles=("lifter",), skeleton=skeleton, parameters=parameters, normalization=None
    )
    return constant_model(entry, {"joints": joints_m[None]}, keypoints=("batch", 17, 2))


def test_root_follows_from_the_size() -> None:
    raised = lifter(WHO.joints_cam_m + [3.0, -1, 2], "h36m17", "h36m17")
    pose = pose_of(simcc("h36m17"), None, raised)
    assert pose.skeleton is H36M
    # The lifter's shape is kept exactly; where it stands, as well as bins of half a crop pixel say.
    relative = pose.joints_cam_m - pose.root_cam_m
    np.testing.assert_allclose(relative, WHO.joints_cam_m - WHO.joints_cam_m[H36M.root], atol=1e-5)
    np.testing.assert_allclose(pose.root_cam_m, WHO.joints_cam_m[H36M.root], atol=0.02)
    crop_px = 300 * 1.25 / HEIGHT
    np.testing.assert_allclose(pose.joints_img_px, CAMERA.project(WHO.joints_cam_m), atol=crop_px * HALF_BIN_PX)


def test_root_net_gives_the_depth() -> None:
    raised = lifter(WHO.joints_cam_m, "h36m17", "h36m17")
    pose = pose_of(simcc("h36m17"), root_model(5.0), raised)
    assert pose.root_cam_m[2] == pytest.approx(5.0)
    relative = pose.joints_cam_m - pose.root_cam_m
    np.testing.assert_allclose(relative, WHO.joints_cam_m - WHO.joints_cam_m[H36M.root], atol=1e-5)


def test_joints_that_were_not_seen() -> None:
    score = np.full(17, 0.8)
    score[[9, 15]] = 0.0
    raised = lifter(WHO.joints_cam_m, "h36m17", "h36m17")
    pose = pose_of(simcc("h36m17", score), None, raised)
    assert np.isnan(pose.joints_cam_m).any(axis=-1).tolist() == [i in (9, 15) for i in range(17)]
    np.testing.assert_array_equal(np.isnan(pose.joints_img_px), np.isnan(pose.joints_cam_m[:, :2]))
    np.testing.assert_allclose(pose.root_cam_m, WHO.joints_cam_m[H36M.root], atol=0.02)


@pytest.mark.parametrize("root_net", [True, False])
def test_person_without_hips_is_localized(root_net: bool) -> None:
    # COCO's joints have no pelvis, and without hips none can be made of them: someone at a table.
    muco = get_skeleton("muco21")
    joints_m = np.nan_to_num(convert(WHO.joints_cam_m, COCO, muco), nan=4.0)
    score = np.where([name.endswith(("Hip", "Knee", "Ankle")) for name in COCO.joints], 0.01, 0.8)
    root_m = joints_m[muco.root]
    root = root_model(root_m[2]) if root_net else None
    pose = pose_of(simcc("coco17", score), root, lifter(joints_m, "muco21", "coco17"))
    np.testing.assert_allclose(pose.root_cam_m, root_m, atol=0.05)
    assert np.isnan(pose.joints_cam_m[muco.root]).all()
    elbow = muco.index_of["L_Elbow"]
    np.testing.assert_allclose(pose.joints_cam_m[elbow], joints_m[elbow], atol=0.05)


def test_joints_that_the_pose_net_does_not_know() -> None:
    muco = get_skeleton("muco21")
    known = convert(WHO.joints_cam_m, COCO, muco)
    joints_m = np.where(np.isnan(known), [0.1, 0.2, 4.0], known)
    pose = pose_of(simcc("coco17"), None, lifter(joints_m, "muco21", "coco17"))
    head = muco.index_of["Head_top"]
    np.testing.assert_allclose(pose.joints_cam_m[head], [0.1, 0.2, 4.0], atol=0.1)
    np.testing.assert_allclose(pose.joints_img_px[head], CAMERA.project(pose.joints_cam_m[head]))
    assert pose.scores[head] == pytest.approx(0.8)


FindIn = Callable[..., Pose]


@pytest.fixture
def found_by(monkeypatch: pytest.MonkeyPatch) -> FindIn:
    """The person that a pipeline of these models, and a detector without detections, finds in a given box."""

    def find(*models: RoleEngine) -> Pose:
        entry = manifest_entry("centre_ltrb", name="detector", roles=("detector",), input_size_px=(640, 480))
        models = (RoleEngine(heat_maps(), entry), *models)
        engines = {model.entry.name: model.engine for model in models}
        monkeypatch.setattr(engine_set, "open_engine", lambda entry, backend, options: engines[entry.name])
        opened = EngineSet(Manifest(Path("."), tuple(m.entry for m in models)), BackendChoice("onnxruntime", "a test"))
        with Pipeline(opened, PipelineConfig(pose=PoseConfig(flip_test=False)), smooth=False) as pipeline:
            pipeline.warm_up(640, 480)
            (found,) = pipeline(FRAME, [DETECTION]).people
            assert len(pipeline.engines.opened) == len(models)
        return found.pose

    return find


def test_pipeline_with_a_lifter(found_by: FindIn) -> None:
    pose = found_by(simcc("h36m17"), lifter(WHO.joints_cam_m, "h36m17", "h36m17"))
    np.testing.assert_allclose(pose.root_cam_m, WHO.joints_cam_m[0], atol=0.02)


def test_pipeline_of_metric_joints_without_a_root_net(found_by: FindIn) -> None:
    other = make_person(17, (256, 256))
    np.testing.assert_allclose(found_by(metrabs_model(other)).joints_cam_m, other.joints_cam_m, atol=1e-3)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ("simcc_2d", "expected a model of the role lifter, or a decoder that gives depths"),
        ("simcc_3d", "expected a model of the role root"),
    ],
)
def test_pipeline_that_can_not_place_people_is_refused(found_by: FindIn, decoder: str, message: str) -> None:
    model = metrabs_model(make_person(17, (256, 256)))
    with pytest.raises(EngineError, match=message):
        found_by(replace(model, entry=attr.evolve(model.entry, decoder=decoder)))


def test_pipeline_with_a_lifter_that_gives_the_root(found_by: FindIn) -> None:
    # It stands where the lifter says, though it looks nearer; neither a solver nor a root net is asked.
    joints_m = WHO.joints_cam_m + [0.5, 0.0, 3.0]
    parameters = {"input_skeleton": "h36m17", "input_features": 2}
    entry = manifest_entry(
        "lifter_absolute",
        name="lifter",
        roles=("lifter",),
        skeleton="h36m17",
        parameters=parameters,
        normalization=None,
    )
    pose = found_by(simcc("h36m17"), constant_model(entry, {"joints": joints_m[None]}, keypoints=("batch", 17, 2)))
    np.testing.assert_allclose(pose.joints_cam_m, joints_m, atol=1e-5)
    assert [reading.solver for reading in pose.readings] == ["learned"]
