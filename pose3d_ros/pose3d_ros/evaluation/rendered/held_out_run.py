"""Running the models on the single images of a held-out set, and matching what was found with the ground truth."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics.box_precision import ScoredBox, match_boxes
from pose3d_ros.evaluation.metrics.matching import detected, match_people
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import STILL, Detection, Frame, Person

MIN_HEIGHT_PX = 40.0
MIN_VISIBLE = 0.5
MIN_VISIBLE_SHOWN = 0.3
"""From this visible share on a person has a group of its own."""
NEAREST_M, FARTHEST_M = 1.0, 10.0


@dataclass(frozen=True, eq=False)
class GroundTruthPerson:
    """The ground truth of a person in an image.

    person: its pose in the engines' skeleton, box cut at the image's edges. visible: share of the whole silhouette
    that the image shows. truncated: share of the whole box that is beyond the image. stature_m: height standing
    straight. is_child, is_upright: see `held_out_summary.DEFINITIONS`. hidden_joints (J,): those that a thing before
    the person hides, in the group `round_occluder`, in images without the thing too.
    """

    person: Person
    visible: float
    truncated: float
    stature_m: float
    is_child: bool
    is_upright: bool
    hidden_joints: npt.NDArray[np.bool_] | None = None

    @property
    def distance_m(self) -> float:
        """From the camera to the root."""
        return float(np.linalg.norm(self.person.pose.root_cam_m))

    @property
    def is_near_and_large_enough(self) -> bool:
        """Whether the person is at least 40 px tall and 1 to 10 m away, however hidden."""
        _, y0, _, y1 = self.person.pose.detection.box_xyxy_px
        return bool(y1 - y0 >= MIN_HEIGHT_PX) and NEAREST_M <= self.distance_m < FARTHEST_M

    @property
    def counts(self) -> bool:
        """Whether the person must be found: also at least half visible."""
        return self.is_near_and_large_enough and self.visible >= MIN_VISIBLE


@dataclass(frozen=True, eq=False)
class HeldOutScene:
    """One image and all people in it, hidden ones too."""

    frame: Frame
    people: tuple[GroundTruthPerson, ...]


@dataclass(frozen=True, eq=False)
class ScoredPerson:
    """A ground-truth person and who was matched to it. found: with joints of low confidence too; None if unmatched.

    scene: number of the image. has_box: whether the detector found the person, by one of its boxes.
    """

    scene: int
    ground_truth: GroundTruthPerson
    found: Person | None
    has_box: bool


@dataclass(frozen=True, eq=False)
class ScoredScene:
    """One image, scored. boxes: the detector's, empty where it was not used. false_positives: unmatched.

    image_crc: CRC-32 of the image.
    """

    people: tuple[ScoredPerson, ...]
    boxes: tuple[ScoredBox, ...]
    false_positives: tuple[Person, ...]
    image_crc: int = 0


@dataclass(frozen=True)
class HeldOutRun:
    """How the images are scored. model, backend: their names.

    joint_score_threshold: joints below are not published. oracle_boxes: ground-truth boxes instead of the detector's.
    """

    joint_score_threshold: float
    oracle_boxes: bool = False
    model: str = ""
    backend: str = ""

    def confident(self, person: Person) -> Person:
        """The person as it would be published: joints below the threshold are NaN."""
        pose = person.pose
        low = (pose.scores < self.joint_score_threshold)[:, None]
        joints_cam_m, joints_img_px = (np.where(low, np.nan, j) for j in (pose.joints_cam_m, pose.joints_img_px))
        return replace(person, pose=replace(pose, joints_cam_m=joints_cam_m, joints_img_px=joints_img_px))


def run_held_out(
    scenes: Sequence[HeldOutScene],
    pipeline: Pipeline,
    run: HeldOutRun,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ScoredScene, ...]:
    """Run the pipeline on every image by itself.

    pipeline: without a smoother, its joint score threshold 0, so that every joint comes out. progress: called with
    (done, all) after each image.
    """
    scored = []
    for number in range(len(scenes)):
        scene = scenes[number]
        frame = replace(scene.frame, stamp_ns=STILL)  # the next image's people are other people
        result = pipeline(frame, ground_truth_boxes(scene) if run.oracle_boxes else None)
        boxes = () if run.oracle_boxes else result.detections
        scored.append(score_scene(number, scene, detected(result.people), boxes, run))
        if progress is not None:
            progress(number + 1, len(scenes))
    return tuple(scored)


def score_scene(
    number: int, scene: HeldOutScene, found: Sequence[Person], detections: Sequence[Detection], run: HeldOutRun
) -> ScoredScene:
    """Match people and boxes of one image with the ground truth.

    People are matched by their joints as published (`match_people`) with every person who is visible at all.
    """
    visible = [i for i, t in enumerate(scene.people) if t.visible > 0]
    matches = match_people([run.confident(p).pose for p in found], [scene.people[i].person.pose for i in visible])
    of_ground_truth = {visible[j]: found[i] for i, j in matches}
    matched = {i for i, _ in matches}
    gt_boxes = np.array([t.person.pose.detection.box_xyxy_px for t in scene.people]).reshape(-1, 4)
    boxes, with_box = match_boxes(detections, gt_boxes, np.array([t.counts for t in scene.people], dtype=bool))
    return ScoredScene(
        tuple(ScoredPerson(number, t, of_ground_truth.get(i), i in with_box) for i, t in enumerate(scene.people)),
        boxes,
        tuple(p for i, p in enumerate(found) if i not in matched),
        zlib.crc32(scene.frame.image_bgr.tobytes()),
    )


def ground_truth_boxes(scene: HeldOutScene) -> tuple[Detection, ...]:
    """The boxes, score 1, of those who count or have a group of their own."""
    return tuple(
        Detection(t.person.pose.detection.box_xyxy_px, 1.0)
        for t in scene.people
        if t.is_near_and_large_enough and t.visible >= MIN_VISIBLE_SHOWN
    )
