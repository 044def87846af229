"""What the comparison of trackers scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tracking
from peers.mediapipe_process import Skipped
from peers.trackers_process import Tracked
from tracking import OURS, PERFECT, Run, TruePerson, by_box, kind_of, perfect_tracks, rendered_rows, rows_of

from pose3d_ros.records import Detection, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

LEFT, RIGHT = np.array([0.0, 0, 10, 20]), np.array([50.0, 0, 60, 20])


def run_of(kind: str, tracks: dict[str, list[list[tuple[int, int]]]], counts: bool = True) -> Run:
    """Two people who stand, ids 1 and 2, seen by boxes 0 and 1 in every frame."""
    frames = len(next(iter(tracks.values())))
    return Run(
        kind,
        10.0,
        [(TruePerson(1, LEFT), TruePerson(2, RIGHT, counts))] * frames,
        [(Detection(LEFT, 0.9), Detection(RIGHT, 0.9))] * frames,
        {name: [tuple(Tracked(*one) for one in frame) for frame in of_one] for name, of_one in tracks.items()},
    )


def test_each_tracker_is_scored_on_the_same_boxes() -> None:
    kept, exchanged = [(0, 7), (1, 8)], [(0, 8), (1, 7)]
    rows = rows_of("a", [run_of("a", {OURS: [kept, kept], "other": [kept, exchanged]})], 0.5)
    assert [(row["tracker"], row["switches"], row["IDF1"]) for row in rows] == [
        (OURS, 0, 1.0), ("other", 2, 0.5), (PERFECT, 0, 1.0),
    ]  # fmt: skip


def test_perfect_identities_are_lost_by_boxes_alone() -> None:
    run = run_of("a", {OURS: [[(0, 1)]] * 2})
    run.boxes[1] = (Detection(LEFT, 0.9), Detection(RIGHT + 30, 0.9))  # off by three widths
    assert [[one.track_id for one in frame] for frame in perfect_tracks(run, 0.5)] == [[1, 2], [1, 100_000]]
    assert rows_of("a", [run], 0.5)[-1]["IDF1"] == 0.75


def test_same_numbers_in_two_recordings_are_different_people() -> None:
    one, other = run_of("a", {OURS: [[(0, 1), (1, 2)]]}), run_of("a", {OURS: [[(0, 2), (1, 1)]]})
    row, _ = rows_of("a", [one, other], 0.5)
    assert (row["switches"], row["IDF1"]) == (0, 1.0)


def test_who_does_not_count_is_neither_missed_nor_wrong() -> None:
    for frame in ([(0, 1)], [(0, 1), (1, 2)]):
        row, _ = rows_of("a", [run_of("a", {OURS: [frame]}, counts=False)], 0.5)
        assert row["MOTA"] == 1.0


def test_kinds_have_lines_of_their_own_and_one_for_all() -> None:
    rows = rendered_rows([run_of(kind, {OURS: [[(0, 1)]]}) for kind in ("crowd", "crossing", "crowd")])
    assert [row["recordings"] for row in rows if row["tracker"] == OURS] == ["crowd", "crossing", "all"]


def test_seed_is_no_part_of_the_kind() -> None:
    assert [kind_of(Path(name)) for name in ("turning_camera_s12.mcap", "my.mcap")] == ["turning_camera", "my"]


def person(track_id: int, box: Array, state: TrackState = TrackState.TRACKED) -> Person:
    skeleton = get_skeleton("muco21")
    joints = np.zeros((len(skeleton.joints), 3))
    pose = Pose(joints[0], joints, joints[:, :2], np.ones(len(joints)), skeleton, Detection(box, 0.9))
    return Person(track_id, state, pose, np.zeros(3), 0.9)


def test_people_have_the_boxes_of_their_poses_and_those_out_of_sight_have_none() -> None:
    boxes = (Detection(LEFT, 0.9), Detection(RIGHT, 0.9))
    people = (person(4, RIGHT), person(5, LEFT), person(6, LEFT, TrackState.PREDICTED))
    assert by_box(FrameResult(people, boxes)) == (Tracked(1, 4), Tracked(0, 5))
    assert by_box(FrameResult((), boxes)) == ()


def test_without_other_trackers_the_report_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise Skipped("no network")

    monkeypatch.setattr(tracking, "run_trackers", fail)
    run, notes = Run("a", 10.0), dict[str, object]()
    tracking._track(run, [FrameResult((), ())], tmp_path, notes)
    assert list(run.tracks) == [OURS]
    assert "no network" in str(notes["other trackers"])
