"""Predictions and ground truth that fit, fit in part, or belong to different recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.people_lines import error_line, frame_line
from pose3d_ros.errors import BagError, CameraError, InputError, SkeletonError
from pose3d_ros.evaluation.recording.joining import session_of_files
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import Summary, summarize
from pose3d_ros.records import Frame, Person
from pose3d_ros.skeletons import Skeleton, get_skeleton

from ...conftest import CAMERA_INFO, FRAME_ID, GROUND_TRUTH, IMAGES, MUCO, Scene

People = Sequence[tuple[Person, ...]]
COUNT = 10


def write_results(scene: Scene, path: Path) -> Path:
    """Raw and smoothed results of every frame but the first, as nodes give them."""
    with BagWriter(path) as bag:
        for stamp, people in list(zip(scene.stamps_ns, scene.noisy(0.0), strict=True))[1:]:
            for topic in ("/people", "/people_smoothed"):
                bag.write_people(topic, stamp, FRAME_ID, people, MUCO, model="m", latency_ms=30.0, received_ns=stamp)
        for topic in ("/people", "/people_smoothed"):  # no image came after it
            bag.write_people(topic, stamp, FRAME_ID, (), MUCO, model="m", latency_ms=30.0, received_ns=stamp + 10**9)
    return path


def write_lines(
    path: Path, scene: Scene, people: People, names: Sequence[str | int] | None = None, skeleton: Skeleton = MUCO
) -> Path:
    """A file of people, one line for each of the first frames."""
    image = np.zeros((scene.camera.height_px, scene.camera.width_px, 3), np.uint8)
    with path.open("w") as file:
        for number, (stamp, found) in enumerate(zip(scene.stamps_ns, people, strict=False)):
            frame = Frame(image, scene.camera, 0 if names else stamp)
            name = names[number] if names else number
            print(frame_line(name, frame, skeleton, found, calibrated=True), file=file)
    return path


@pytest.fixture
def recording(scene: Scene, tmp_path: Path) -> Path:
    return scene.write(tmp_path / "sample.mcap")


@pytest.fixture
def evaluated(scene: Scene, tmp_path: Path) -> Callable[..., tuple[Session, Summary]]:
    """Scores lines of the ground truth's own people, changed by a function of the frame's number."""

    def evaluate(
        truth: Path, change: Callable[[int, tuple[Person, ...]], tuple[Person, ...]] = lambda _, people: people
    ) -> tuple[Session, Summary]:
        people = [change(number, found) for number, found in enumerate(scene.ground_truth[:COUNT])]
        session = session_of_files(write_lines(tmp_path / "people.jsonl", scene, people), truth)
        return session, summarize(session)

    return evaluate


def write_truth(path: Path, scene: Scene, stamps_ns: Sequence[int], *, images: Sequence[int] = ()) -> Path:
    """A bag of ground truth with these stamps, in this order, and of images with these."""
    truth = dict(zip(scene.stamps_ns, scene.ground_truth, strict=True))
    with BagWriter(path) as bag:
        for number, stamp in enumerate(stamps_ns):
            people = truth.get(stamp, scene.ground_truth[0])
            bag.write_people(GROUND_TRUTH, stamp, FRAME_ID, people, MUCO, id_prefix="gt_", received_ns=number)
        for stamp in images:
            bag.write_image(IMAGES, stamp, FRAME_ID, scene.image(0))
            bag.write_camera(CAMERA_INFO, stamp, FRAME_ID, scene.camera)
    return path


def test_bags_are_joined_by_stamp(scene: Scene, recording: Path, tmp_path: Path) -> None:
    session = session_of_files(write_results(scene, tmp_path / "people.mcap"), recording)
    assert session.frames[0].raw is None
    assert session.problems == ("1 of 30 frames have no prediction and count as without people",)
    assert (session.model, session.how) == ("m", "played through the running nodes and recorded")
    assert len(match_session(session)) == 29 * 3
    summary = summarize(session)
    assert (summary.speed.dropped, summary.speed.latency_ms["p50"]) == (1, 30.0)
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert summary.accuracy.mpjpe_smoothed_mm == pytest.approx(0.0, abs=1e-6)


def test_predictions_of_other_stamps_are_an_error_with_both_ranges(
    scene: Scene, recording: Path, tmp_path: Path
) -> None:
    later = replace(scene, stamps_ns=tuple(s + 10**12 for s in scene.stamps_ns))
    with pytest.raises(InputError) as caught:
        session_of_files(write_results(later, tmp_path / "people.mcap"), recording)
    first, last = scene.stamps_ns[0], scene.stamps_ns[-1]
    assert f"30 stamped {first} to {last} ns, got 29 stamped {later.stamps_ns[1]} to {last + 10**12} ns" in str(
        caught.value
    )


def test_bag_without_people_is_an_error_that_lists_the_topics(recording: Path) -> None:
    with pytest.raises(BagError, match=CAMERA_INFO):
        session_of_files(recording, recording)


def test_another_skeleton_is_scored_on_the_joints_in_common(scene: Scene, recording: Path, tmp_path: Path) -> None:
    mpii = get_skeleton("mpii16")
    people = [tuple(person.converted(mpii) for person in found) for found in scene.ground_truth]
    session = session_of_files(write_lines(tmp_path / "p.jsonl", scene, people, skeleton=mpii), recording)
    assert summarize(session).accuracy.mpjpe_mm == pytest.approx(0.0, abs=0.1)  # rounded to 0.1 mm
    assert np.isfinite(session.frames[0].ground_truth[0].pose.joints_cam_m[mpii.index_of["L_Hip"]]).all()


def test_skeletons_without_a_common_joint_are_an_error(
    scene: Scene, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = Skeleton("strange", ("A", "B"), (-1, 0), ((0, 1),), (), 0)
    monkeypatch.setitem(get_skeleton.__globals__["SKELETONS"], "strange", strange)
    lines = write_lines(tmp_path / "p.jsonl", scene, [()] * COUNT, skeleton=strange)
    with pytest.raises(SkeletonError, match=r"joints of muco21, .* got none of them in strange"):
        session_of_files(lines, recording)


def test_ground_truth_alone_has_its_camera_from_the_predictions(
    scene: Scene, tmp_path: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    truth = write_truth(tmp_path / "truth.mcap", scene, scene.stamps_ns[:COUNT])
    session, summary = evaluated(truth)
    assert session.camera.fx_px == pytest.approx(scene.camera.fx_px, abs=1e-3)
    assert (summary.completeness.detection_recall, session.problems) == (1.0, ())
    with pytest.raises(CameraError, match="--camera or --hfov"):
        session_of_files(write_results(scene, tmp_path / "people.mcap"), truth)


def test_recording_without_a_camera_has_that_of_the_predictions(
    scene: Scene, tmp_path: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    with BagWriter(tmp_path / "bare.mcap") as bag:
        for stamp, people in list(zip(scene.stamps_ns, scene.ground_truth, strict=True))[:COUNT]:
            bag.write_image(IMAGES, stamp, FRAME_ID, scene.image(0))
            bag.write_people(GROUND_TRUTH, stamp, FRAME_ID, people, MUCO, id_prefix="gt_")
    session, summary = evaluated(tmp_path / "bare.mcap")
    assert summary.completeness.detection_recall == 1.0
    assert "CameraInfo" in session.problems[0]


def test_recording_without_ground_truth_gives_no_accuracy(
    scene: Scene, tmp_path: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    bare = write_truth(tmp_path / "bare.mcap", scene, (), images=scene.stamps_ns[:COUNT])
    session, summary = evaluated(bare)
    assert not session.has_ground_truth
    assert summary.completeness.false_positives is None
    assert np.isnan([summary.accuracy.mpjpe_mm, summary.completeness.detection_recall]).all()
    assert summary.completeness.people_per_frame == 3
    assert session.problems == (f"{bare} has no ground truth: what needs it is left out",)


def test_frames_that_the_ground_truth_does_not_know_are_not_scored(
    scene: Scene, tmp_path: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    every_third = scene.stamps_ns[:COUNT:3]
    for images in ((), scene.stamps_ns[:COUNT]):
        session, summary = evaluated(write_truth(tmp_path / "t.mcap", scene, every_third, images=images))
        assert [frame.is_annotated for frame in session.frames] == [n % 3 == 0 for n in range(COUNT)]
        found = summary.completeness
        assert (found.detection_recall, found.false_positives, found.mota) == (1.0, 0, 1.0)
        assert "6 of 10 frames have no ground truth and are not scored" in session.problems


def test_empty_frames_and_a_person_of_one_frame(
    recording: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    session, summary = evaluated(recording, lambda number, people: people[:1] if number == 4 else ())
    assert [len(frame.raw or ()) for frame in session.frames[:COUNT]] == [int(n == 4) for n in range(COUNT)]
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=0.1)
    assert np.isnan([summary.smoothness.mpjve_mm, summary.smoothness.jitter_raw]).all()
    assert 0 < summary.completeness.detection_recall_all < 0.1
    assert summary.speed.dropped == 20  # of 30 images


def test_no_one_found_is_a_recall_of_zero(recording: Path, evaluated: Callable[..., tuple[Session, Summary]]) -> None:
    _, summary = evaluated(recording, lambda *_: ())
    assert summary.completeness.detection_recall == 0.0
    assert np.isnan(summary.accuracy.mpjpe_mm)


def test_unsorted_and_repeated_stamps_are_sorted_and_counted(
    scene: Scene, tmp_path: Path, evaluated: Callable[..., tuple[Session, Summary]]
) -> None:
    stamps = list(scene.stamps_ns[:COUNT])
    mixed = [stamps[1], stamps[0], *stamps[2:], stamps[9], stamps[9]]
    session, summary = evaluated(write_truth(tmp_path / "t.mcap", scene, mixed))
    assert [frame.stamp_ns for frame in session.frames] == stamps
    assert "2 messages have the stamp of an earlier one" in session.problems[0]
    assert summary.completeness.detection_recall == 1.0
    assert summary.smoothness.mpjve_mm == pytest.approx(0.0, abs=0.2)


def test_clock_that_was_set_back_breaks_motion_there(scene: Scene, tmp_path: Path) -> None:
    back = replace(scene, stamps_ns=tuple(s - (10**10 if n >= 5 else 0) for n, s in enumerate(scene.stamps_ns)))
    jitters = []
    for one in (scene, back):
        lines = write_lines(tmp_path / "p.jsonl", one, scene.ground_truth[:COUNT])
        session = session_of_files(lines, lines)
        assert [frame.stamp_ns for frame in session.frames] == list(one.stamps_ns[:COUNT])
        jitters.append(summarize(session).smoothness.jitter_truth)
    assert jitters[1] == pytest.approx(jitters[0], rel=0.3)  # and not of a motion through ten seconds


def test_photographs_are_joined_by_name_and_have_no_motion(scene: Scene, tmp_path: Path) -> None:
    names = [f"img/{number}.jpg" for number in range(COUNT)]
    truth = write_lines(tmp_path / "truth.jsonl", scene, scene.ground_truth[:COUNT], names)
    backwards = list(reversed(scene.ground_truth[:COUNT]))
    found = write_lines(tmp_path / "found.jsonl", scene, backwards, [f"{COUNT - 1 - n}.jpg" for n in range(COUNT)])
    summary = summarize(session_of_files(found, truth))
    assert (summary.completeness.detection_recall, summary.completeness.id_switches) == (1.0, 0)
    assert summary.accuracy.mrpe_mm == pytest.approx(0.0, abs=0.1)
    assert np.isnan([summary.smoothness.mpjve_mm, summary.smoothness.jitter_truth]).all()


def test_frames_that_could_not_be_used_are_named_and_not_scored(scene: Scene, recording: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p.jsonl", scene, scene.ground_truth)
    lines = path.read_text().splitlines()
    lines[3] = error_line(3, scene.stamps_ns[3], ValueError("cut short"))
    path.write_text("\n".join(lines) + "\n")
    session = session_of_files(path, recording)
    assert len(session.frames) == 29
    assert summarize(session).speed.dropped == 0
    assert session.problems == ("frame 3: cut short",)
