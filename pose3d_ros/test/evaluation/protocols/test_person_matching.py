"""Matching as benchmarks do it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose3d_ros.evaluation.protocols.person_matching import (
    by_box,
    by_skeleton,
    of_mupots,
    of_panoptic,
    of_single_person,
)
from pose3d_ros.records import Detection, Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

from ...conftest import person_at
from ..datasets.conftest import CAMERA, walker_m

MUPOTS = get_skeleton("mupots17")


def shown(person: int, shift_px: tuple[float, float] = (0, 0), joints: Array | None = None) -> Person:
    """A walker whose image is shifted; joints: mask of those that are."""
    made = person_at(person + 1, walker_m(person, 0), CAMERA).converted(MUPOTS)
    points = made.pose.joints_img_px.copy()
    points[slice(None) if joints is None else joints] += shift_px
    return replace(made, pose=replace(made.pose, joints_img_px=points))


def test_mupots_takes_the_prediction_with_most_near_joints_in_the_ground_truths_order() -> None:
    limbs = np.zeros(17, dtype=bool)
    limbs[5:14] = True
    ground_truth = [shown(0), shown(0)]
    predicted = [shown(0, (100, 0), limbs), shown(0)]
    assert of_mupots(predicted, ground_truth, 640) == ((1, 0), (0, 1))
    assert of_mupots(predicted[:1], ground_truth, 640) == ((0, 0),)


def test_mupots_needs_both_axes_below_40_px_of_one_of_13_joints() -> None:
    assert of_mupots([shown(0, (39.9, -39.9))], [shown(0)], 640) == ((0, 0),)
    assert of_mupots([shown(0, (0, 40.0))], [shown(0)], 640) == ()
    only_head_and_pelvis = np.ones(17, dtype=bool)
    only_head_and_pelvis[[0, 14, 15, 16]] = False
    assert of_mupots([shown(0, (300, 300), only_head_and_pelvis)], [shown(0)], 640) == ()


def test_panoptic_pairs_roots_nearest_first() -> None:
    ground_truth, predicted = [shown(0), shown(0, (20, 0))], [shown(0, (18, 0)), shown(0, (-1, 0)), shown(1)]
    assert set(of_panoptic(predicted, ground_truth, 640)) == {(0, 1), (1, 0)}
    assert of_panoptic([shown(0, (24, 0))], [shown(0)], 640) == ()
    assert of_panoptic([shown(0, (24, 0))], [shown(0)], 1920) == ((0, 0),)
    assert of_panoptic([], [shown(0)], 640) == ()


def test_single_person_takes_whoever_overlaps_most() -> None:
    def boxed(*box: float) -> Person:
        person = shown(0)
        return replace(person, pose=replace(person.pose, detection=Detection(np.array(box), 1.0)))

    ground_truth = [boxed(0, 0, 100, 100)]
    assert of_single_person([boxed(90, 90, 300, 300), boxed(50, 50, 150, 150)], ground_truth, 640) == ((1, 0),)
    assert of_single_person([boxed(200, 200, 300, 300)], ground_truth, 640) == ()
    assert of_single_person([], ground_truth, 640) == ()
    assert by_box([boxed(50, 0, 150, 100), boxed(20, 0, 120, 100)], ground_truth, 640) == ((1, 0),)
    assert by_box([boxed(50, 0, 150, 100)], ground_truth, 640) == ()


def test_skeletons_that_lie_on_each_other_are_paired() -> None:
    assert by_skeleton([shown(1), shown(0)], [shown(0), shown(1)], 640) == ((0, 1), (1, 0))
