from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines import RoleEngine, default_manifest_dir, load_manifest
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import SKELETONS, Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smoother import Smoother, why_unsmoothed

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

CAMERA = Camera.from_hfov(60.0, 640, 480)
SKELETON = get_skeleton("mpii16")
J = 16
X, Y = 6 * J + 4, 3 * J
STEP_NS = 50_000_000
INPUTS: Shapes = {"x": ("batch", X), "state_0": ("batch", 2, 3)}
OUTPUTS: Shapes = {"y": ("batch", Y), "next_state_0": ("batch", 2, 3)}


def step(feeds: Tensors) -> Tensors:
    """Counts a person's frames in the state; per frame counted, corrects joint j by j mm along the ray."""
    state = feeds["state_0"] + 1
    along_ray = np.arange(J) * 0.001
    y = np.stack([0 * along_ray, 0 * along_ray, along_ray], axis=-1).reshape(1, Y)
    return {"y": (state[:, :1, 0] * y).astype(np.float32), "next_state_0": state}


def person(
    track_id: int,
    root: npt.ArrayLike = (0, 0, 4),
    state: TrackState = TrackState.TRACKED,
    skeleton: Skeleton = SKELETON,
) -> Person:
    root_cam_m, count = np.array(root, dtype=np.float64), len(skeleton)
    joints = root_cam_m + np.linspace(-0.5, 0.5, 3 * count).reshape(count, 3)
    pose = Pose(root_cam_m, joints, CAMERA.project(joints), np.ones(count), skeleton, Detection(np.zeros(4), 0.9))
    return Person(track_id, state, pose, np.zeros(3), 0.9)


@pytest.fixture
def engine() -> AnsweringEngine:
    return AnsweringEngine(step, INPUTS, OUTPUTS)


def smoother_of(engine: AnsweringEngine, **parameters: int) -> Smoother:
    entry = manifest_entry("temporal_step", skeleton="mpii16", parameters=parameters)
    return Smoother(RoleEngine(engine, entry), SmootherConfig(max_gap_s=0.5))


@pytest.fixture
def smoother(engine: AnsweringEngine) -> Smoother:
    return smoother_of(engine)


def counted(smoother: Smoother, engine: AnsweringEngine, people: Sequence[Person], stamp_ns: int) -> list[int]:
    """How many frames of each person the network has seen with this one."""
    smoother.update(people, stamp_ns)
    return [int(frames) + 1 for frames in engine.calls[-1]["state_0"][:, 0, 0]]


def test_corrections_go_along_the_ray(smoother: Smoother) -> None:
    (before,) = people = (person(1, (3, 0, 4)),)
    (after,) = smoother.update(people, 0)
    ray = np.array([0.6, 0, 0.8])
    np.testing.assert_array_equal(after.pose.root_cam_m, before.pose.root_cam_m)
    # Counted from the root joint's.
    own = (np.arange(J) - SKELETON.root) * 0.001
    moved = after.pose.joints_cam_m - before.pose.joints_cam_m
    np.testing.assert_allclose(moved, own[:, None] * ray, atol=1e-6)
    np.testing.assert_array_equal(after.pose.joints_img_px, before.pose.joints_img_px)


def test_root_is_filtered_and_carries_the_joints(smoother: Smoother) -> None:
    roots, still = [], smoother_of(AnsweringEngine(step, INPUTS, OUTPUTS))
    for i in range(40):
        (after,) = smoother.update((person(1, (0, 0, 4 + 0.1 * (-1) ** i)),), i * STEP_NS)
        (steady,) = still.update((person(1),), i * STEP_NS)
        roots.append(after.pose.root_cam_m[2])
        relative_m, steady_m = (p.pose.joints_cam_m - p.pose.root_cam_m for p in (after, steady))
        np.testing.assert_allclose(relative_m, steady_m, atol=1e-9)
    assert np.ptp(roots[20:]) < 0.05
    assert np.mean(roots[20:]) == pytest.approx(4.0, abs=0.03)


