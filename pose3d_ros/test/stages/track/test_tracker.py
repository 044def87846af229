from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import TrackerConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.track.tracker import Tracker

CAMERA = Camera.from_hfov(60.0, 640, 480)
SKELETON = get_skeleton("mpii16")
STEP_NS = 100_000_000
BODY_M = np.stack((np.linspace(-0.3, 0.3, 16), np.linspace(-0.8, 0.9, 16), np.zeros(16)), axis=-1)


def pose(root: npt.ArrayLike, score: float = 0.9, sigma_m: float = float("nan")) -> Pose:
    root_cam_m = np.array(root, dtype=np.float64)
    joints = root_cam_m + BODY_M
    pixels = CAMERA.project(joints)
    box = np.concatenate((pixels.min(axis=0), pixels.max(axis=0)))
    return Pose(root_cam_m, joints, pixels, np.ones(16), SKELETON, Detection(box, score), sigma_m)


def states(people: tuple[Person, ...]) -> list[tuple[int, TrackState]]:
    return [(p.track_id, p.state) for p in people]


def stand(tracker: Tracker, *poses: Pose) -> None:
    """The poses are seen for five frames."""
    for i in range(5):
        tracker.update(poses, i * STEP_NS, CAMERA)


def walk(tracker: Tracker, frames: int, first: int = 0) -> tuple[Person, ...]:
    """A person walks right at 1 m/s, 4 m away, seen every 0.1 s."""
    people: tuple[Person, ...] = ()
    for i in range(first, first + frames):
        people = tracker.update([pose((0.1 * i - 0.5, 0, 4))], i * STEP_NS, CAMERA)
    return people


def test_states_from_new_to_lost() -> None:
    tracker = Tracker(TrackerConfig(min_hits=3, max_age_s=0.36, predicted_s=0.24))
    history = [states(walk(tracker, 1, first=i)) for i in range(4)]
    history += [states(tracker.update([], i * STEP_NS, CAMERA)) for i in range(4, 9)]
    new, tracked, predicted, lost = TrackState
    seen = [new, new, tracked, tracked]
    assert history == [*[[(1, s)] for s in [*seen, predicted, predicted]], [], [(1, lost)], []]


def test_who_returns_after_predictions_ended_is_known_again() -> None:
    tracker = Tracker(TrackerConfig(max_age_s=0.9, predicted_s=0.6))
    walk(tracker, 5)
    unseen = [states(tracker.update([], i * STEP_NS, CAMERA)) for i in range(5, 13)]
    assert unseen[-1] == []
    assert states(walk(tracker, 1, first=13)) == [(1, TrackState.TRACKED)]


def test_velocity_in_metres_per_second() -> None:
    (person,) = walk(Tracker(), 30)
    np.testing.assert_allclose(person.velocity_cam_mps, [1, 0, 0], atol=0.05)


def test_unseen_person_is_extrapolated_with_decaying_velocity() -> None:
    tracker = Tracker(TrackerConfig(velocity_decay_s=0.5))
    (seen,) = walk(tracker, 30)
    first, second = (tracker.update([], i * STEP_NS, CAMERA)[0] for i in (30, 31))
    moved = [p.pose.root_cam_m[0] - seen.pose.root_cam_m[0] for p in (first, second)]
    # The step after the last measurement is whole; the next one is 0.5 (1 − exp(−0.2)).
    assert moved == pytest.approx([0.1, 0.1 + 0.5 * (1 - np.exp(-0.2))], abs=0.01)
    np.testing.assert_allclose(first.pose.joints_cam_m - first.pose.root_cam_m, BODY_M, atol=1e-9)
    np.testing.assert_allclose(first.pose.joints_img_px, CAMERA.project(first.pose.joints_cam_m))
    assert second.score < first.score < seen.score
    assert first.pose.root_sigma_m < second.pose.root_sigma_m


def test_predicted_box_follows_and_without_a_camera_pixels_are_unknown() -> None:
    tracker = Tracker()
    (seen,) = walk(tracker, 20)
    (with_camera,) = tracker.update([], 20 * STEP_NS, CAMERA)
    (without,) = tracker.update([], 21 * STEP_NS)
    shift_px = CAMERA.fx_px * 0.1 / 4
    np.testing.assert_allclose(
        with_camera.pose.detection.box_xyxy_px - seen.pose.detection.box_xyxy_px, [shift_px, 0, shift_px, 0], atol=1.0
    )
    assert np.isnan(without.pose.joints_img_px).all()
    np.testing.assert_allclose(without.pose.detection.box_xyxy_px, seen.pose.detection.box_xyxy_px)


