"""A second opinion on people whom the landmark net is not sure of, from the package's own pose net.

The two nets were taught by different people, real and rendered ones, in different crops. Where the landmark net sees
little of a person, behind others or at the image's edge, and the other net by itself is sure and sees a body that lies
alike, there is a person, who gets the other net's pose. Where it reads someone else or nothing, in a place where a
person should be, the other net has to be surer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.stages.association import assign, image_similarity, shares_on_limbs
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_similarity import sizes
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator, best_third
from pose3d_ros.stages.proposals import Proposals
from pose3d_ros.types import Array

_ALIKE = 0.1
"""Similarity of the two nets' bodies: readings of no person that the other net is confident of are below."""
MORE_LIKELY = 0.5
"""Probability that a person is in a place, and that the other net is right, where nothing was read that lies alike."""
_SIGMA = 0.1
_SAME_PERSON = 0.3
_PART_SHARE = 0.85
"""Share of a body's joints on the limbs of another one, from which on it is taken for a part of it."""
_SAME_BOX = 0.4
"""IoU of the boxes of a pose and a detection of the same person, at least."""
_MOST_BOXES = 4
_LEAST_HEIGHT_PX = 60.0
"""Of a box that no landmarks confirm: smaller ones are more often things that look like people than people."""
_LEAST_SIDE_PX = 4.0


@dataclass(frozen=True, eq=False)
class Doubts:
    """What a second opinion is wanted on: N readings, then M places where a person should be and none was read.

    boxes_xyxy_px: (N + M, 4), where to look. chances: (M,), the probabilities that people are in the places.
    """

    readings: Landmarks
    boxes_xyxy_px: Array
    chances: Array = field(default_factory=lambda: np.zeros(0))


def unread(boxes: Proposals, lost: Regions, camera: Camera, poses: Sequence[Pose]) -> tuple[Array, Array]:
    """Boxes (M, 4) where a person should be besides those of the poses, and the probabilities (M,) that one is there.

    First of `lost`, people who were seen in the last frame of that camera; then of what a detector is sure of, one box
    being that of each pose.
    """
    edges = np.array([camera.width_px, camera.height_px] * 2) - 0.5
    before: Array = np.clip(lost.bodies_xyxy_px(), -0.5, edges)
    heights_px = boxes.boxes_xyxy_px[:, 3] - boxes.boxes_xyxy_px[:, 1]
    left = (boxes.scores >= MORE_LIKELY) & (heights_px >= _LEAST_HEIGHT_PX)
    known = np.array([pose.detection.box_xyxy_px for pose in poses]).reshape(-1, 4)
    left[[box for _, box in assign(1.0 - iou_matrix(known, boxes.boxes_xyxy_px), 1.0 - _SAME_BOX)]] = False
    at = np.flatnonzero(left)[:_MOST_BOXES]
    return np.concatenate([before, boxes.boxes_xyxy_px[at]]), np.append(np.ones(len(before)), boxes.scores[at])


def next_regions(doubts: Doubts, at: Sequence[int], poses: Sequence[Pose]) -> Regions:
    """Where to look next for who was seen in some of the boxes: where the reading says, or about the hips."""
    read = doubts.readings.next_regions
    regions = Regions.concatenated([read, Regions.from_boxes(doubts.boxes_xyxy_px[len(read) :])]).chosen(at)
    hips_px = np.array([pose.joints_img_px[pose.skeleton.root] for pose in poses]).reshape(-1, 2)
    moved = (np.array(at) >= len(read)) & np.isfinite(hips_px).all(axis=1)
    return replace(regions, centers_px=np.where(moved[:, None], hips_px, regions.centers_px))


def second_opinion(engines: EngineSet, config: PoseConfig) -> SecondOpinion | None:
    """Of the model of the role root, where that is a pose net as well."""
    manifest = engines.manifest
    if not manifest.has_role("root") or manifest.for_role("root").decoder not in POSE_DECODERS:
        return None
    model = engines.for_role("root")
    fits = POSE_DECODERS[model.entry.decoder].gives == "depth" and model.entry.skeleton is not None
    return SecondOpinion(RootPoseEstimator(model, model, config=config)) if fits else None


