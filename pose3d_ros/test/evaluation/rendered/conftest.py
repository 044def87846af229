"""People of a held-out set and what was found of them, as plain functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose3d_ros.evaluation.rendered.held_out_run import (
    GroundTruthPerson,
    HeldOutRun,
    HeldOutScene,
    ScoredScene,
    score_scene,
)
from pose3d_ros.evaluation.rendered.held_out_summary import HeldOutSummary, summarize_held_out
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame, Person, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

from ...conftest import person_at

MUCO = get_skeleton("muco21")
CAMERA = Camera.from_hfov(70.0, 640, 480)
FIGURE_M = np.random.default_rng(0).uniform((-0.3, -0.9, -0.2), (0.3, 0.9, 0.2), (len(MUCO), 3))
FIGURE_M[MUCO.root] = 0.0
RUN = HeldOutRun(joint_score_threshold=0.15)
FRAME = Frame(np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8), CAMERA, 0)


def at(x_m: float, z_m: float) -> Array:
    joints_m: Array = FIGURE_M + np.array([x_m, 0.2, z_m])
    return joints_m


def ground_truth(number: int, x_m: float = 0.0, z_m: float = 4.0, **changes: object) -> GroundTruthPerson:
    person = person_at(number, at(x_m, z_m), CAMERA)
    whole = GroundTruthPerson(person, visible=1.0, truncated=0.0, stature_m=1.75, is_child=False, is_upright=True)
    return replace(whole, **changes)  # type: ignore[arg-type]


def found(of: GroundTruthPerson, shift_m: tuple[float, float, float] = (0, 0, 0), score: float = 0.9) -> Person:
    return person_at(7, of.person.pose.joints_cam_m + shift_m, CAMERA, state=TrackState.NEW, score=score)


def scored(
    people: list[GroundTruthPerson], persons: list[Person], detections: list[Detection], run: HeldOutRun = RUN
) -> ScoredScene:
    return score_scene(0, HeldOutScene(FRAME, tuple(people)), persons, detections, run)


def summary_of(*scenes: ScoredScene, run: HeldOutRun = RUN) -> HeldOutSummary:
    return summarize_held_out(scenes, run, {"seed": 1})
