"""Predictions on the small datasets: the ground truth itself, changed in ways whose figures are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pose3d_ros.evaluation.datasets.ground_truth import Dataset
from pose3d_ros.evaluation.protocols.scored import FoundPeople
from pose3d_ros.records import Person
from pose3d_ros.types import Array


def found_in(dataset: Dataset, change: Callable[[Person], Person | None] = lambda person: person) -> FoundPeople:
    """The dataset's own people, each changed, or left out where the change gives None."""
    return FoundPeople(
        {f.stamp_ns: tuple(p for one in f.people if (p := change(one)) is not None) for f in dataset.frames}
    )


def with_joints(person: Person, joints_cam_m: Array) -> Person:
    """The person with other joints, the root among them, its pixels as they were."""
    root = joints_cam_m[person.pose.skeleton.root]
    return replace(person, pose=replace(person.pose, joints_cam_m=joints_cam_m, root_cam_m=root))


def moved(offset_m: tuple[float, float, float]) -> Callable[[Person], Person]:
    """A change that moves the whole person."""
    return lambda person: with_joints(person, person.pose.joints_cam_m + np.array(offset_m))


def grown(factor: float) -> Callable[[Person], Person]:
    """A change that scales the person about the root."""

    def change(person: Person) -> Person:
        root = person.pose.root_cam_m
        return with_joints(person, root + factor * (person.pose.joints_cam_m - root))

    return change
