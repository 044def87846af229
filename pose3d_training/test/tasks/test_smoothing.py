"""The smoother's training task and the running smoother give the same joints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine, TensorSpec
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import (
    NOMINAL_DT_S,
    cam2ray,
    correction_size,
    feature_size,
    sequence_features,
)
from pose3d_ros.stages.smooth.smoother import Smoother
from pose3d_ros.types import Array
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep
from pose3d_training.tasks.noisy_tracks import held
from pose3d_training.tasks.smoothing import _SMOOTHNESS_WEIGHTS, _errors, _weighted, apply_corrections, followed

SKELETON = get_skeleton("muco21")
JOINTS, MAX_GAP_S = len(SKELETON), 0.5
SIZES = feature_size(JOINTS), correction_size(JOINTS)


def model() -> TemporalModel:
    torch.manual_seed(0)
    net = TemporalModel(1, SIZES[0], JOINTS, (3, 3, 3), causal=True, dropout=0.0, channels=16).eval()
    torch.nn.init.normal_(net.shrink.weight, std=0.01)  # corrections of centimetres, the root joint's own among them
    return net


class StepEngine(Engine):
    """The net one frame at a time, as it is exported."""

    def __init__(self, net: TemporalModel) -> None:
        self.step = TemporalStep(net)
        states = [("batch", *shape) for shape in self.step.state_shapes]
        super().__init__(
            "torch",
            _specs(("x", ("batch", SIZES[0])), *((f"state_{i}", s) for i, s in enumerate(states))),
            _specs(("y", ("batch", SIZES[1])), *((f"next_state_{i}", s) for i, s in enumerate(states))),
        )

    def _run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        states = [torch.from_numpy(feeds[f"state_{i}"]) for i in range(len(self.step.state_shapes))]
        out = self.step(torch.from_numpy(feeds["x"]), *states)
        return {name.name: value.numpy() for name, value in zip(self.outputs, out, strict=True)}

    def _release(self) -> None:
        pass


def _specs(*ports: tuple[str, tuple[int | str, ...]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, shape, "float32") for name, shape in ports)


ENTRY = ManifestEntry(
    name="test",
    roles=("smoother",),
    file=Path("a.onnx"),
    sha256="0" * 64,
    decoder="temporal_step",
    skeleton="muco21",
    units="m",
    license="-",
    training_data="-",
)
NET = model()


def person(track_id: int, joints_m: Array) -> Person:
    detection = Detection(np.array([0.0, 0, 1, 1]), 1.0)
    pose = Pose(joints_m[SKELETON.root], joints_m, np.zeros((JOINTS, 2)), np.ones(JOINTS), SKELETON, detection)
    return Person(track_id, TrackState.TRACKED, pose, np.zeros(3), 1.0)


def motions(people: int, frames: int, rng: np.random.Generator) -> Array:
    """Joints (P, T, J, 3) of people about 4 m away, some missing at times."""
    path = np.cumsum(rng.normal(0, 0.02, (people, frames, 1, 3)), axis=1) + [0, 0, 4]
    joints = rng.normal(0, 0.3, (people, 1, JOINTS, 3)) + path + rng.normal(0, 0.01, (people, frames, JOINTS, 3))
    missing = rng.random((people, frames, JOINTS)) < 0.05
    missing[..., SKELETON.root] = False
    joints[missing] = np.nan
    return np.asarray(joints)


def whole_window(joints_m: Array, dt_s: Array) -> Array:
    """Smoothed joints (T, J, 3) from the root, by the training's code, of all frames at once."""
    root = joints_m[:, SKELETON.root]
    relative, present = held(joints_m - root[:, None]), np.isfinite(joints_m).all(axis=-1)
    features = torch.from_numpy(sequence_features(relative, root, dt_s))[None]
    turn = torch.from_numpy(cam2ray(root)).float()[None]
    with torch.no_grad():
        out = NET.forward_sequence(features)
        posed = apply_corrections(torch.from_numpy(relative)[None].float(), out, turn, SKELETON.root)
        seen = torch.from_numpy(present)[None].float()
        return followed(posed, features[..., -1] * NOMINAL_DT_S, seen)[0].numpy()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 90), st.integers(0, 999))
