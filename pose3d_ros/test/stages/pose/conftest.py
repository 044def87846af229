"""A person in space, and the answers that networks of each kind would give of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import ManifestEntry, RoleEngine
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import apply_affine, aspect_box, img2crop_affine
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Tensors, manifest_entry

BOX = np.array([300.0, 120.0, 480.0, 420.0])
CAMERA = Camera(
    np.array([[600.0, 0, 330], [0, 610, 235], [0, 0, 1]]), 640, 480, np.array([-0.1, 0.02, 0.001, -0.001]), "plumb_bob"
)
FRAME = Frame(np.zeros((480, 640, 3), dtype=np.uint8), CAMERA, 0)
DETECTION = Detection(BOX, 0.9)


@dataclass(frozen=True)
class Person:
    """A person ahead and to the right. joints_cam_m (J, 3); crop_px (J, 2), where they are in the net's crop."""

    joints_cam_m: Array
    crop_px: Array
    img2crop: Array
    box: Array

    @property
    def ray2camera(self) -> Array:
        """Rotation from axes along the ray through the crop's center to the camera's, by OpenCV."""
        ray = CAMERA.rays((self.box[:2] + self.box[2:]) / 2)
        ray /= np.linalg.norm(ray)
        axis = np.cross([0.0, 0.0, 1.0], ray)
        angle = np.arctan2(np.linalg.norm(axis), ray[2])
        return np.asarray(cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)[0], dtype=np.float64)

    @property
    def metrabs(self) -> dict[str, Array]:
        """Millimetres about an arbitrary origin, in axes along the crop's ray; the root comes last, as in MeTRAbs."""
        order = [*range(1, len(self.joints_cam_m)), 0]
        relative_m = self.joints_cam_m[order] @ self.ray2camera + np.random.default_rng(1).normal(size=3)
        return {"coords2d": self.crop_px[None, order], "coords3d": 1000 * relative_m[None]}


def make_person(joints: int, size_px: tuple[int, int], *, half_pixel_centers: bool = True) -> Person:
    """Random joints whose pixels lie well inside the box."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(BOX[:2] + 25, BOX[2:] - 25, (joints, 2))
    joints_cam_m = CAMERA.backproject(pixels, 4.0 + rng.uniform(-0.4, 0.4, joints))
    box = aspect_box(BOX, 640, 480, size_px[0] / size_px[1])
    img2crop = img2crop_affine(box, size_px, half_pixel_centers=half_pixel_centers)
    return Person(joints_cam_m, apply_affine(img2crop, pixels), img2crop, box)


def constant_model(
    entry: ManifestEntry, answers: Tensors, dtype: str = "float32", **inputs: tuple[int | str, ...]
) -> RoleEngine:
    """A model that always gives these answers, as float32."""
    outputs = {name: np.asarray(array, dtype=np.float32) for name, array in answers.items()}
    shapes = {name: array.shape for name, array in outputs.items()}
    return RoleEngine(AnsweringEngine(lambda feeds: outputs, inputs, shapes, dict.fromkeys(inputs, dtype)), entry)


def pose_entry(decoder: str, width: int, height: int, skeleton: str, **parameters: Any) -> ManifestEntry:
    size_px = (width, height)
    return manifest_entry(decoder, roles=("pose",), input_size_px=size_px, skeleton=skeleton, parameters=parameters)


def metrabs_model(who: Person, **parameters: Any) -> RoleEngine:
    """A MeTRAbs net of 17 joints that sees this person."""
    joints = {"joints": [16.0, *map(float, range(16))]}
    entry = pose_entry("metrabs", 256, 256, "h36m17", **{**joints, **parameters})
    return constant_model(entry, who.metrabs, image=(1, 3, 256, 256))


def root_model(depth_m: float) -> RoleEngine:
    """A RootNet that gives that depth."""
    entry = manifest_entry("3dmppe_rootnet", name="root", roles=("root",), input_size_px=(64, 64))
    answers = {"root": np.array([[32.0, 32.0, 1000 * depth_m]])}
    return constant_model(entry, answers, image=(1, 3, 64, 64), k=("batch",))


def pose_of(model: RoleEngine, root: RoleEngine | None = None, lifter: RoleEngine | None = None) -> Pose:
    """The person that these models see."""
    estimator = RootPoseEstimator(model, root, lifted=lifter is not None, config=PoseConfig(flip_test=False))
    people = estimator.estimate_keypoints(FRAME, [DETECTION])
    if lifter is not None:
        people = Lifter(lifter, estimator.skeleton)(FRAME, people)
    (found,) = estimator.localize(FRAME, people)
    return found


def one_hot(values: Array, length: int, scores: npt.ArrayLike = 0.8) -> npt.NDArray[np.float32]:
    """Rows (1, J, length) that are greatest, by these scores, at the nearest bins."""
    rows = np.zeros((1, len(values), length), dtype=np.float32)
    rows[0, np.arange(len(values)), np.rint(values).astype(int)] = scores
    return rows