def test_pose_follows_the_networks_without_steps(smoother: Smoother) -> None:
    (before,) = people = (person(1),)
    after = [smoother.update(people, i * STEP_NS)[0] for i in range(60)]
    moved_m = np.array([np.linalg.norm((p.pose.joints_cam_m - before.pose.joints_cam_m)[0]) for p in after])
    asked_m = 0.001 * abs(SKELETON.root) * np.arange(1, 61)
    assert moved_m[0] == pytest.approx(asked_m[0])
    assert moved_m[1] < asked_m[1] - 0.0003  # a step is not followed at once
    np.testing.assert_allclose(moved_m[40:], asked_m[40:], rtol=1e-3)  # a constant velocity is, without a lag


def test_pixels_follow_when_there_is_a_camera(smoother: Smoother) -> None:
    (after,) = smoother.update((person(1),), 0, CAMERA)
    np.testing.assert_allclose(after.pose.joints_img_px, CAMERA.project(after.pose.joints_cam_m))


def test_all_people_are_one_batch_with_separate_states(smoother: Smoother, engine: AnsweringEngine) -> None:
    people = tuple(person(i, (0.1 * i, 0, 4)) for i in range(20, 0, -1))
    smoother.update(people[15:], 0)
    assert counted(smoother, engine, people, STEP_NS) == [1] * 15 + [2] * 5
    assert [len(call["x"]) for call in engine.calls] == [5, 20]


def test_features_of_two_frames(smoother: Smoother, engine: AnsweringEngine) -> None:
    smoother.update((person(1, (0, 0, 4)),), 0)
    smoother.update((person(1, (0, 0, 3.8)),), STEP_NS)
    first, second = (call["x"][0] for call in engine.calls)
    assert (first[3 * J : 6 * J + 3] == 0).all()
    assert first[-1] == pytest.approx(1.0)
    np.testing.assert_allclose(second[6 * J :], [0, 0, -2.0, 0.05 / 0.0333], atol=1e-5)


def test_missing_joint_is_held_inside_and_stays_missing_outside(smoother: Smoother, engine: AnsweringEngine) -> None:
    smoother.update((person(1),), 0)
    partial = person(1)
    partial.pose.joints_cam_m[3] = np.nan
    (after,) = smoother.update((partial,), STEP_NS)
    first, second = (call["x"][0] for call in engine.calls)
    np.testing.assert_allclose(second[: 3 * J], first[: 3 * J], atol=1e-6)
    assert np.flatnonzero(np.isnan(after.pose.joints_cam_m).any(axis=1)).tolist() == [3]


def test_joint_never_seen_is_at_the_root(smoother: Smoother, engine: AnsweringEngine) -> None:
    partial = person(1)
    partial.pose.joints_cam_m[3] = np.nan
    smoother.update((partial,), 0)
    assert (engine.calls[0]["x"][0, 9:12] == 0).all()
    assert np.isfinite(engine.calls[0]["x"]).all()


@pytest.mark.parametrize(
    ("root", "state"),
    [
        ((0, 0, 4), TrackState.PREDICTED),
        ((0, 0, 4), TrackState.LOST),
        ((0, 0, -4), TrackState.TRACKED),
        ((0, 0, 0), TrackState.TRACKED),
    ],
)
def test_unseen_people_and_those_behind_the_camera_pass_unchanged(
    smoother: Smoother, engine: AnsweringEngine, root: npt.ArrayLike, state: TrackState
) -> None:
    unseen = person(1, root, state)
    assert smoother.update((unseen,), 0) == (unseen,)
    assert engine.calls == []


@pytest.mark.parametrize(
    ("stamp_ns", "frames"),
    [(400_000_000, 2), (600_000_000, 1), (-STEP_NS, 2), (-1_100_000_000, 1)],
    ids=["short absence", "long absence", "late frame", "clock goes back"],
)
def test_state_is_kept_over_a_short_gap_only(
    smoother: Smoother, engine: AnsweringEngine, stamp_ns: int, frames: int
) -> None:
    people = (person(1),)
    smoother.update(people, 0)
    assert counted(smoother, engine, people, stamp_ns) == [frames]


