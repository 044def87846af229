"""People in the skeleton that the user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pose3d_ros.records import Person, Pose
from pose3d_ros.skeletons import Skeleton, convert


def convert_people(people: Sequence[Person], target: Skeleton) -> tuple[Person, ...]:
    """The people with their joints by name in `target`; joints they lack are NaN with score 0. Roots stay."""
    return tuple(replace(person, pose=convert_pose(person.pose, target)) for person in people)


def convert_pose(pose: Pose, target: Skeleton) -> Pose:
    """One pose; itself when it is in `target` already."""
    if pose.skeleton.name == target.name:
        return pose
    scores = convert(pose.scores[:, None], pose.skeleton, target)[:, 0]
    return replace(
        pose,
        joints_cam_m=convert(pose.joints_cam_m, pose.skeleton, target),
        joints_img_px=convert(pose.joints_img_px, pose.skeleton, target),
        scores=np.nan_to_num(scores, nan=0.0),
        skeleton=target,
    )
