"""The engines on single pictures with known truth: who was found in each, and where the detector's boxes belong."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.evaluation.metrics.box_precision import JudgedBox, judge_boxes
from pose3d_ros.evaluation.metrics.matching import match_people
from pose3d_ros.evaluation.recording.scoring import detected
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, Person, Pose

MIN_HEIGHT_PX = 40.0
MIN_VISIBLE = 0.5
MIN_VISIBLE_SHOWN = 0.3
"""From this visible share on a person has a group of its own; below it nobody is asked for."""
NEAREST_M, FARTHEST_M = 1.0, 10.0


@dataclass(frozen=True, eq=False)
class TruePerson:
    """The truth about a person in a picture.

    person: its pose in the engines' skeleton, box cut at the image's edges. visible: share of the whole silhouette
    that the picture shows. truncated: share of the whole box that is beyond the image. stature_m: height standing
    straight. is_child, is_upright: see `held_out_summary.DEFINITIONS`.
    """

    person: Person
    visible: float
    truncated: float
    stature_m: float
    is_child: bool
    is_upright: bool

    @property
    def distance_m(self) -> float:
        """From the camera to the root."""
        return float(np.linalg.norm(self.person.pose.root_cam_m))

    @property
    def is_near_and_large_enough(self) -> bool:
        """At least 40 px tall and 1 to 10 m away: one of whom all but the visible share is as it must be."""
        _, y0, _, y1 = self.person.pose.detection.box_xyxy_px
        return bool(y1 - y0 >= MIN_HEIGHT_PX) and NEAREST_M <= self.distance_m < FARTHEST_M

    @property
    def counts(self) -> bool:
        """Whether the person must be found: also at least half visible."""
        return self.is_near_and_large_enough and self.visible >= MIN_VISIBLE


@dataclass(frozen=True, eq=False)
class HeldOutScene:
    """One picture and everybody in it, hidden people too."""

    frame: Frame
    people: tuple[TruePerson, ...]


@dataclass(frozen=True, eq=False)
class JudgedPerson:
    """A true person and what was found. found: the pose with all its joints, sure or not; None for nobody.

    boxed: whether one of the detector's boxes is the person's.
    """

    scene: int
    truth: TruePerson
    found: Person | None
    boxed: bool


@dataclass(frozen=True, eq=False)
class JudgedScene:
    """One picture, scored. boxes: the detector's, empty where it was not asked. strays: found, and nobody is there.

    picture_crc: CRC-32 of the image.
    """

    people: tuple[JudgedPerson, ...]
    boxes: tuple[JudgedBox, ...]
    strays: tuple[Person, ...]
    picture_crc: int = 0


@dataclass(frozen=True)
class HeldOutRun:
    """How the pictures are scored. joint_score_threshold: from where on a joint would be published. oracle_boxes: the
    true boxes instead of the detector's. model, backend: their names.
    """

    joint_score_threshold: float
    oracle_boxes: bool = False
    model: str = ""
    backend: str = ""

    def sure(self, person: Person) -> Person:
        """The person as it would be published: joints below the threshold are NaN."""
        pose = person.pose
        unsure = (pose.scores < self.joint_score_threshold)[:, None]
        joints_cam_m = np.where(unsure, np.nan, pose.joints_cam_m)
        return replace(
            person,
            pose=replace(pose, joints_cam_m=joints_cam_m, joints_img_px=np.where(unsure, np.nan, pose.joints_img_px)),
        )


def run_held_out(
    scenes: Sequence[HeldOutScene],
    pipeline: Pipeline,
    run: HeldOutRun,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[JudgedScene, ...]:
    """Run the pipeline on every picture by itself.

    pipeline: without a smoother, its joint score threshold 0, so that every joint comes out. progress: called with
    (done, all) after each picture.
    """
    judged = []
    for number in range(len(scenes)):
        judged.append(_judge_scene(number, scenes[number], pipeline, run))
        if progress is not None:
            progress(number + 1, len(scenes))
    return tuple(judged)


def _judge_scene(number: int, scene: HeldOutScene, pipeline: Pipeline, run: HeldOutRun) -> JudgedScene:
    pipeline.reset()  # the next picture's people are other people
    given = true_boxes(scene) if run.oracle_boxes else None
    result = pipeline(scene.frame, given)
    return judge(number, scene, detected(result.people), () if run.oracle_boxes else result.detections, run)


def judge(
    number: int, scene: HeldOutScene, found: Sequence[Person], detections: Sequence[Detection], run: HeldOutRun
) -> JudgedScene:
    """Pair people and boxes of one picture with the truth.

    People are paired by their joints as published (`match_people`) with everybody who is visible at all.
    """
    seen = [i for i, t in enumerate(scene.people) if t.visible > 0]
    poses: list[Pose] = [run.sure(p).pose for p in found]
    matches = match_people(poses, [scene.people[i].person.pose for i in seen])
    of_truth = {seen[m.truth]: found[m.predicted] for m in matches}
    taken = {m.predicted for m in matches}
    boxes = np.array([t.person.pose.detection.box_xyxy_px for t in scene.people]).reshape(-1, 4)
    judged, boxed = judge_boxes(detections, boxes, np.array([t.counts for t in scene.people], dtype=bool))
    return JudgedScene(
        tuple(JudgedPerson(number, t, of_truth.get(i), i in boxed) for i, t in enumerate(scene.people)),
        judged,
        tuple(p for i, p in enumerate(found) if i not in taken),
        zlib.crc32(scene.frame.image_bgr.tobytes()),
    )


def true_boxes(scene: HeldOutScene) -> tuple[Detection, ...]:
    """The boxes, score 1, of those who count or have a group of their own."""
    return tuple(
        Detection(t.person.pose.detection.box_xyxy_px, 1.0)
        for t in scene.people
        if t.is_near_and_large_enough and t.visible >= MIN_VISIBLE_SHOWN
    )