def test_hidden_person_keeps_the_identity() -> None:
    tracker = Tracker()
    walk(tracker, 10)
    for i in range(10, 18):
        tracker.update([], i * STEP_NS, CAMERA)
    assert states(walk(tracker, 1, first=18)) == [(1, TrackState.TRACKED)]


def test_jump_of_the_image_ends_all_and_gives_new_ids() -> None:
    tracker = Tracker()
    left, right = pose((-1, 0, 4)), pose((1, 0, 4))
    stand(tracker, left, right)
    tracker.update([left], 5 * STEP_NS, CAMERA)  # the other is PREDICTED
    people = tracker.update([left], 6 * STEP_NS, CAMERA, jumped=True)
    assert states(people) == [(1, TrackState.LOST), (2, TrackState.LOST), (3, TrackState.NEW)]
    assert [p.score for p in people] == [0.0, 0.0, 0.9]
    assert states(tracker.update([left], 7 * STEP_NS, CAMERA)) == [(3, TrackState.TRACKED)]


def test_order_of_poses_does_not_matter() -> None:
    tracker = Tracker()
    left, right = pose((-1, 0, 4)), pose((1, 0, 4))
    tracker.update([left, right], 0, CAMERA)
    people = tracker.update([right, left], STEP_NS, CAMERA)
    assert [(p.track_id, p.pose is left) for p in people] == [(1, True), (2, False)]


@pytest.mark.parametrize(("root", "people"), [((0, 0, 4.3), 1), ((1.6, 0, 4), 2)], ids=["deeper", "aside"])
def test_depth_noise_does_not_break_a_track_but_a_side_step_does(root: npt.ArrayLike, people: int) -> None:
    tracker = Tracker(TrackerConfig(depth_sigma=0.1))
    stand(tracker, pose((0, 0, 4)))
    history = [tracker.update([pose(root)], i * STEP_NS, CAMERA) for i in range(5, 8)]
    assert len(history[-1]) == people


def test_root_far_off_in_depth_keeps_its_identity_by_its_box() -> None:
    tracker = Tracker()
    stand(tracker, pose((0, 0, 4), sigma_m=0.05))
    near = pose((0, 0, 4))
    away = np.array([0, 0, 2.0])
    wrong = replace(near, root_cam_m=near.root_cam_m + away, joints_cam_m=near.joints_cam_m + away, root_sigma_m=0.05)
    (person,) = tracker.update([wrong], 5 * STEP_NS, CAMERA)
    assert states((person,)) == [(1, TrackState.TRACKED)]
    assert person.pose is wrong
    assert states(tracker.update([near], 6 * STEP_NS, CAMERA)) == [(1, TrackState.TRACKED)]


def test_weak_detections_continue_tracks_and_start_none() -> None:
    tracker = Tracker(TrackerConfig(new_track_score=0.5))
    assert tracker.update([pose((0, 0, 4), score=0.4)], 0, CAMERA) == ()
    tracker.update([pose((0, 0, 4))], STEP_NS, CAMERA)
    people = tracker.update([pose((0, 0, 4), score=0.3), pose((2, 0, 4), score=0.3)], 2 * STEP_NS, CAMERA)
    assert states(people) == [(1, TrackState.TRACKED)]


def test_two_detections_of_one_person_are_one() -> None:
    again = pose((0.01, 0, 4.3), score=0.6)
    people = Tracker().update([again, pose((0, 0, 4), score=0.8), pose((1.5, 0, 4))], 0, CAMERA)
    assert sorted(p.score for p in people) == [0.8, 0.9]


def test_second_reading_of_someone_does_not_take_their_identity() -> None:
    tracker = Tracker(TrackerConfig(min_hits=2))
    stand(tracker, pose((0, 0, 4)))
    # Read twice in one frame, once much too near: too far apart for doubles. Then once, nearer to the second reading.
    tracker.update([pose((0, 0, 4)), pose((0, 0, 3.2))], 5 * STEP_NS, CAMERA)
    people = tracker.update([pose((0, 0, 3.6))], 6 * STEP_NS, CAMERA)
    assert (1, TrackState.TRACKED) in states(people)


def test_false_positive_is_reported_lost_once() -> None:
    tracker = Tracker(TrackerConfig(min_hits=2))
    seen = [states(tracker.update([pose((0, 0, 4))], 0, CAMERA))]
    seen += [states(tracker.update([], i * STEP_NS, CAMERA)) for i in range(1, 8)]
    assert seen[0] == [(1, TrackState.NEW)]
    assert [s for s in seen[1:] if s] == [[(1, TrackState.LOST)]]


