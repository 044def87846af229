"""Small linear lifters of each kind, their offline runs in NumPy, and people who are seen by a camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines import ManifestEntry, RoleEngine
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import SKELETONS, Skeleton
from pose3d_ros.stages.keypoints import Keypoints
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
CAMERA = Camera.from_hfov(70.0, 640, 480)
IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)
BOXES = np.array([[50.0, 50.0, 200.0, 400.0], [350.0, 50.0, 500.0, 400.0]])
STEP_NS = 40_000_000
FIELD, HIDDEN = 5, 8
FIRST = np.random.default_rng(2).normal(0, 0.3, (3 * 34, HIDDEN)).astype(np.float32)
SECOND = np.random.default_rng(3).normal(0, 0.3, (3 * HIDDEN, 51)).astype(np.float32)
"""Two layers that read three frames each: five frames in all."""


def seen(
    joints_img_px: Array, scores: Array, boxes: Array = BOXES, stamp_ns: int = 0, skeleton: Skeleton = COCO
) -> tuple[Frame, Keypoints]:
    """What a lifter is called with for people (N, J, 2) with scores (N, J)."""
    people = len(joints_img_px)
    keypoints = Keypoints(
        skeleton,
        [Detection(box, 1.0) for box in boxes[:people]],
        joints_img_px,
        scores,
        np.ones(scores.shape, dtype=bool),
        np.ones(people, dtype=bool),
        np.full(scores.shape, np.nan),
    )
    return Frame(IMAGE, CAMERA, stamp_ns), keypoints


def from_root(joints: npt.NDArray[np.floating]) -> Array:
    """Joints (..., 17, 3) from the root joint."""
    return np.asarray(joints - joints[..., H36M.root : H36M.root + 1, :], dtype=np.float64)


def relative_m(people: Keypoints) -> Array:
    """A lifter's joints."""
    assert people.relative_m is not None
    return people.relative_m


@dataclass(frozen=True, eq=False)
class Clip:
    """joints_img_px (T, P, 17, 2) of P people, each in a box that stays."""

    joints_img_px: Array

    @property
    def scores(self) -> Array:
        return np.array([np.linspace(0.5, 0.9, 17)] * self.joints_img_px.shape[1], dtype=np.float64)

    @property
    def normalized(self) -> Array:
        return CAMERA.rays(self.joints_img_px)[..., :2]

    def frame(self, t: int, stamp_ns: int) -> tuple[Frame, Keypoints]:
        """Frame t at another time."""
        return seen(self.joints_img_px[t], self.scores, stamp_ns=stamp_ns)

    def lifted(self, lifter: Lifter, order: Callable[[int], list[int]] = lambda t: [0, 1]) -> Array:
        """(T, P, J, 3); order: the people's order in frame t's detections."""
        frames = []
        for t, joints in enumerate(self.joints_img_px):
            at = order(t)
            people = seen(joints[at], self.scores[at], BOXES[at], t * STEP_NS)
            frames.append(relative_m(lifter(*people))[np.argsort(at)])
        return np.array(frames)


def make_clip(frames: int) -> Clip:
    """Two people whose joints wander."""
    rng = np.random.default_rng(5)
    start = rng.uniform(BOXES[:, None, :2] + 20, BOXES[:, None, 2:] - 20, (2, 17, 2))
    return Clip(start + np.cumsum(rng.normal(0, 2, (frames, 2, 17, 2)), axis=0))


def layer(frames: npt.NDArray[Any], weights: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Each three frames of (T, N, F) weighted, the newest of them last: (T − 2, N, F')."""
    windows = [np.moveaxis(frames[t : t + 3], 0, -1).reshape(frames.shape[1], -1) for t in range(len(frames) - 2)]
    return np.array(windows) @ weights


def network(features: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Both layers over each person's frames (T, N, 17, 2): (T − 4, N, 17, 3)."""
    frames, people = features.shape[:2]
    return layer(layer(features.reshape(frames, people, -1), FIRST), SECOND).reshape(-1, people, 17, 3)


def window_answer(feeds: Tensors) -> Tensors:
    """`videopose3d`: reads all frames at once."""
    return {"joints": np.moveaxis(network(np.moveaxis(feeds["keypoints"], 1, 0)), 0, 1)}


def step_answer(feeds: Tensors) -> Tensors:
    """`videopose3d_step`: each layer reads its state and the newest column."""
    first = np.concatenate([feeds["state_0"], feeds["x"][..., None]], axis=2)
    hidden = first.reshape(len(first), -1) @ FIRST
    second = np.concatenate([feeds["state_1"], hidden[..., None]], axis=2)
    y = second.reshape(len(second), -1) @ SECOND
    return {"y": y, "next_state_0": first[..., 1:], "next_state_1": second[..., 1:]}


def lifter_entry(decoder: str, field: int = FIELD, **parameters: Any) -> ManifestEntry:
    """The entry of a lifter from COCO's joints to Human3.6M's; a parameter of None is left out."""
    given = {"input_skeleton": "coco17", "input_features": 2, "receptive_field": field, **parameters}
    known = {name: value for name, value in given.items() if value is not None}
    return manifest_entry(decoder, roles=("lifter",), skeleton="h36m17", normalization=None, parameters=known)


def frame_engine(answer: Callable[[Tensors], Tensors], features: int = 2, joints: int = 17) -> AnsweringEngine:
    """A lifter of one frame, with that many features of each joint."""
    return AnsweringEngine(answer, {"keypoints": ("batch", joints, features)}, {"joints": ("batch", 17, 3)})


def linear_engine(weights: Array) -> AnsweringEngine:
    """`lifter_frame`: keypoints (N, 17, F) flattened, times weights (17·F, 17·3)."""

    def answer(feeds: Tensors) -> Tensors:
        people = len(feeds["keypoints"])
        return {"joints": (feeds["keypoints"].reshape(people, -1) @ weights).reshape(people, 17, 3)}

    return frame_engine(answer, len(weights) // 17)


def over_time(decoder: str) -> RoleEngine:
    """The linear lifter of a decoder that reads five frames."""
    if decoder == "videopose3d":
        window: Shapes = {"keypoints": ("n", "frames", 17, 2)}
        engine = AnsweringEngine(window_answer, window, {"joints": ("n", "frames-4", 17, 3)})
        return RoleEngine(engine, lifter_entry(decoder))
    states: Shapes = {"state_0": ("n", 34, 2), "state_1": ("n", HIDDEN, 2)}
    outputs: Shapes = {"y": ("n", 51), **{f"next_{name}": shape for name, shape in states.items()}}
    return RoleEngine(AnsweringEngine(step_answer, {"x": ("n", 34), **states}, outputs), lifter_entry(decoder))
