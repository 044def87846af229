"""From the keypoints of a frame's people to poses in the camera's frame, with how sure their distances are."""

from __future__ import annotations

import numpy as np

from pose3d_ros.config.root_settings import RootConfig
from pose3d_ros.geometry.root_search import SIMILARITY_SOLVERS
from pose3d_ros.records import Frame, Pose, RootReading
from pose3d_ros.stages.appearance import clothes_lab
from pose3d_ros.stages.keypoints import Keypoints
from pose3d_ros.stages.pose.root_localization import RootSolver, localize, similarity_distances_m
from pose3d_ros.types import Array


class PoseLocalizer:
    """Makes poses of keypoints. `root_config` may be replaced between frames.

    solver: of a root in closed form, None where a net gives the roots. hip_centered: see `localize`.
    """

    def __init__(self, solver: RootSolver | None, *, hip_centered: bool = False) -> None:
        self.root_config = RootConfig()
        self._solver, self._hip_centered = solver, hip_centered

    def localize(self, frame: Frame, people: Keypoints) -> tuple[Pose, ...]:
        """The poses of the people, or of what a lifter made of them.

        A joint that is not valid is NaN. A box that holds no person, and one whose root has no depth above 0, are left
        out.
        """
        found = localize(frame.camera, people, self._closed_form, hip_centered=self._hip_centered)
        similar_m = self._similar_m(frame, people)
        valid = np.isfinite(found.joints_cam_m).all(axis=-1) & people.valid
        joints_cam_m = np.where(valid[..., None], found.joints_cam_m, np.nan)
        measured_px = np.where(valid[..., None], people.joints_img_px, np.nan)
        clothes = clothes_lab(frame.image_bgr, measured_px, people.skeleton)
        if people.lifted:  # joints that the pose net does not know were not seen
            measured_px = np.where(np.isfinite(measured_px), measured_px, frame.camera.project(joints_cam_m))
        return tuple(
            Pose(
                found.root_cam_m[i],
                joints_cam_m[i],
                measured_px[i],
                people.scores[i],
                people.skeleton,
                detection,
                float(found.root_sigma_m[i]),
                clothes[i],
                self._readings(found.root_cam_m[i], found.root_sigma_m[i], similar_m[i]),
            )
            for i, detection in enumerate(people.detections)
            if np.isfinite(found.root_cam_m[i]).all() and people.is_person[i]
        )

    @property
    def _closed_form(self) -> RootSolver | None:
        """The one that the parameter names, else the entry's; None where a net gives the roots."""
        named = self._solver is not None and self.root_config.names_similarity
        return SIMILARITY_SOLVERS[self.root_config.similarity] if named else self._solver

    def _similar_m(self, frame: Frame, people: Keypoints) -> Array:
        """Distances (N,) by a similarity solver beside a net's roots, NaN unless the parameter names one."""
        if self._solver is not None or not self.root_config.names_similarity:
            return np.full(len(people.detections), np.nan)
        return similarity_distances_m(frame.camera, people, SIMILARITY_SOLVERS[self.root_config.similarity])

    def _readings(self, root_cam_m: Array, sigma_m: float, similar_m: float) -> tuple[RootReading, ...]:
        distance_m = float(np.linalg.norm(root_cam_m))
        solver = "learned" if self._solver is None else self.root_config.similarity
        own = RootReading(solver, distance_m, float(sigma_m) / distance_m, by_size=True)
        if not similar_m > 0:  # False for NaN
            return (own,)
        return own, RootReading(self.root_config.similarity, float(similar_m), float("nan"), by_size=True)