class SecondOpinion:
    """estimator: of root and pose. Its `config` may be replaced between frames."""

    def __init__(self, estimator: RootPoseEstimator) -> None:
        self.estimator = estimator

    def distances(self, frame: Frame, image: FrameImage, boxes_xyxy_px: Array) -> tuple[Array, Array]:
        """Distances (N,) of the roots of people in boxes (N, 4), metres, and standard deviations of their logarithms.

        NaN where the net sees no person. Raises EngineError.
        """
        distances_m, sigmas = np.full(len(boxes_xyxy_px), np.nan), np.full(len(boxes_xyxy_px), np.nan)
        looked = np.flatnonzero((boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2] >= _LEAST_SIDE_PX).all(axis=1))
        if len(looked):
            detections = tuple(Detection(boxes_xyxy_px[i], 1.0) for i in looked)
            of_detection = {id(detection): int(i) for i, detection in zip(looked, detections, strict=True)}
            known = np.ones(len(looked), dtype=np.bool_)
            people = self.estimator.estimate_keypoints(frame, detections, image, known)
            for pose in self.estimator.localize(frame, people):
                at = of_detection[id(pose.detection)]
                distances_m[at] = np.linalg.norm(pose.root_cam_m)
                sigmas[at] = pose.root_sigma_m / distances_m[at]
        return distances_m, sigmas

    def __call__(self, frame: Frame, image: FrameImage, doubts: Doubts) -> list[Pose | None]:
        """The other net's pose, in `body40`, in each box where it sees a person. Raises EngineError."""
        boxes_xyxy_px, readings = doubts.boxes_xyxy_px, doubts.readings
        poses: list[Pose | None] = [None] * len(boxes_xyxy_px)
        looked = np.flatnonzero((boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2] >= _LEAST_SIDE_PX).all(axis=1))
        if not len(looked):
            return poses
        detections = tuple(Detection(boxes_xyxy_px[i], 0.0) for i in looked)
        new = np.zeros(len(detections), dtype=np.bool_)
        people = self.estimator.estimate_keypoints(frame, detections, image, new)
        best = best_third(people.scores)
        read = looked[looked < len(readings)]
        alike = _similarity(people.joints_img_px[: len(read)], people.skeleton.index_of, readings.chosen(read))
        best[len(read) :] *= doubts.chances[looked[len(read) :] - len(readings)]
        confirmed = np.append(alike >= _ALIKE, best[len(read) :] >= MORE_LIKELY)
        sure = tuple(replace(d, score=float(score)) for d, score in zip(detections, best, strict=True))
        people = replace(people, detections=sure, is_person=people.is_person & confirmed)
        of_detection = {id(detection): int(i) for i, detection in zip(looked, sure, strict=True)}
        for pose in self.estimator.localize(frame, people):
            poses[of_detection[id(pose.detection)]] = pose.converted(BODY)
        return poses


def without_doubles(poses: Sequence[Pose], others: Sequence[Pose | None]) -> list[int]:
    """Indices of the others that are, in the image, no doubles and no parts of the poses or of a surer one of them."""
    given = [(i, pose) for i, pose in enumerate(others) if pose is not None]
    given.sort(key=lambda item: -item[1].detection.score)
    if not given:
        return []
    people = [*poses, *(pose for _, pose in given)]
    alike = (image_similarity(people) > _SAME_PERSON) | (shares_on_limbs(people) > _PART_SHARE)
    kept = list(range(len(poses)))
    for row in range(len(poses), len(poses) + len(given)):
        if not alike[row, kept].any():
            kept.append(row)
    return [given[row - len(poses)][0] for row in kept[len(poses) :]]


def _similarity(joints_img_px: Array, index_of: dict[str, int], people: Landmarks) -> Array:
    """(N,) in 0–1, over the joints that both nets know, weighted by how visible they are."""
    shared = [name for name in LANDMARKS.joints if name in index_of]
    mine, other = [LANDMARKS.index_of[n] for n in shared], [index_of[n] for n in shared]
    squared = ((people.points_img_px[:, mine] - joints_img_px[:, other]) ** 2).sum(axis=-1)
    closeness = np.nan_to_num(np.exp(-squared / (2 * (_SIGMA * sizes(people))[:, None] ** 2)))
    weights = people.visibility[:, mine] + np.finfo(np.float64).tiny
    alike: Array = (closeness * weights).sum(axis=1) / weights.sum(axis=1)
    return alike
