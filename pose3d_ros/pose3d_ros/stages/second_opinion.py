"""A second opinion on people whom the landmark net is not sure of, from the package's own pose net.

The two nets were taught by different people, real and rendered ones, in different crops. Where the landmark net sees
little of a person, behind others or at the image's edge, and the other net by itself is sure and sees a body that lies
alike, there is a person, who gets the other net's pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.stages.association import image_similarity
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_similarity import sizes
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import Array

_ALIKE = 0.1
"""Similarity of the two nets' bodies: readings of no person that the other net is confident of are below."""
_SIGMA = 0.1
_SAME_PERSON = 0.3
_LEAST_SIDE_PX = 4.0


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

    def __call__(self, frame: Frame, image: FrameImage, doubtful: Landmarks, boxes_xyxy_px: Array) -> list[Pose | None]:
        """The other net's pose, in `body40`, of each doubtful reading that it confirms.

        boxes_xyxy_px: (N, 4), where it looks. Raises EngineError.
        """
        poses: list[Pose | None] = [None] * len(doubtful)
        looked = np.flatnonzero((boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2] >= _LEAST_SIDE_PX).all(axis=1))
        if not len(looked):
            return poses
        detections = tuple(Detection(boxes_xyxy_px[i], 0.0) for i in looked)
        people = self.estimator.estimate_keypoints(frame, detections, image)
        best = np.sort(people.scores, axis=1)[:, -max(people.scores.shape[1] // 3, 1) :].mean(axis=1)
        alike = _similarity(people.joints_img_px, people.skeleton.index_of, doubtful.chosen(looked))
        sure = tuple(replace(d, score=float(score)) for d, score in zip(detections, best, strict=True))
        people = replace(people, detections=sure, is_person=people.is_person & (alike >= _ALIKE))
        of_detection = {id(detection): int(i) for i, detection in zip(looked, sure, strict=True)}
        for pose in self.estimator.localize(frame, people):
            poses[of_detection[id(pose.detection)]] = pose.converted(BODY)
        return poses


def without_doubles(poses: Sequence[Pose], others: Sequence[Pose | None]) -> list[int]:
    """Indices of the others that coincide in the image neither with the poses nor with a surer one of them."""
    given = [(i, pose) for i, pose in enumerate(others) if pose is not None]
    given.sort(key=lambda item: -item[1].detection.score)
    if not given:
        return []
    alike = image_similarity([*poses, *(pose for _, pose in given)]) > _SAME_PERSON
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
