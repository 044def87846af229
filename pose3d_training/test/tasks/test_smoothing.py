"""The smoother's training task and the running smoother give the same joints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine, TensorSpec
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import cam2ray, correction_size, feature_size, sequence_features
from pose3d_ros.stages.smooth.smoother import Smoother
from pose3d_ros.types import Array
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.tasks.smoothing import _errors, apply_corrections

SKELETON = get_skeleton("muco21")
JOINTS, FRAMES, STEP_NS = len(SKELETON), 12, 50_000_000
SIZES = feature_size(JOINTS), correction_size(JOINTS)


def model() -> TemporalModel:
    torch.manual_seed(0)
    net = TemporalModel(1, SIZES[0], JOINTS + 1, (3, 3), causal=True, dropout=0.0, channels=16).eval()
    torch.nn.init.normal_(net.shrink.weight, std=0.01)  # corrections of centimetres, the root joint's own among them
    return net


class TorchEngine(Engine):
    """The net, run on the whole past at every frame; its one state counts the frames."""

    def __init__(self, net: TemporalModel) -> None:
        self.net = net
        self.past: list[torch.Tensor] = []
        state = ("batch", 1, 1)
        super().__init__(
            "torch",
            (TensorSpec("x", ("batch", SIZES[0]), "float32"), TensorSpec("state_0", state, "float32")),
            (TensorSpec("y", ("batch", SIZES[1]), "float32"), TensorSpec("next_state_0", state, "float32")),
        )

    def _run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        self.past.append(torch.from_numpy(feeds["x"].copy()))
        with torch.no_grad():
            out = self.net.forward_sequence(torch.stack(self.past, dim=1))
        return {"y": out[:, -1].reshape(len(feeds["x"]), -1).numpy(), "next_state_0": feeds["state_0"] + 1}

    def _release(self) -> None:
        self.past = []


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
Both = tuple[Array, Array, list[Pose]]


def person(joints_m: Array) -> Person:
    detection = Detection(np.array([0.0, 0, 1, 1]), 1.0)
    pose = Pose(joints_m[SKELETON.root], joints_m, np.zeros((JOINTS, 2)), np.ones(JOINTS), SKELETON, detection)
    return Person(1, TrackState.TRACKED, pose, np.zeros(3), 1.0)


@pytest.fixture(scope="module")
def both() -> Both:
    """Joints (T, J, 3) smoothed by the training's code and by the running smoother."""
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0, 0.02, (FRAMES, 1, 3)), axis=0) + np.array([0, 0, 4])
    measured = rng.normal(0, 0.3, (1, JOINTS, 3)) + path + rng.normal(0, 0.01, (FRAMES, JOINTS, 3))
    net, root = model(), measured[:, SKELETON.root]
    features = sequence_features(measured - root[:, None], root, np.full(FRAMES, STEP_NS * 1e-9))
    turn = torch.from_numpy(cam2ray(root)).float()[None]
    with torch.no_grad():
        out = net.forward_sequence(torch.from_numpy(features)[None])
        trained = apply_corrections(torch.from_numpy(measured)[None].float(), out, turn, SKELETON.root)[0].numpy()
    smoother = Smoother(RoleEngine(TorchEngine(net), ENTRY))
    ran = [smoother.update((person(joints),), i * STEP_NS)[0].pose for i, joints in enumerate(measured)]
    return measured, trained, ran


def test_running_smoother_gives_the_outputs_of_training(both: Both) -> None:
    _, trained, ran = both
    np.testing.assert_allclose(np.array([p.joints_cam_m for p in ran]), trained, atol=1e-5)


def test_root_joint_equals_the_root(both: Both) -> None:
    _, _, ran = both
    for pose in ran:
        np.testing.assert_allclose(pose.joints_cam_m[SKELETON.root], pose.root_cam_m, atol=1e-9)


def test_smoother_changes_the_joints(both: Both) -> None:
    measured, trained, _ = both
    assert np.abs(trained - measured).max() > 0.005


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


def test_root_correction_moves_all_joints() -> None:
    measured, corrections = torch.randn(1, 3, JOINTS, 3), torch.zeros(1, 3, SIZES[1])
    corrections[..., -3:] = torch.tensor([0.1, -0.2, 0.3])
    turn = torch.eye(3).expand(1, 3, 3, 3)
    moved = apply_corrections(measured, corrections, turn, SKELETON.root) - measured
    assert torch.allclose(moved, torch.tensor([0.1, -0.2, 0.3]).expand_as(moved), atol=1e-6)
