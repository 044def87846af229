"""One person through a recording, and how a camera beside would have seen them.

That view is synthesized in 2D, as "Generalizing Monocular 3D Human Pose Estimation in the Wild" (Wang 2019, arXiv
1904.05512) makes right views of its training poses; here of what a 2D net said, whose errors stay, instead of exact
joints, and for more samples instead of a second input (that is `learning.right_view`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.tasks.lifting_noise import Detected, hide

_NEAREST_M = 0.1


@dataclass(frozen=True, eq=False)
class RecordedTrack:
    """One person through T frames of a recording.

    keypoints (T, J_in, 2): on the plane z = 1, NaN where unknown. scores (T, J_in). joints_cam_m (T, J_out, 3): in the
    camera's frame, NaN where there is no label.
    """

    keypoints: Array
    scores: Array
    joints_cam_m: Array

    def from_beside(self, angle_deg: float, input_skeleton: Skeleton, skeleton: Skeleton) -> RecordedTrack:
        """The same person before a camera that is moved around the person's middle, about the camera's y axis.

        The middle is the median of all labeled joints; both cameras see it in one place, at one distance. angle_deg:
        positive to the right. 2D joints are seen at the depths of their labels (`depths_m`); those of frames without a
        label, and those that the new camera can't see, become unknown.
        """
        labels = self.joints_cam_m[np.isfinite(self.joints_cam_m).all(axis=-1)]
        middle = np.median(labels, axis=0) if len(labels) else np.zeros(3)
        turn = Rotation.from_euler("y", angle_deg, degrees=True).as_matrix()
        depth_m = self.depths_m(input_skeleton, skeleton)[..., None]
        points = np.concatenate([self.keypoints * depth_m, depth_m], axis=-1)
        points, joints = ((given - middle) @ turn.T + middle for given in (points, self.joints_cam_m))
        keypoints = points[..., :2] / np.where(points[..., 2:] > _NEAREST_M, points[..., 2:], np.nan)
        scores = np.where(np.isfinite(keypoints).all(axis=-1), self.scores, 0.0)
        return RecordedTrack(keypoints, scores, joints)

    def hidden(self, frames: int, input_skeleton: Skeleton, rng: np.random.Generator) -> RecordedTrack:
        """The same with further 2D joints hidden, others in each stretch of so many frames (`tasks.lifting_noise`)."""
        count = len(self.scores)
        rows = np.minimum(np.arange(-(-count // frames) * frames), count - 1).reshape(-1, frames)
        found = hide(Detected(self.keypoints[rows], self.scores[rows]), input_skeleton, rng)
        keypoints, scores = found.keypoints.reshape(-1, *self.keypoints.shape[1:]), found.scores.reshape(rows.size, -1)
        return RecordedTrack(keypoints[:count], scores[:count], self.joints_cam_m)

    def depths_m(self, input_skeleton: Skeleton, skeleton: Skeleton) -> Array:
        """How far away, along z, each 2D joint is, (T, J_in): as its label, or the labeled joint nearest in the image.

        NaN where the 2D joint is unknown or no joint is labeled.
        """
        labels = self.joints_cam_m
        seen = labels[..., :2] / labels[..., 2:]
        apart = np.linalg.norm(self.keypoints[:, :, None] - seen[:, None], axis=-1)
        for joint, name in enumerate(input_skeleton.joints):
            if name in skeleton.index_of:
                own = apart[:, joint, skeleton.index_of[name]]
                own[np.isfinite(own)] = 0.0
        apart = np.where(np.isfinite(apart), apart, np.inf)
        depth = np.take_along_axis(labels[..., 2], apart.argmin(axis=-1), axis=1)
        return np.where(np.isfinite(apart.min(axis=-1)), depth, np.nan)
