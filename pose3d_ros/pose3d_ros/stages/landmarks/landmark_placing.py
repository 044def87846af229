"""Selected readings of the landmark net become poses in the camera's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.geometry.root_search import SIMILARITY_SOLVERS
from pose3d_ros.records import Detection, Frame, Pose, RootReading
from pose3d_ros.stages.appearance import clothes_lab
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS, body_joints_m, landmark_body
from pose3d_ros.stages.landmarks.landmark_calibration import LandmarkCalibration
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.learned_distance import LearnedDistances
from pose3d_ros.types import Array

_SURFACE = [BODY.index_of[name] for name in LANDMARKS.joints]
_MARGINS = np.array([0.05, 0.035, 0.05, 0.015])
"""Left, above, right and below the joints, as fractions of the longer side of their box: flesh, hair and clothes."""
_SIGMA = 0.08
"""Standard deviation of ln of the root's distance, from people's unknown size and the joints' errors, where no
calibration says more."""
_NEAR_M = 0.2
"""What the root errs by besides, at any distance: landmarks are shapes as seen from far away, without the perspective
of people who are near."""


@dataclass(frozen=True, eq=False)
class PlacedPeople:
    """root_cam_m (N, 3) and joints_cam_m (N, 40, 3), metres, camera frame, NaN where unknown; joints_img_px (N, 40, 2).

    scores (N, 40), 0–1. sigmas (N,): standard deviations of ln of the roots' distances. boxes_xyxy_px (N, 4), of the
    whole person as far as the image shows it. solver: which of SIMILARITY_SOLVERS gave the roots.
    """

    root_cam_m: Array
    joints_cam_m: Array
    joints_img_px: Array
    scores: Array
    sigmas: Array
    boxes_xyxy_px: Array
    solver: str = "similarity"

    @property
    def distances_m(self) -> Array:
        """(N,), of the roots from the camera."""
        return np.asarray(np.linalg.norm(self.root_cam_m, axis=-1))

    def readings(self, learned: LearnedDistances) -> list[tuple[RootReading, ...]]:
        """Of each person: in closed form, and what the other net has learned, where it was asked."""
        sigmas = np.hypot(self.sigmas, _NEAR_M / self.distances_m)
        closed = [
            RootReading(self.solver, float(distance_m), float(sigma), by_size=True)
            for distance_m, sigma in zip(self.distances_m, sigmas, strict=True)
        ]
        others = learned.readings(self.distances_m)
        return [(own,) if other is None else (own, other) for own, other in zip(closed, others, strict=True)]


def place(
    frame: Frame,
    people: Landmarks,
    lifted_m: Array | None,
    calibration: LandmarkCalibration | None = None,
    solver: str = "similarity",
) -> PlacedPeople:
    """Place the bodies where their landmarks are seen; the root in closed form.

    lifted_m: see `body_joints_m`. calibration: of the lifter's joints. solver: one of SIMILARITY_SOLVERS.
    """
    camera = frame.camera
    rays = camera.rays(people.points_img_px)[..., :2]
    solved = SIMILARITY_SOLVERS[solver](people.relative_m, rays, people.visibility)
    hips_m = people.relative_m[:, [LANDMARKS.index_of["L_Hip"], LANDMARKS.index_of["R_Hip"]]].mean(axis=1)
    root_cam_m = solved.root_cam_m + hips_m
    joints_cam_m = root_cam_m[:, None] + body_joints_m(people.relative_m, lifted_m)
    joints_img_px = camera.project(joints_cam_m)
    joints_img_px[:, _SURFACE] = people.points_img_px
    if calibration is None or lifted_m is None:
        scores = landmark_body(((people.visibility + people.certainty) / 2)[..., None])[..., 0].clip(0.0, 1.0)
        sigmas: Array = np.full(len(people), _SIGMA)
    else:
        scores = calibration.scores(people, lifted_m)
        sigmas = calibration.root_sigmas(people, lifted_m, camera.width_px, camera.height_px)
    boxes = whole_boxes(frame, joints_img_px)
    return PlacedPeople(root_cam_m, joints_cam_m, joints_img_px, scores, sigmas, boxes, solver)


def whole_boxes(frame: Frame, joints_img_px: Array) -> Array:
    """Boxes (N, 4) about whole people, cut at the image's edges; joints_img_px (N, J, 2)."""
    low, high = np.nanmin(joints_img_px, axis=1), np.nanmax(joints_img_px, axis=1)
    margins = _MARGINS * (high - low).max(axis=-1, keepdims=True)
    most = np.array([frame.camera.width_px, frame.camera.height_px] * 2) - 0.5
    boxes: Array = np.clip(np.concatenate([low - margins[:, :2], high + margins[:, 2:]], axis=-1), -0.5, most)
    return boxes


def poses_of(
    frame: Frame,
    placed: PlacedPeople,
    learned: LearnedDistances,
    detections: tuple[Detection, ...],
    config: PoseConfig,
) -> tuple[Pose, ...]:
    """The poses of people whose root is known. learned, detections: of each of them."""
    known = np.isfinite(placed.joints_cam_m).all(axis=-1) & (placed.scores >= config.joint_score_threshold)
    joints_cam_m = np.where(known[..., None], placed.joints_cam_m, np.nan)
    joints_img_px = np.where(known[..., None], placed.joints_img_px, np.nan)
    clothes = clothes_lab(frame.image_bgr, joints_img_px, BODY)
    sigma_m = placed.sigmas * placed.distances_m
    readings = placed.readings(learned)
    return tuple(
        Pose(
            placed.root_cam_m[i],
            joints_cam_m[i],
            joints_img_px[i],
            placed.scores[i],
            BODY,
            detection,
            float(sigma_m[i]),
            clothes[i],
            readings[i],
        )
        for i, detection in enumerate(detections)
        if np.isfinite(placed.root_cam_m[i]).all() and placed.root_cam_m[i, 2] > 0
    )
