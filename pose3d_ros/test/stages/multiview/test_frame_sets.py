"""Images of asynchronous cameras: who is waited for, and for how long."""

from __future__ import annotations

from collections.abc import Iterable

from pose3d_ros.stages.multiview.frame_sets import FrameSet, FrameSets

from .conftest import Eye

LEFT, RIGHT = Eye("left", (0.0, 0.0, 1.0), (1.0, 0.0, 1.0)), Eye("right", (0.0, 1.0, 1.0), (1.0, 0.0, 1.0))


def run(sets: FrameSets, images: Iterable[tuple[Eye, float]]) -> list[tuple[int, list[tuple[str, int]]]]:
    """Views that come when they are taken; (time, [(camera, stamp)]) of the sets, milliseconds."""
    return [shown(done) for eye, at_s in images for done in sets.add(eye.view(at_s), at_s)]


def shown(done: FrameSet) -> tuple[int, list[tuple[str, int]]]:
    return round(done.time_ns / 1e6), [(view.camera_name, round(view.stamp_ns / 1e6)) for view in done.views]


def both(times_s: Iterable[float], offset_s: float = 0.0) -> list[tuple[Eye, float]]:
    return sorted([(LEFT, t) for t in times_s] + [(RIGHT, t + offset_s) for t in times_s], key=lambda image: image[1])


def test_images_of_one_time_are_one_set() -> None:
    found = run(FrameSets(0.2, 0.1), both([0.0, 0.1, 0.2, 0.3]))
    assert found[2:] == [(at, [("left", at), ("right", at)]) for at in (100, 200, 300)]


def test_images_half_an_interval_apart_meet_in_the_middle() -> None:
    found = run(FrameSets(0.2, 0.1), both([0.0, 0.1, 0.2, 0.3], 0.05))
    assert found[-1] == (275, [("left", 300), ("right", 250)])
    assert [time for time, _ in found] == sorted(time for time, _ in found)


def test_a_slow_camera_holds_up_no_fast_one() -> None:
    images = sorted([(LEFT, at / 30) for at in range(60)] + [(RIGHT, at / 3) for at in range(6)], key=lambda i: i[1])
    found = run(FrameSets(0.2, 0.1), images)
    assert sum("left" in dict(views) for _, views in found) >= 58
    ages = [time - dict(views)["right"] for time, views in found if "right" in dict(views)]
    assert max(ages) <= 200
    assert min(ages) <= 0


def test_a_camera_that_stops_is_waited_for_a_while_only() -> None:
    sets = FrameSets(0.2, 0.1)
    run(sets, both([0.0, 0.1, 0.2]))
    assert sets.add(LEFT.view(0.3), 0.3) == ()
    assert sets.overdue(0.35) == ()
    (done,) = sets.overdue(0.41)
    assert shown(done) == (300, [("left", 300), ("right", 200)])
    assert sets.overdue(0.5) == ()
    assert sets.silent(("left", "right", "third"), 1.25) == ("right", "third")
    for at in range(4, 20):
        sets.add(LEFT.view(at / 10), at / 10)
    (alone,) = sets.add(LEFT.view(2.0), 2.0)  # at once: the right camera is given up
    assert shown(alone) == (2000, [("left", 2000)])


def test_the_first_image_of_a_second_camera_waits_for_nobody_long() -> None:
    sets = FrameSets(0.2, 0.1)
    (first,) = sets.add(LEFT.view(0.0), 0.0)
    assert shown(first) == (0, [("left", 0)])


def test_a_clock_that_goes_back_drops_the_other_cameras_views() -> None:
    sets = FrameSets(0.2, 0.1)
    run(sets, both([100.0, 100.1]))
    (done,) = sets.add(LEFT.view(5.0), 100.2)
    assert shown(done) == (5000, [("left", 5000)])


def test_reset() -> None:
    sets = FrameSets(0.2, 0.1)
    run(sets, both([0.0, 0.1]))
    sets.add(LEFT.view(0.2), 0.2)
    sets.reset()
    assert sets.overdue(9.0) == ()
    assert shown(sets.add(RIGHT.view(9.0), 9.0)[0]) == (9000, [("right", 9000)])
