"""Who passes, by each limit; and who has passed is reported LOST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.people.gate import PeopleGate, limits_problem
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.roots.body_size import standing_height_m

SKELETON = get_skeleton("muco21")
UPRIGHT = dict.fromkeys(SKELETON.joints, (0.0, 0.0)) | {
    "Head_top": (0.0, -0.8),
    "Thorax": (0.0, -0.5),
    "Spine": (0.0, -0.25),
    **{f"{side}_Hip": (sign * 0.1, 0.0) for side, sign in (("L", 1), ("R", -1))},
    **{f"{side}_Knee": (sign * 0.1, 0.45) for side, sign in (("L", 1), ("R", -1))},
    **{f"{side}_Ankle": (sign * 0.1, 0.9) for side, sign in (("L", 1), ("R", -1))},
}


def seen(
    track_id: int = 1,
    state: TrackState = TrackState.TRACKED,
    *,
    root_m: tuple[float, float, float] = (0.0, 0.0, 4.0),
    box_height_px: float = 100.0,
    scale: float = 1.0,
) -> Person:
    """A person who stands 1.82 m tall, times scale."""
    joints_m = np.array([(*UPRIGHT[name], 0.0) for name in SKELETON.joints]) * scale + root_m
    box = Detection(np.array([10.0, 20.0, 50.0, 20.0 + box_height_px]), 0.9)
    pose = Pose(np.array(root_m), joints_m, joints_m[:, :2], np.ones(len(SKELETON)), SKELETON, box)
    return Person(track_id, state, pose, np.zeros(3), 0.9)


def admitted(person: Person, **limits: object) -> bool:
    return admit(PeopleGate(), [person], OutputConfig(**limits)) == (person,)  # type: ignore[arg-type]


def admit(gate: PeopleGate, people: Sequence[Person], config: OutputConfig) -> tuple[Person, ...]:
    return gate.admit(people, config, "p_{}".format)


@pytest.mark.parametrize(
    ("states", "passing"),
    [
        ("all", {TrackState.NEW, TrackState.TRACKED, TrackState.PREDICTED}),
        ("detected", {TrackState.NEW, TrackState.TRACKED}),
        ("confirmed", {TrackState.TRACKED, TrackState.PREDICTED}),
        ("tracked", {TrackState.TRACKED}),
    ],
)
def test_states_that_are_asked_for_pass(states: str, passing: set[TrackState]) -> None:
    for state in (TrackState.NEW, TrackState.TRACKED, TrackState.PREDICTED):
        assert admitted(seen(state=state), published_states=states) == (state in passing)


@pytest.mark.parametrize(("max_distance_m", "passes"), [(0.0, True), (5.1, True), (5.0, True), (4.9, False)])
def test_distance_is_that_from_the_camera(max_distance_m: float, passes: bool) -> None:
    assert admitted(seen(root_m=(3.0, 0.0, 4.0)), max_distance_m=max_distance_m) == passes


@pytest.mark.parametrize(("min_box_height_px", "passes"), [(0.0, True), (100.0, True), (101.0, False)])
def test_height_of_the_box(min_box_height_px: float, passes: bool) -> None:
    assert admitted(seen(), min_box_height_px=min_box_height_px) == passes


@pytest.mark.parametrize(
    ("scale", "limits", "passes"),
    [
        (1.0, {"min_height_m": 1.0, "max_height_m": 2.2}, True),
        (0.5, {"min_height_m": 1.0}, False),
        (0.5, {"max_height_m": 1.0}, True),
        (1.3, {"max_height_m": 2.2}, False),
        (1.3, {"min_height_m": 1.0}, True),
    ],
)
def test_height_of_the_person(scale: float, limits: dict[str, float], passes: bool) -> None:
    person = seen(scale=scale)
    assert standing_height_m(person.pose) == pytest.approx(1.018 * (1.7 * scale + 0.085))
    assert admitted(person, **limits) == passes


def test_who_has_no_measured_height_passes() -> None:
    person = seen(scale=0.1)
    person.pose.joints_cam_m[SKELETON.index_of["Head_top"]] = np.nan
    assert admitted(person, min_height_m=1.0)


@pytest.mark.parametrize(
    ("low_m", "high_m", "wrong"), [(1.0, 0.0, False), (1.0, 1.0, False), (1.0, 0.9, True), (0.0, 1.0, False)]
)
def test_heights_between_which_nobody_fits_are_a_problem(low_m: float, high_m: float, wrong: bool) -> None:
    assert (limits_problem(OutputConfig(min_height_m=low_m, max_height_m=high_m)) is not None) == wrong


def test_order_stays() -> None:
    people = [seen(3), seen(1, TrackState.NEW), seen(2)]
    assert admit(PeopleGate(), people, OutputConfig(published_states="tracked")) == (people[0], people[2])


def test_end_of_a_track_passes_once_and_only_for_who_had_passed() -> None:
    gate, config = PeopleGate(), OutputConfig(published_states="tracked", max_distance_m=5.0)
    shown, far = seen(1), seen(2, root_m=(0.0, 0.0, 9.0))
    assert admit(gate, [shown, far], config) == (shown,)
    assert not admit(gate, [replace(shown, state=TrackState.PREDICTED), far], config)
    lost = [replace(person, state=TrackState.LOST) for person in (seen(1, root_m=(0.0, 0.0, 9.0)), far)]
    assert admit(gate, lost, config) == (lost[0],)
    assert not admit(gate, lost, config)


def test_person_is_known_by_the_id_and_not_by_the_number() -> None:
    gate, config = PeopleGate(), OutputConfig()
    gate.admit([seen(1)], config, {1: "anna"}.__getitem__)
    lost = seen(2, TrackState.LOST)
    assert gate.admit([lost], config, {2: "anna"}.__getitem__) == (lost,)


def test_memory_of_who_had_passed_is_bounded() -> None:
    gate, config = PeopleGate(), OutputConfig()
    for track_id in range(1500):
        admit(gate, [seen(track_id, TrackState.NEW)], config)
    lost = [seen(track_id, TrackState.LOST) for track_id in (0, 499, 500, 1499)]
    assert admit(gate, lost, config) == (lost[2], lost[3])
