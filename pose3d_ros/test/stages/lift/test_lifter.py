"""Lifters run by ONNX Runtime: each decoder against its network offline, people that swap, and where axes point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines import Engine, ManifestEntry
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera, rotation_to_rays
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lift_features import person_features, screen_features
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_training.nets.exported_graphs import export_temporal_step, export_temporal_windows
from pose3d_training.nets.temporal_net import TemporalModel

Array = npt.NDArray[np.float64]
MakeEngine = Callable[..., Any]
MakeEntry = Callable[..., ManifestEntry]

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
CAMERA = Camera.from_hfov(70.0, 640, 480)
STEP_NS = 40_000_000
WIDTHS = (3, 3)
FIELD = 9
BOXES = np.array([[50.0, 50.0, 200.0, 400.0], [350.0, 50.0, 500.0, 400.0]])


@dataclass(frozen=True, eq=False)
class Clip:
    """joints_img_px (T, P, 17, 2) of P people, and a box (P, 4) each that stays."""

    joints_img_px: Array
    boxes_xyxy_px: Array

    @property
    def scores(self) -> Array:
        return np.array([np.linspace(0.5, 0.9, 17)] * self.joints_img_px.shape[1], dtype=np.float64)

    def normalized(self) -> Array:
        return CAMERA.rays(self.joints_img_px)[..., :2]

    def lifted(self, lifter: Lifter, order: Callable[[int], list[int]] = lambda t: [0, 1]) -> Array:
        """(T, P, J, 3); order: the people's order in frame t's detections."""
        frames = []
        for t, joints in enumerate(self.joints_img_px):
            at = order(t)
            done = lifter(CAMERA, t * STEP_NS, self.boxes_xyxy_px[at], joints[at], self.scores[at])
            frames.append(done.relative_m[np.argsort(at)])
        return np.array(frames)


def a_clip(frames: int = 14) -> Clip:
    rng = np.random.default_rng(5)
    low, high = BOXES[:, None, :2], BOXES[:, None, 2:]
    start = rng.uniform(low + 20, high - 20, (2, 17, 2))
    return Clip(start + np.cumsum(rng.normal(0, 2, (frames, 2, 17, 2)), axis=0), BOXES)


def a_model(causal: bool, features: int = 2) -> TemporalModel:
    torch.manual_seed(0)
    model = TemporalModel(17, features, 17, WIDTHS, causal=causal, channels=8).eval()
    for norm in (model.expand_bn, *model.layers_bn):
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
    return model


def linear_graph(path: Path, weights: Array) -> Engine:
    """`lifter_frame`: keypoints (N, 17, F) flattened, times weights (17·F, 17·3)."""
    features = weights.shape[0] // 17
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["keypoints"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weights"], ["out"]),
            helper.make_node("Reshape", ["out", "shape"], ["joints"]),
        ],
        "linear",
        [helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["batch", 17, features])],
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, ["batch", 17, 3])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(np.array([-1, 17, 3]), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return OnnxEngine(path, threads=1)


@pytest.fixture
def entry(make_entry: MakeEntry) -> Callable[..., ManifestEntry]:
    def make(decoder: str, field: int = FIELD, **parameters: Any) -> ManifestEntry:
        given = {"input_skeleton": "coco17", "input_features": 2, "receptive_field": field, **parameters}
        known = {name: value for name, value in given.items() if value is not None}
        return make_entry(decoder, roles=("lifter",), skeleton="h36m17", normalization=None, parameters=known)

    return make


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows") / "windows.onnx"
    export_temporal_windows(a_model(causal=False), path)
    return path


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("steps") / "steps.onnx"
    export_temporal_step(a_model(causal=True), path)
    return path


@pytest.fixture
def frame_engine(tmp_path: Path) -> Engine:
    return linear_graph(tmp_path / "frame.onnx", np.random.default_rng(1).normal(0, 0.3, (34, 51)))


def from_root(joints: npt.NDArray[np.floating]) -> Array:
    return np.asarray(joints - joints[..., H36M.root : H36M.root + 1, :], dtype=np.float64)


def offline(model: TemporalModel, clip: Array) -> Array:
    """The model over each person's frames (T, P, J, F), as they are: (T', P, J, 3) from the root."""
    with torch.no_grad():
        joints = model(torch.from_numpy(clip.transpose(1, 0, 2, 3).astype(np.float32)))
    return from_root(joints.numpy().transpose(1, 0, 2, 3))


def test_a_frame_by_hand(tmp_path: Path, entry: Callable[..., ManifestEntry]) -> None:
    # x of the left wrist becomes X of the pelvis (the root), y of the nose becomes Z of the nose, in units of 1 cm.
    weights = np.zeros((34, 51))
    weights[2 * COCO.index_of["L_Wrist"], 3 * H36M.index_of["Pelvis"]] = 1.0
    weights[2 * COCO.index_of["Nose"] + 1, 3 * H36M.index_of["Nose"] + 2] = 1.0
    engine = linear_graph(tmp_path / "frame.onnx", weights)
    lifter = Lifter(engine, entry("lifter_frame", 1, focal=2.0, metres_per_unit=0.01), COCO)
    joints = np.full((1, 17, 2), 100.0)
    joints[0, COCO.index_of["L_Wrist"]] = CAMERA.project([0.5, 0.0, 1.0])
    joints[0, COCO.index_of["Nose"]] = CAMERA.project([0.0, -0.25, 1.0])
    lifted = lifter(CAMERA, 0, BOXES[:1], joints, np.ones((1, 17)))
    expected = np.tile([-0.01, 0.0, 0.0], (17, 1))
    expected[H36M.index_of["Pelvis"]] = 0.0
    expected[H36M.index_of["Nose"], 2] = -0.005
    np.testing.assert_allclose(lifted.relative_m, expected[None], atol=1e-8)


def test_a_window_is_the_offline_run_over_a_padded_clip(windows: Path, entry: Callable[..., ManifestEntry]) -> None:
    clip, model = a_clip(), a_model(causal=False)
    lifted = clip.lifted(Lifter(OnnxEngine(windows, threads=1), entry("videopose3d"), COCO))
    features = clip.normalized() * 2.29
    for t in range(len(lifted)):
        # What VideoPose3D makes of the last frame of a clip that ends at t: "edge" padding by 4 at both ends.
        padded = np.pad(features[: t + 1], ((FIELD // 2, FIELD // 2), (0, 0), (0, 0), (0, 0)), "edge")
        np.testing.assert_allclose(lifted[t], offline(model, padded)[-1], atol=1e-5)


def test_a_step_is_the_offline_run_over_a_padded_clip(steps: Path, entry: Callable[..., ManifestEntry]) -> None:
    clip, model = a_clip(), a_model(causal=True)
    lifted = clip.lifted(Lifter(OnnxEngine(steps, threads=1), entry("videopose3d_step"), COCO))
    padded = np.pad(clip.normalized() * 2.29, ((FIELD - 1, 0), (0, 0), (0, 0), (0, 0)), "edge")
    np.testing.assert_allclose(lifted, offline(model, padded), atol=1e-5)
    # The same by the network's own sequence from zero states, once its first frame has come as often as it can see.
    sequence = torch.from_numpy(padded.transpose(1, 0, 2, 3).reshape(2, -1, 34).astype(np.float32))
    with torch.no_grad():
        answers = model.forward_sequence(sequence).numpy()[:, FIELD - 1 :].reshape(2, -1, 17, 3)
    np.testing.assert_allclose(lifted, from_root(answers.transpose(1, 0, 2, 3)), atol=1e-5)


def test_everybody_is_one_batch(make_engine: MakeEngine, entry: Callable[..., ManifestEntry]) -> None:
    def answer(feeds: Any) -> dict[str, Any]:
        return {"joints": np.zeros((len(feeds["keypoints"]), 1, 17, 3), dtype=np.float32)}

    engine = make_engine(answer, {"keypoints": ("n", "frames", 17, 2)}, joints=("n", "frames-8", 17, 3))
    a_clip(3).lifted(Lifter(engine, entry("videopose3d"), COCO))
    assert [call["keypoints"].shape for call in engine.calls] == [(2, FIELD, 17, 2)] * 3


@pytest.mark.parametrize("decoder", ["videopose3d", "videopose3d_step"])
def test_people_who_swap_places_in_the_list_keep_their_past(
    decoder: str, windows: Path, steps: Path, entry: Callable[..., ManifestEntry]
) -> None:
    clip, path = a_clip(), windows if decoder == "videopose3d" else steps
    one, other = (Lifter(OnnxEngine(path, threads=1), entry(decoder), COCO) for _ in range(2))
    swapped = clip.lifted(other, lambda t: [1, 0] if t % 3 == 1 else [0, 1])
    np.testing.assert_allclose(swapped, clip.lifted(one), atol=1e-6)


@pytest.mark.parametrize("decoder", ["videopose3d", "videopose3d_step"])
def test_a_gap_a_clock_that_goes_back_and_a_reset_start_afresh(
    decoder: str, windows: Path, steps: Path, entry: Callable[..., ManifestEntry]
) -> None:
    clip, path = a_clip(4), windows if decoder == "videopose3d" else steps
    lifter = Lifter(OnnxEngine(path, threads=1), entry(decoder), COCO)
    last = (BOXES, clip.joints_img_px[3], clip.scores)
    fresh = Lifter(OnnxEngine(path, threads=1), entry(decoder), COCO)(CAMERA, 0, *last).relative_m
    clip.lifted(lifter)
    assert np.abs(lifter(CAMERA, 4 * STEP_NS, *last).relative_m - fresh).max() > 1e-4
    clip.lifted(lifter)  # the clock goes back
    np.testing.assert_allclose(lifter(CAMERA, 3 * STEP_NS + 500_000_001, *last).relative_m, fresh, atol=1e-6)
    clip.lifted(lifter)
    np.testing.assert_allclose(lifter(CAMERA, 0, *last).relative_m, fresh, atol=1e-6)
    clip.lifted(lifter)
    lifter.reset()
    np.testing.assert_allclose(lifter(CAMERA, 4 * STEP_NS, *last).relative_m, fresh, atol=1e-6)


def test_a_frame_that_failed_changes_nobodys_past(make_engine: MakeEngine, entry: Callable[..., ManifestEntry]) -> None:
    def answer(feeds: Any) -> dict[str, Any]:
        if fails:
            raise EngineError("engine", expected="a run", got="none", fix="Try again.")
        return {"joints": np.zeros((len(feeds["keypoints"]), 1, 17, 3), dtype=np.float32)}

    fails, clip = False, a_clip(3)
    engine = make_engine(answer, {"keypoints": ("n", "frames", 17, 2)}, joints=("n", "frames-8", 17, 3))
    lifter = Lifter(engine, entry("videopose3d"), COCO)
    lifter(CAMERA, 0, BOXES, clip.joints_img_px[0], clip.scores)
    fails = True
    with pytest.raises(EngineError, match="Try again"):
        lifter(CAMERA, STEP_NS, BOXES, clip.joints_img_px[1], clip.scores)
    fails = False
    lifter(CAMERA, 2 * STEP_NS, BOXES, clip.joints_img_px[2], clip.scores)
    first, _, second = (screen_features(CAMERA.rays(j)[..., :2], clip.scores) for j in clip.joints_img_px)
    window = engine.calls[-1]["keypoints"]
    np.testing.assert_allclose(window[:, FIELD // 2 - 1], first, atol=1e-6)
    np.testing.assert_allclose(window[:, FIELD // 2], second, atol=1e-6)


@pytest.mark.parametrize(
    ("read", "ahead"), [("screen", "camera"), ("screen", "crop"), ("person", "camera"), ("person", "crop")]
)
def test_inputs_and_axes(read: str, ahead: str, tmp_path: Path, entry: Callable[..., ManifestEntry]) -> None:
    weights = np.random.default_rng(2).normal(0, 0.3, (51, 51))
    engine = linear_graph(tmp_path / "frame.onnx", weights)
    made = entry("lifter_frame", 1, input=read, ahead=ahead, input_features=3)
    clip = a_clip(1)
    lifted = clip.lifted(Lifter(engine, made, COCO))[0]
    features, turned = person_features(clip.normalized()[0], clip.scores)
    if read == "screen":
        features = screen_features(clip.normalized()[0], clip.scores, with_scores=True)
        turned = rotation_to_rays(CAMERA.rays((BOXES[:, :2] + BOXES[:, 2:]) / 2))
    joints = from_root((features.reshape(2, -1) @ weights).reshape(2, 17, 3))
    expected = np.stack([r @ j.T for r, j in zip(turned, joints, strict=True)]).transpose(0, 2, 1)
    np.testing.assert_allclose(lifted, expected if ahead == "crop" else joints, atol=1e-5)


@pytest.mark.parametrize(("read", "ahead"), [("screen", "camera"), ("person", "crop")])
def test_axes_by_default(read: str, ahead: str, frame_engine: Engine, entry: Callable[..., ManifestEntry]) -> None:
    clip = a_clip(1)
    given, default = (
        clip.lifted(Lifter(frame_engine, entry("lifter_frame", 1, input=read, ahead=a), COCO)) for a in (ahead, None)
    )
    np.testing.assert_array_equal(given, default)


def test_a_person_reads_the_same_wherever_the_camera_looks(
    frame_engine: Engine, entry: Callable[..., ManifestEntry]
) -> None:
    # Two views of one person from one place: the joints from the root differ by the cameras' rotation alone.
    rng = np.random.default_rng(3)
    lifter = Lifter(frame_engine, entry("lifter_frame", 1, input="person"), COCO)
    person_m = rng.uniform(-0.7, 0.7, (17, 3)) + (0, 0, 5)
    rays = person_m / np.linalg.norm(person_m, axis=1, keepdims=True)
    straight = rotation_to_rays(rays.mean(axis=0)[None])[0]
    turn = rotation_to_rays(np.array([[0.4, 0.2, 1.0]]))[0]
    views = np.stack([person_m @ straight, person_m @ straight @ turn.T])
    lifted = lifter(CAMERA, 0, BOXES, CAMERA.project(views), np.ones((2, 17))).relative_m
    np.testing.assert_allclose(lifted[1], lifted[0] @ turn.T, atol=1e-5)
