"""Figures of smoothing: raw people have their own error and no lag, a method that delays is charged for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from held_out_tracks import SKELETON, Track
from smoothers import METHODS, case_of_track, figures_of, one_euro_grid, row_of, savitzky_golay_grid, verdicts

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.stages.smooth.chosen_smoother import ChosenSmoother
from pose3d_ros.stages.smooth.person_smoother import PersonSmoother

FRAMES = 60
GROUND = GroundPlane.of_mounting(1.2)


@pytest.fixture
def track() -> Track:
    """Someone who sways, 10 cm of error in each joint from the root, 20 cm in the root."""
    rng = np.random.default_rng(0)
    camera = Camera.from_hfov(60.0, 640, 480)
    sway = 0.3 * np.sin(np.arange(FRAMES) / 6)[:, None, None] * [1.0, 0.0, 0.5]
    true = rng.normal(scale=0.3, size=(len(SKELETON), 3)) + [0, 0, 4] + sway
    error = np.where(np.arange(len(SKELETON))[:, None] == SKELETON.root, 0.0, [0.1, 0.0, 0.0]) + [0.0, 0.0, 0.2]
    people = []
    for joints in true + error:
        pixels, root = camera.project(joints), joints[SKELETON.root].copy()
        box = Detection(np.concatenate((pixels.min(axis=0), pixels.max(axis=0))), 0.9)
        pose = Pose(root, joints, pixels, np.ones(len(SKELETON)), SKELETON, box)
        people.append(Person(1, TrackState.TRACKED, pose, np.zeros(3), 0.9))
    stamps_ns = (np.arange(FRAMES) * 1e9 / 30).astype(np.int64)
    return Track("sways", tuple(people), true, stamps_ns, camera, GROUND, GROUND.up_cam)


class Delaying:
    """Gives people as they were two frames before."""

    config, delay_frames = SmootherConfig(), 0

    def __init__(self) -> None:
        self.past: list[tuple[Person, ...]] = []
        self.grounds: list[object] = []

    def reset(self) -> None:
        self.past = []

    def why_unsmoothed(self, people: object) -> None:
        return None

    def update(
        self, people: Sequence[Person], stamp_ns: int, camera: object = None, ground: object = None
    ) -> tuple[Person, ...]:
        self.past.append(tuple(people))
        self.grounds.append(ground)
        return self.past[max(len(self.past) - 3, 0)]


def test_raw_people_have_their_own_error_and_no_lag(track: Track) -> None:
    raw = ChosenSmoother(None, SmootherConfig(method="none"))
    found = figures_of(raw, [case_of_track(track, floor=False)] * 2)
    assert found["MPJPE mm"] == pytest.approx(100 * 20 / 21)  # the root's own is 0
    assert found["MRPE mm"] == pytest.approx(200)
    assert found["acceleration mm/frame²"] == pytest.approx(0, abs=1e-6)
    assert found["lag frames"] == pytest.approx(0, abs=0.05)


def test_method_that_delays_is_charged_for_it_and_knows_the_floor_where_asked(track: Track) -> None:
    for floor in (False, True):
        delaying = Delaying()
        found = figures_of(delaying, [case_of_track(track, floor=floor)])
        assert found["lag frames"] == pytest.approx(2, abs=0.1)
        assert {ground is not None for ground in delaying.grounds} == {floor}


def test_every_method_runs_and_the_default_is_compared_with_raw(track: Track) -> None:
    rows = [
        row_of("sways", name, {"acceleration mm/frame²": 1.0, "jitter m/s³": 2.0, "MPJPE mm": 3.0}) for name in METHODS
    ]
    rows[0] = {**rows[0], "acceleration mm/frame²": 4.0, "MPJPE mm": 5.0}
    assert list(verdicts(rows).values()) == [4.0, 1.0, 2.0]
    smoothers: list[PersonSmoother] = [ChosenSmoother(None, SmootherConfig(method="kinematic"))]
    smoothers += [next(grid)[1]() for grid in (one_euro_grid(), savitzky_golay_grid())]
    short = replace(track, people=track.people[:8], true_cam_m=track.true_cam_m[:8], stamps_ns=track.stamps_ns[:8])
    for smoother in smoothers:
        found = figures_of(smoother, [case_of_track(short, floor=True)])
        assert np.isfinite([found["MPJPE mm"], found["jitter m/s³"]]).all()
        assert np.isnan(found["lag frames"])