@pytest.mark.parametrize("stamp_ns", [0, 40 * STEP_NS])
def test_clock_jump_ends_all_tracks_and_starts_new_ids(stamp_ns: int) -> None:
    tracker = Tracker(TrackerConfig(max_gap_s=1.0))
    walk(tracker, 5, first=12)
    people = tracker.update([pose((0, 0, 4))], stamp_ns, CAMERA)
    assert states(people) == [(1, TrackState.LOST), (2, TrackState.NEW)]


@pytest.mark.parametrize("late_ns", [1_000_000, 900_000_000])
def test_late_frame_ends_no_track(late_ns: int) -> None:
    tracker = Tracker()
    walk(tracker, 12)
    late = tracker.update([pose((0.6, 0, 4))], 11 * STEP_NS - late_ns, CAMERA)
    assert states(late) == states(walk(tracker, 1, first=12)) == [(1, TrackState.TRACKED)]


def test_reset_never_reuses_an_identity() -> None:
    tracker = Tracker()
    walk(tracker, 5)
    tracker.reset()
    assert states(walk(tracker, 1)) == [(2, TrackState.NEW)]


def test_poses_without_a_finite_root_are_ignored() -> None:
    nowhere = pose((0, 0, 4))
    nowhere.root_cam_m[2] = np.nan
    assert Tracker().update([nowhere, pose((0, 0, 5))], 0, CAMERA)[0].pose.root_cam_m[2] == 5


def test_person_who_walks_through_the_camera_is_lost() -> None:
    tracker = Tracker(TrackerConfig(velocity_decay_s=30.0))
    for i in range(20):
        tracker.update([pose((0, 0, 2.4 - 0.1 * i), sigma_m=0.01)], i * STEP_NS, CAMERA)
    people = [tracker.update([], i * STEP_NS, CAMERA) for i in range(20, 28)]
    assert TrackState.LOST in [p.state for frame in people for p in frame]
    assert all(p.pose.root_cam_m[2] > 0 for frame in people for p in frame if p.state == TrackState.PREDICTED)


def test_repeated_stamp_is_accepted() -> None:
    tracker = Tracker()
    walk(tracker, 5)
    assert states(walk(tracker, 1, first=4)) == [(1, TrackState.TRACKED)]
    assert states(tracker.update([], 4 * STEP_NS, CAMERA)) == [(1, TrackState.PREDICTED)]


def test_missing_joints_do_not_affect_tracking() -> None:
    tracker = Tracker()
    for i in range(3):
        partial = pose((0, 0, 4))
        partial.joints_cam_m[i:] = np.nan
        partial.joints_img_px[i:] = np.nan
        people = tracker.update([partial, pose((1.5, 0, 4))], i * STEP_NS, CAMERA)
    assert states(people) == [(1, TrackState.TRACKED), (2, TrackState.TRACKED)]


def dressed(root: npt.ArrayLike, lightness: float, score: float = 0.9) -> Pose:
    return replace(pose(root, score), clothes_lab=np.full((2, 3), lightness))


def cross(tracker: Tracker, *, turned_back: bool) -> list[tuple[Person, ...]]:
    """Two people walk towards each other at 1 m/s and pass, or turn back, hidden for half a second where they meet."""
    history = []
    for i in range(41):
        x = 0.1 * (i - 20)
        left, right = (-abs(x), abs(x)) if turned_back else (x, -x)
        poses = [dressed((left, 0, 4), 20), dressed((right, 0, 4.1), 80)] if abs(i - 20) > 2 else []
        history.append(tracker.update(poses, i * STEP_NS, CAMERA))
    return history


@pytest.mark.parametrize("turned_back", [False, True])
def test_clothes_tell_who_came_out_of_an_encounter(turned_back: bool) -> None:
    history = cross(Tracker(), turned_back=turned_back)
    for people in (history[10], history[-1]):
        assert [(p.track_id, p.pose.clothes_lab[0, 0]) for p in people] == [(1, 20), (2, 80)]


def test_exchanged_identities_are_put_right_when_people_are_apart() -> None:
    tracker = Tracker()
    for i in range(10):
        tracker.update([dressed((-0.4, 0, 4), 20), dressed((0.4, 0, 4), 80)], i * STEP_NS, CAMERA)
    for i in range(10, 14):  # behind each other, and where the other one was expected
        tracker.update([dressed((-0.1, 0, 4), 80), dressed((0.1, 0, 4), 20)], i * STEP_NS, CAMERA)
    for i in range(14, 20):
        people = tracker.update([dressed((-0.7, 0, 4), 80), dressed((0.7, 0, 4), 20)], i * STEP_NS, CAMERA)
    assert [(p.track_id, p.pose.clothes_lab[0, 0]) for p in people] == [(1, 20), (2, 80)]