def test_states_of_lost_people_are_dropped(smoother: Smoother, engine: AnsweringEngine) -> None:
    people = (person(1),)
    smoother.update(people, 0)
    smoother.update((person(1, state=TrackState.LOST),), STEP_NS)
    assert counted(smoother, engine, people, 2 * STEP_NS) == [1]


def test_reset_drops_all_states(smoother: Smoother, engine: AnsweringEngine) -> None:
    people = (person(1),)
    smoother.update(people, 0)
    smoother.reset()
    assert counted(smoother, engine, people, STEP_NS) == [1]


def correction(joint: str) -> float:
    """How far the engine moves a joint it knows in a person's first frame."""
    return 0.001 * abs(SKELETON.index_of[joint] - SKELETON.root)


def test_default_smoother_takes_every_skeleton() -> None:
    entry = load_manifest(default_manifest_dir()).for_role("smoother")
    assert [why_unsmoothed(entry, skeleton) for skeleton in SKELETONS.values()] == [None] * len(SKELETONS)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_is_smoothed(engine: AnsweringEngine, name: str) -> None:
    skeleton, smoother = get_skeleton(name), smoother_of(engine, least_joints=8)
    before, after = (
        p.pose for p in (person(1, skeleton=skeleton), smoother.update([person(1, skeleton=skeleton)], 0)[0])
    )
    moved = np.linalg.norm(after.joints_cam_m - before.joints_cam_m, axis=1)
    for joint in set(skeleton.joints) & set(SKELETON.joints):
        assert moved[skeleton.index_of[joint]] == pytest.approx(correction(joint), abs=1e-6)
    assert after.skeleton is skeleton
    assert np.isfinite(engine.calls[0]["x"]).all()


def test_joints_that_the_network_lacks_keep_their_bones(engine: AnsweringEngine) -> None:
    body = get_skeleton("body40")
    before, after = (
        p.pose for p in (person(1, skeleton=body), smoother_of(engine).update([person(1, skeleton=body)], 0)[0])
    )
    for joint, carrier in (("L_Heel", "L_Ankle"), ("R_Thumb", "R_Wrist"), ("L_Eye", "Thorax")):
        at, to = body.index_of[joint], body.index_of[carrier]
        bone_m = after.joints_cam_m[at] - after.joints_cam_m[to]
        np.testing.assert_allclose(bone_m, before.joints_cam_m[at] - before.joints_cam_m[to], atol=1e-12)


def test_lost_joints_of_another_skeleton_stay_lost_and_the_rest_is_smoothed(engine: AnsweringEngine) -> None:
    smoother, coco = smoother_of(engine, least_joints=8), get_skeleton("coco17")
    partial = person(1, skeleton=coco)
    partial.pose.joints_cam_m[[coco.index_of["L_Hip"], coco.index_of["R_Ankle"]]] = np.nan
    (after,) = smoother.update([partial], 0)
    lost = np.isnan(after.pose.joints_cam_m).any(axis=1)
    assert {coco.joints[i] for i in np.flatnonzero(lost)} == {"L_Hip", "R_Ankle"}
    at = coco.index_of["R_Knee"]
    moved_m = np.linalg.norm(after.pose.joints_cam_m[at] - partial.pose.joints_cam_m[at])
    assert moved_m == pytest.approx(correction("R_Knee"), abs=1e-6)
    assert np.isfinite(engine.calls[0]["x"]).all()


