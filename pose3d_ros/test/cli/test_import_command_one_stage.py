"""A net of boxes and joints in one run, from an exported file to a person in metres; and as a detector alone."""

from __future__ import annotations

from pathlib import Path

import attr
import numpy as np
import pytest

from pose3d_ros.cli.checks import State
from pose3d_ros.cli.doctor import engine_checks
from pose3d_ros.engines import load_manifest
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import open_pipeline
from pose3d_ros.records import STILL, Detection, Frame, FrameResult
from pose3d_ros.skeletons import get_skeleton

from .conftest import Pose3d, save_model

CAMERA = Camera.from_hfov(60.0, 640, 480)
BOX = np.array([240.0, 80.0, 400.0, 420.0])
COCO_PX = [
    [320, 103], [324, 98], [316, 98], [330, 101], [310, 101], [345, 137], [295, 137], [358, 175], [282, 175],
    [362, 208], [278, 208], [334, 207], [306, 207], [335, 265], [305, 265], [336, 324], [304, 324],
]  # fmt: skip
"""A person who stands 4 m away."""


def keypoint_rcnn(path: Path) -> Path:
    """As torchvision exports it: an image without a batch axis, names as its tests give them."""
    keypoints = np.concatenate([np.array(COCO_PX) + 0.5, np.ones((17, 1))], axis=1)[None]
    return save_model(
        path,
        """(float[3, height, width] images) => (float[people, 4] boxes, int64[people] labels, float[people] scores,
        float[people, 17, 3] keypoints, float[people, 17] keypoints_scores) {
            sum = ReduceSum <keepdims = 0> (images)
            zero = Mul (sum, nothing)
            boxes = Add (zero, box)
            labels = Identity (person)
            scores = Add (zero, sure)
            keypoints = Add (zero, joints)
            keypoints_scores = Add (zero, logits)
        }""",
        nothing=0.0,
        box=BOX[None] + 0.5,
        person=np.array([1]),
        sure=np.array([0.97]),
        joints=keypoints,
        logits=np.full((1, 17), 6.0),
    )


@pytest.fixture
def folder(tmp_path: Path, pose3d: Pose3d) -> Path:
    """With the net as detector and pose model among the default ones."""
    file, folder = keypoint_rcnn(tmp_path / "keypointrcnn.onnx"), tmp_path / "engines"
    printed = pose3d("import", "keypointrcnn", file, "--output", folder, "--license", "BSD-3-Clause", "--with-default")
    assert "the detector, pose of" in printed
    assert "missing" not in printed
    return folder


def result(folder: Path, given: list[Detection] | None = None) -> FrameResult:
    with open_pipeline(str(folder), backend="onnxruntime", smooth=False) as pipeline:
        return pipeline(Frame(np.zeros((480, 640, 3), np.uint8), CAMERA, STILL), given)


def test_one_run_gives_boxes_and_joints_and_the_lifter_metres(folder: Path) -> None:
    found = result(folder)
    (person,) = found.people
    np.testing.assert_allclose(found.detections[0].box_xyxy_px, BOX, atol=1e-4)
    names = get_skeleton("coco17").joints
    assert person.pose.skeleton.name == "muco21"
    for name in ("L_Wrist", "R_Knee", "L_Shoulder"):
        at = person.pose.joints_img_px[person.pose.skeleton.index_of[name]]
        np.testing.assert_allclose(at, COCO_PX[names.index(name)], atol=1e-3)
    assert person.pose.root_cam_m == pytest.approx([0.0, -0.25, 4.0], abs=0.6)


def test_given_boxes_and_another_detector(folder: Path) -> None:
    aside = Detection(np.array([10.0, 10, 90, 200]), 0.9)
    (person,) = result(folder, [aside, Detection(BOX + 3, 0.8)]).people
    np.testing.assert_allclose(person.pose.detection.box_xyxy_px, BOX + 3)
    assert result(folder, []).people == ()
    # With another model as the detector its boxes count: the default one finds nobody in a black image.
    net, *others = sorted(load_manifest(folder).entries, key=lambda entry: "pose" not in entry.roles)
    default = load_manifest(Path(__file__).parents[2] / "engines" / "default").for_role("detector")
    copy = attr.evolve(default, file=folder / "default_detector.onnx")
    copy.file.write_bytes(default.file.read_bytes())
    pose_only = attr.evolve(net, roles=("pose",), input_size_px=(640, 480))
    write_manifest(folder, [pose_only, copy, *others])
    assert result(folder).people == ()


def test_doctor_finds_nothing_wrong(folder: Path) -> None:
    assert State.FAIL not in {check.state for check in engine_checks(str(folder))}


def test_its_boxes_alone_serve_as_a_detector(tmp_path: Path, pose3d: Pose3d) -> None:
    file, folder = keypoint_rcnn(tmp_path / "net.onnx"), tmp_path / "engines"
    pose3d("import", "torchvision", file, "--output", folder, "--license", "BSD-3-Clause", "--with-default")
    np.testing.assert_allclose(result(folder).detections[0].box_xyxy_px, BOX, atol=1e-4)


def test_unknown_parameter_names_those_of_both_roles(tmp_path: Path, pose3d: Pose3d) -> None:
    file = keypoint_rcnn(tmp_path / "net.onnx")
    more = ["--output", tmp_path / "engines", "--license", "x", "--parameter", "boxscale=1"]
    printed = pose3d("import", "keypointrcnn", file, *more, code=2)
    assert "person_class" in printed
    assert "box_scale" in printed
