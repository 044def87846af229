"""Rendered motions before the chains; the tests with `assets` need their folder (POSE3D_ASSETS names it)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.tasks.motion_rendering import SceneFrame, rendered_scene, runs_of

CAMERA = Camera.from_hfov(60.0, 640, 480)
SKELETON = get_skeleton("muco21")
ORDER = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
IMAGE = np.zeros((480, 640, 3), np.uint8)


def body(x_m: float) -> Array:
    """Joints (27, 3) of a person 4 m away."""
    places = np.random.default_rng(0).uniform([-0.3, -0.9, -0.2], [0.3, 0.9, 0.2], (len(SYNTH_JOINTS), 3))
    return np.asarray(places + [x_m, 0, 4])


def scene(frames: int) -> Iterator[SceneFrame]:
    """One person to the left, one to the right, who is behind the camera in the last twenty frames."""
    for number in range(frames):
        yield IMAGE, CAMERA, [body(-1.0), body(1.0) if number < frames - 20 else None]


class Chain:
    """Sees whoever stands there, the left one under a new id from the 60th frame on, and a statue in the middle."""

    def __init__(self) -> None:
        self.resets, self.count = 0, 0

    def __call__(self, frame: Frame) -> FrameResult:
        left = 1 if self.count < 60 else 4
        self.count += 1
        people = [(left, body(-1.0) + [0, 0, 0.1]), (2, body(1.0) + [0, 0, 0.2]), (3, body(0.0))]
        found = [self._person(*one) for one in people]
        return FrameResult(tuple(found), ())

    def _person(self, track_id: int, joints: Array) -> Person:
        joints = joints[ORDER].copy()
        joints[0] = np.nan
        root = joints[SKELETON.root] + [0, 0, 0.01]
        pose = Pose(root, joints, CAMERA.project(joints), np.ones(21), SKELETON, Detection(np.zeros(4), 1.0))
        return Person(track_id, TrackState.TRACKED, pose, np.zeros(3), 1.0)

    def reset(self) -> None:
        self.resets += 1


def test_each_track_is_a_run_of_the_person_it_follows() -> None:
    chain = Chain()
    runs = runs_of([cast("Pipeline", chain)], scene(120))
    assert sorted(len(run.frames) for run in runs) == [60, 60, 100]
    assert chain.resets == 1
    pelvis = SYNTH_JOINTS.index(SKELETON.joints[SKELETON.root])
    for run in runs:
        assert (np.diff(run.frames) == 1).all()
        apart = run.measured_m - run.true_m
        missing = sorted(set(range(len(SYNTH_JOINTS))) - set(ORDER[1:]))
        assert np.flatnonzero(np.isnan(apart[0]).any(axis=1)).tolist() == missing
        off_m = 0.2 if run.true_m[0, pelvis, 0] > 0 else 0.1
        np.testing.assert_allclose(apart[:, pelvis], np.broadcast_to([0, 0, off_m + 0.01], (len(apart), 3)), atol=1e-9)
        np.testing.assert_allclose(apart[:, ORDER[3]], np.broadcast_to([0, 0, off_m], (len(apart), 3)), atol=1e-9)


def test_tracks_of_a_moment_are_left_out() -> None:
    assert runs_of([cast("Pipeline", Chain())], scene(39)) == []


@pytest.mark.parametrize("split", ["train", "eval"])
def test_rendered_people_move_and_are_drawn_where_their_joints_are(
    assets: Path, renderer: Renderer, split: str
) -> None:
    first, *_, last = islice(rendered_scene(assets, 3, split, renderer), 20)
    assert first[0].shape == (480, 640, 3)
    assert len(first[2]) == 2
    drawn = np.abs(first[0].astype(int) - last[0]).max(axis=2) > 15  # more than noise
    for before, after in zip(first[2], last[2], strict=True):
        assert before is not None
        assert after is not None
        assert 0.01 < np.abs(after - before).max() < 2.0
        pixels = np.rint(first[1].project(before)).astype(int)
        inside = pixels[((pixels >= 0) & (pixels < [640, 480])).all(axis=1)]
        assert len(inside) < 3 or drawn[inside[:, 1], inside[:, 0]].any()