def test_root_that_is_the_nose_moves_with_it_and_one_at_the_hips_with_them(engine: AnsweringEngine) -> None:
    coco = get_skeleton("coco17")
    smoother = smoother_of(engine, least_joints=8)
    for i in range(2):
        hips = person(2, (0, 0, 4 + 0.1 * i), skeleton=coco)
        nose = person(1, (0, 0, 4 + 0.1 * i), skeleton=coco)
        nose = replace(nose, pose=replace(nose.pose, root_cam_m=nose.pose.joints_cam_m[0].copy()))
        after = smoother.update([nose, hips], i * STEP_NS)
    np.testing.assert_array_equal(after[0].pose.root_cam_m, after[0].pose.joints_cam_m[0])
    assert 4.02 < after[1].pose.root_cam_m[2] < 4.09


def test_hips_that_are_lost_are_held_where_they_were_from_the_root(engine: AnsweringEngine) -> None:
    smoother, coco = smoother_of(engine, least_joints=8), get_skeleton("coco17")
    smoother.update([person(1, skeleton=coco)], 0)
    partial = person(1, skeleton=coco)
    partial.pose.joints_cam_m[[coco.index_of["L_Hip"], coco.index_of["R_Hip"]]] = np.nan
    smoother.update([partial], STEP_NS)
    first, second = (call["x"][0] for call in engine.calls)
    np.testing.assert_allclose(second[: 3 * J], first[: 3 * J], atol=1e-6)
    np.testing.assert_allclose(second[3 * J : 6 * J + 3], 0, atol=1e-6)


def test_people_of_several_skeletons_are_one_batch(engine: AnsweringEngine) -> None:
    smoother = smoother_of(engine, least_joints=8)
    people = [person(1), person(2, skeleton=get_skeleton("coco17")), person(3, skeleton=get_skeleton("h36m17"))]
    after = smoother.update(people, 0)
    assert [len(call["x"]) for call in engine.calls] == [3]
    assert [p.pose.skeleton.name for p in after] == ["mpii16", "coco17", "h36m17"]


def test_changed_skeleton_starts_the_person_afresh(engine: AnsweringEngine) -> None:
    smoother, changed = smoother_of(engine, least_joints=8), (person(1, skeleton=get_skeleton("body40")),)
    smoother.update([person(1)], 0)
    assert counted(smoother, engine, changed, STEP_NS) == [1]
    assert counted(smoother, engine, changed, 2 * STEP_NS) == [2]


def test_skeleton_with_too_few_joints_passes_unchanged_with_one_warning(
    engine: AnsweringEngine, caplog: pytest.LogCaptureFixture
) -> None:
    smoother, coco = smoother_of(engine), get_skeleton("coco17")  # without least_joints all are needed
    people = (person(1, skeleton=coco), person(2))
    for stamp_ns in (0, STEP_NS):
        after = smoother.update(people, stamp_ns)
        assert after[0] is people[0]
        assert after[1] is not people[1]
    (record,) = caplog.records
    assert "people come in coco17, which has 14 of the 16 joints it needs" in record.message
    assert smoother.why_unsmoothed(coco) == record.message
    assert smoother.why_unsmoothed(get_skeleton("body40")) is not None  # mpii16 has a Neck
    assert smoother_of(engine, least_joints=14).why_unsmoothed(coco) is None


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": ("batch", X + 1), "state_0": ("batch", 2, 3)}, OUTPUTS),
        ({"x": ("batch", X), "memory": ("batch", 2, 3)}, OUTPUTS),
        (INPUTS, {"y": ("batch", Y), "next_state_0": ("batch", 2, 4)}),
        (INPUTS, {"y": ("batch", Y)}),
    ],
)
def test_engines_of_another_layout_are_refused(inputs: Shapes, outputs: Shapes) -> None:
    with pytest.raises(EngineError, match=r"puts of answering for test \(decoder temporal_step\)"):
        smoother_of(AnsweringEngine(step, inputs, outputs))


def test_delay_is_that_of_the_manifest(engine: AnsweringEngine) -> None:
    assert smoother_of(engine).delay_frames == 0
    assert smoother_of(engine, delay_frames=2).delay_frames == 2
    with pytest.raises(EngineError, match="delay_frames"):
        smoother_of(engine, delay_frames=-1)