def test_steps_give_what_the_whole_window_does(people: int, frames: int, seed: int) -> None:
    """Any length, irregular stamps, people and joints that are missing for a while, gaps after which all is new."""
    rng = np.random.default_rng(seed)
    joints = motions(people, frames, rng)
    gaps_s = rng.choice([0.0, 0.3, 0.8], frames, p=[0.9, 0.06, 0.04])
    stamps_ns = np.cumsum(((rng.uniform(0.02, 0.15, frames) + gaps_s) * 1e9).astype(np.int64))
    there = rng.random((people, frames)) < 0.9
    smoother = Smoother(RoleEngine(StepEngine(NET), ENTRY), SmootherConfig(max_gap_s=MAX_GAP_S))
    found = np.full_like(joints, np.nan)
    for t, stamp_ns in enumerate(stamps_ns):
        present = [p for p in range(people) if there[p, t]]
        for p, after in zip(
            present, smoother.update([person(p, joints[p, t]) for p in present], int(stamp_ns)), strict=True
        ):
            found[p, t] = after.pose.joints_cam_m - after.pose.root_cam_m
    for p in range(people):
        at = np.flatnonzero(there[p])
        apart_s = np.diff(stamps_ns[at]) * 1e-9
        for part in np.split(at, np.flatnonzero(apart_s > MAX_GAP_S) + 1):
            if len(part):
                expected = whole_window(joints[p, part], np.diff(stamps_ns[part], prepend=0) * 1e-9)
                expected[np.isnan(joints[p, part])] = np.nan
                np.testing.assert_allclose(found[p, part], expected, atol=1e-5)


def test_root_joint_equals_the_root_and_others_are_changed() -> None:
    smoother = Smoother(RoleEngine(StepEngine(NET), ENTRY))
    for t, joints in enumerate(motions(1, 12, np.random.default_rng(0))[0]):
        pose = smoother.update((person(1, joints),), t * 50_000_000)[0].pose
        np.testing.assert_allclose(pose.joints_cam_m[SKELETON.root], pose.root_cam_m, atol=1e-9)
        relative_m = joints - joints[SKELETON.root]
    assert np.nanmax(np.abs(pose.joints_cam_m - pose.root_cam_m - relative_m)) > 0.005


def test_zero_correction_keeps_the_joints() -> None:
    measured = torch.randn(2, 5, JOINTS, 3)
    zeros, turn = torch.zeros(2, 5, SIZES[1]), torch.eye(3).expand(2, 5, 3, 3)
    assert torch.equal(apply_corrections(measured, zeros, turn, SKELETON.root), measured)


def test_only_joints_that_are_present_count() -> None:
    true, present = torch.zeros(1, 6, 3, 3), torch.ones(1, 6, 3)
    found = true.clone()
    found[:, :, 1, 0] = 0.3  # one of three joints is off by a constant
    position, first, second = _errors(found, true, present)
    assert (float(position), float(first), float(second)) == pytest.approx((0.1, 0, 0))
    found[:, 3, 2, 1] = 50.0  # where it is not measured
    present[:, 3, 2] = 0
    position, first, second = _errors(found, true, present)
    assert (float(position), float(first), float(second)) == pytest.approx((0.3 * 6 / 17, 0, 0))


def test_differences_count_less_at_a_higher_rate() -> None:
    """As those of a motion do: twice the rate halves first differences, and quarters second ones."""
    true, present = torch.zeros(1, 6, 2, 3), torch.ones(1, 6, 2)
    found = true.clone()
    found[:, ::2, :, 0] = 0.01  # to and fro: differences of 10 and 20 mm
    full, fast, slow = (
        float(_weighted(found, true, present, torch.full((1, 6), dt_s))) for dt_s in (1 / 15, 1 / 30, 1 / 8)
    )
    position, first, second = _SMOOTHNESS_WEIGHTS
    assert full == slow == pytest.approx(0.005 * position + 0.01 * first + 0.02 * second)
    assert fast == pytest.approx(0.005 * position + 0.005 * first + 0.005 * second)