def test_who_was_hidden_for_seconds_is_known_again_by_place_and_clothes() -> None:
    tracker = Tracker()
    for i in range(10):
        tracker.update([dressed((0, 0, 4), 20)], i * STEP_NS, CAMERA)
    for i in range(10, 37):
        tracker.update([], i * STEP_NS, CAMERA)
    history = [states(tracker.update([dressed((0.5, 0, 4), 20)], i * STEP_NS, CAMERA)) for i in range(37, 40)]
    assert history == [[], [], [(1, TrackState.TRACKED)]]


def test_someone_else_is_not_taken_for_who_is_hidden() -> None:
    tracker = Tracker()
    for i in range(10):
        tracker.update([dressed((0, 0, 4), 20)], i * STEP_NS, CAMERA)
    for i in range(10, 30):
        tracker.update([], i * STEP_NS, CAMERA)
    for i in range(30, 33):
        people = tracker.update([dressed((0.5, 0, 4), 80)], i * STEP_NS, CAMERA)
    assert states(people) == [(2, TrackState.TRACKED)]


def test_who_may_be_someone_hidden_gets_an_id_late() -> None:
    tracker = Tracker()
    stand(tracker, dressed((0, 0, 4), 20))
    other = dressed((1.5, 0, 5), 80)
    published = [{p.track_id for p in tracker.update([other], i * STEP_NS, CAMERA)} for i in range(5, 12)]
    assert published[:2] == [{1}, {1}]
    assert 2 in published[-1]


def test_independent_image_has_its_uncertain_people() -> None:
    assert states(Tracker().update([pose((0, 0, 4), score=0.45)], -1, CAMERA)) == [(1, TrackState.NEW)]


def test_who_left_at_the_border_is_lost_before_who_is_hidden() -> None:
    lost_at = []
    for x in (0.0, 2.2):
        tracker = Tracker()
        for i in range(5):
            tracker.update([pose((x, 0, 4))], i * STEP_NS, CAMERA)
        unseen = [states(tracker.update([], i * STEP_NS, CAMERA)) for i in range(5, 50)]
        lost_at.append(unseen.index([(1, TrackState.LOST)]))
    assert lost_at[0] == 35
    assert lost_at[1] <= 6


def turned_pose(root_fixed_m: npt.ArrayLike, yaw_rad: float) -> tuple[Pose, RigidTransform]:
    """A person who stands in a fixed frame, as a camera sees them that was turned to the right, and that camera."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    cam2fixed = RigidTransform(np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]), np.zeros(3))
    return pose(cam2fixed.inverse().apply(np.array(root_fixed_m, dtype=np.float64))), cam2fixed


@pytest.mark.parametrize(("turn_rad", "least"), [(0.0, 6), (0.01, 39)])
def test_borders_are_those_of_a_camera_that_stands_still(turn_rad: float, least: int) -> None:
    """Someone at the border is out of sight: gone, unless the camera is known to move."""
    tracker = Tracker()
    for i in range(60):
        seen, cam2fixed = turned_pose((2.2, 0, 4), turn_rad * i)
        people = tracker.update([seen] if i < 5 else [], i * STEP_NS, CAMERA, cam2fixed=cam2fixed)
        if (1, TrackState.LOST) in states(people):
            assert least <= i <= least + 5
            return
    raise AssertionError("never lost")


def test_turning_camera_keeps_identities_with_its_frame_known() -> None:
    """The camera turns away from people who stand, by 60 degrees in half a second, and back after two seconds."""
    yaws = [0.0] * 10 + [0.2 * i for i in range(6)] + [1.0] * 20 + [1.0 - 0.2 * i for i in range(6)] + [0.0] * 5
    tracker, published = Tracker(), {}
    for i, yaw in enumerate(yaws):
        seen = [turned_pose(root, yaw) for root in ((-0.6, 0, 4), (0.6, 0, 4))]
        in_view = [p for p, _ in seen if abs(p.root_cam_m[0]) < 0.5 * p.root_cam_m[2]]
        published[i] = tracker.update(in_view, i * STEP_NS, CAMERA, cam2fixed=seen[0][1])
    assert states(published[len(yaws) - 1]) == [(1, TrackState.TRACKED), (2, TrackState.TRACKED)]
    assert published[len(yaws) - 1][0].pose.root_cam_m[0] < 0
    np.testing.assert_allclose(published[12][1].velocity_cam_mps, 0, atol=0.1)
