"""Labels from several views."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_training.multiview.labels import labels_of, over_gaps
from pose3d_training.multiview.metric_scale import KnownLength
from pose3d_training.multiview.view_tracks import ViewPeople

from .walkers import RATE_HZ, SKELETON, TWO, camera, errors_deg, keypoints, track, views, walker

TRUE = TWO[1].after(TWO[0].inverse())
BASELINE = KnownLength(baseline_m=float(np.linalg.norm(TRUE.translation_m)))


def test_three_in_ten_outliers() -> None:
    """The promise of docs/learning.md, with keypoints that err by 0.4% of the height."""
    world = walker(150)
    found = labels_of(views(world, noise=0.0012, outliers=0.3), SKELETON, BASELINE, reach_s=0.0)
    assert max(errors_deg(found.first2camera[1], TRUE)) < 0.5
    for view, camera2 in enumerate(TWO):
        off_m = np.linalg.norm(found.people[view][0].joints_cam_m - camera2.apply(world), axis=-1)
        assert np.nanmedian(off_m) < 0.02
        assert np.isfinite(off_m).mean() > 0.6


def test_gaps_are_bridged_where_they_are_short_and_wanted() -> None:
    """Of one joint, known at 0, 0.2 and 0.9 s: between the first two it is 0.2 s, between the others 0.7 s."""
    times_s = np.array([0.0, 0.1, 0.15, 0.2, 0.5, 0.9])
    points = np.full((6, 1, 3), np.nan)
    points[[0, 3, 5], 0] = [[0, 0, 4], [1, 0, 4], [9, 9, 9]]
    found = over_gaps(points, times_s, np.array([[True], [True], [False], [True], [True], [True]]))
    assert found[:, 0, 0] == pytest.approx([0.0, 0.5, np.nan, 1.0, np.nan, 9.0], nan_ok=True)


def test_three_views() -> None:
    world, cameras = walker(), (*TWO, camera(150, 5.0, 2.0))
    found = labels_of(views(world, cameras, noise=0.001, outliers=0.1), SKELETON, BASELINE, reach_s=0.0)
    for view, camera2 in enumerate(cameras):
        pose = camera2.after(cameras[0].inverse())
        assert found.first2camera[view].translation_m == pytest.approx(pose.translation_m, abs=0.05)
        off_m = np.linalg.norm(found.people[view][0].joints_cam_m - camera2.apply(world), axis=-1)
        assert np.nanmedian(off_m) < 0.02


def test_a_late_clock_is_found() -> None:
    """The second camera's images are stamped 0.21 s late: what it shows at s, the first shows at s - 0.21."""
    first, second = views(walker(180))
    late = ViewPeople("late", (track(second.tracks[0].keypoints, start_s=0.21),))
    found = labels_of([first, late], SKELETON, BASELINE, reach_s=0.5)
    assert found.rig.offsets_s[1] == pytest.approx(-0.21, abs=0.005)
    assert max(errors_deg(found.first2camera[1], TRUE)) < 0.3


def test_people_are_matched() -> None:
    worlds = [walker(120, seed) for seed in (0, 1, 2)]
    seen = [[keypoints(world, one, 0.001) for world in worlds] for one in TWO]
    other = [2, 0, 1]
    first = ViewPeople("first", tuple(track(one, number) for number, one in enumerate(seen[0], 1)))
    second = ViewPeople("second", tuple(track(seen[1][at], number) for number, at in enumerate(other, 1)))
    found = labels_of([first, second], SKELETON, BASELINE, reach_s=0.0)
    assert [(person.track, person.others) for person in found.rig.people] == [
        (0, ((1, 1),)),
        (1, ((1, 2),)),
        (2, ((1, 0),)),
    ]
    assert [(one.person, one.track) for one in found.people[1]] == [(1, 1), (2, 2), (3, 0)]


def test_height_and_camera_height_give_metres() -> None:
    seen = views(walker(150), noise=0.0005)
    for known, within in ((KnownLength(height_m=1.72), 0.05), (KnownLength(camera_height_m=1.5), 0.05)):
        found = labels_of(seen, SKELETON, known, reach_s=0.0)
        ratio = np.linalg.norm(found.first2camera[1].translation_m) / np.linalg.norm(TRUE.translation_m)
        assert ratio == pytest.approx(1.0, abs=within)
        assert found.scale == known.in_words


@pytest.mark.parametrize("known", [KnownLength(), KnownLength(1.7, 2.0), KnownLength(height_m=-1.0)])
def test_metres_need_one_length(known: KnownLength) -> None:
    with pytest.raises(InputError, match="--height of the person, --baseline between the cameras, or --camera-height"):
        labels_of(views(walker(30)), SKELETON, known)


def test_refuses_people_who_hold_still() -> None:
    still = np.repeat(walker(1), 60, axis=0)
    with pytest.raises(InputError, match=r"walk"):
        labels_of(views(still, noise=0.001), SKELETON, BASELINE, reach_s=0.0)


def test_refuses_recordings_of_different_times() -> None:
    first, second = views(walker(60))
    later = ViewPeople("later", (track(second.tracks[0].keypoints, start_s=100.0 / RATE_HZ),))
    with pytest.raises(InputError, match=r"both see at the same time.*--offset"):
        labels_of([first, later], SKELETON, BASELINE, reach_s=0.1)
