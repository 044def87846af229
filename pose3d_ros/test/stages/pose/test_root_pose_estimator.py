from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator

MakeEngine = Callable[..., Engine]
MakeEntry = Callable[..., ManifestEntry]

J = 16
PLAIN = PoseConfig(flip_test=False)
ROOT = get_skeleton("mpii16").root
SIZE = 100
CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480)
# 80 px square about (320, 240); x1.25 gives 100 px, so a crop pixel is an image pixel, 270 further.
BOX = np.array([280.0, 200.0, 360.0, 280.0])
FRAME = Frame(np.zeros((480, 640, 3), dtype=np.uint8), CAMERA, 0)
INPUTS = {"image": ("batch", 3, SIZE, SIZE), "k_m": ("batch",)}
OUTPUTS: dict[str, tuple[int | str, ...]] = {
    "joints_crop_px": ("batch", J, 2),
    "relative_depth_m": ("batch", J),
    "joint_scores": ("batch", J),
    "root_depth_m": ("batch",),
    "root_log_sigma": ("batch",),
}


def metric(depth_m: float = 5.0, score: float = 0.9) -> Callable[[Any], dict[str, npt.NDArray[np.float32]]]:
    def answer(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        n = len(feeds["image"])
        joints = np.full((n, J, 2), 49.5, dtype=np.float32)
        relative = np.zeros((n, J), dtype=np.float32)
        scores = np.full((n, J), score, dtype=np.float32)
        joints[:, 0], relative[:, 0] = (59.5, 29.5), 1.0
        joints[:, 1] = (150.0, 50.0)
        scores[:, 2] = 0.01
        return {
            "joints_crop_px": joints,
            "relative_depth_m": relative,
            "joint_scores": scores,
            "root_depth_m": np.full(n, depth_m, dtype=np.float32),
            "root_log_sigma": np.full(n, np.log(0.1), dtype=np.float32),
        }

    return answer


@pytest.fixture
def model(make_engine: MakeEngine, make_entry: MakeEntry) -> Callable[..., RoleEngine]:
    def make(answer: Any, **changes: Any) -> RoleEngine:
        fields = {"decoder": "root_pose_metric", "input_size_px": (SIZE, SIZE), "skeleton": "mpii16", **changes}
        return RoleEngine(make_engine(answer, INPUTS, **OUTPUTS), make_entry(**fields))

    return make


def poses_of(estimator: RootPoseEstimator, *boxes: Any, scores: tuple[float, ...] = (0.8, 0.7)) -> tuple[Pose, ...]:
    people = [Detection(np.asarray(box), score) for box, score in zip(boxes, scores, strict=False)]
    return estimator.place(FRAME, estimator.read(FRAME, people))


@pytest.fixture
def estimate(model: Callable[..., RoleEngine]) -> Callable[..., tuple[Pose, ...]]:
    """The poses in a box for that answer and those settings."""

    def make(answer: Any, box: Any = BOX, **config: Any) -> tuple[Pose, ...]:
        return poses_of(RootPoseEstimator(model(answer), config=PoseConfig(**{"flip_test": False, **config})), box)

    return make


def test_crop_coordinates_become_metric_joints(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    (pose,) = estimate(metric())
    # The crop spans 270..370 by 190..290 of edges: crop pixel 49.5 is image pixel (320, 240), the principal point.
    np.testing.assert_allclose(pose.root_cam_m, [0, 0, 5], atol=1e-9)
    np.testing.assert_allclose(pose.joints_cam_m[ROOT], [0, 0, 5], atol=1e-9)
    # Ten pixels right and twenty up, at 6 m with f = 500.
    np.testing.assert_allclose(pose.joints_img_px[0], [330, 220], atol=1e-9)
    np.testing.assert_allclose(pose.joints_cam_m[0], [0.12, -0.24, 6.0], atol=1e-9)
    assert pose.root_sigma_m == pytest.approx(0.5, rel=1e-6)
    assert pose.skeleton.name == "mpii16"
    assert pose.detection.score == 0.8


def test_joints_outside_the_crop_or_below_the_threshold_are_invalid(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    (pose,) = estimate(metric(), joint_score_threshold=0.05)
    invalid = np.isnan(pose.joints_cam_m).any(axis=1)
    assert np.flatnonzero(invalid).tolist() == [1, 2]
    assert (np.isnan(pose.joints_img_px).any(axis=1) == invalid).all()


def test_a_root_joint_below_the_threshold_still_places_the_person(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    (pose,) = estimate(metric(score=0.2), joint_score_threshold=0.5, person_score_threshold=0.1)
    np.testing.assert_allclose(pose.root_cam_m, [0, 0, 5], atol=1e-9)
    assert np.isnan(pose.joints_cam_m).all()


def test_everybody_is_one_batch(model: Callable[..., RoleEngine]) -> None:
    made = model(metric())
    poses = poses_of(RootPoseEstimator(made, config=PLAIN), BOX, BOX + 30)
    (call,) = made.engine.calls  # type: ignore[attr-defined]
    assert call["image"].shape == (2, 3, SIZE, SIZE)
    # Moon's k: a 2 m square fills 100 px at f = 500 from 10 m.
    np.testing.assert_allclose(call["k_m"], [10, 10], rtol=1e-6)
    assert [p.detection.score for p in poses] == [0.8, 0.7]
    np.testing.assert_allclose(poses[1].root_cam_m, [0.3, 0.3, 5], atol=1e-9)


@pytest.mark.parametrize("depth_m", [0.0, -2.0, float("nan")])
def test_a_person_without_a_depth_is_left_out(estimate: Callable[..., tuple[Pose, ...]], depth_m: float) -> None:
    assert estimate(metric(depth_m)) == ()


def test_a_box_off_the_image_is_refused(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    with pytest.raises(InputError):
        estimate(metric(), [700.0, 0, 800, 50])


def test_official_nets(make_engine: MakeEngine, make_entry: MakeEntry) -> None:
    def posenet(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        coords = np.full((1, J, 3), 32.0, dtype=np.float32)
        coords[0, 0] = (40.0, 32.0, 48.0)
        return {"coords": coords}

    def rootnet(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        return {"root": np.array([[32.0, 32.0, 4000.0]], dtype=np.float32)}

    pose_entry = make_entry("3dmppe_posenet", name="posenet", input_size_px=(256, 256), skeleton="mpii16")
    root_entry = make_entry("3dmppe_rootnet", name="rootnet", input_size_px=(256, 256))
    crops = {"image": ("batch", 3, 256, 256)}
    root_engine = make_engine(rootnet, {**crops, "k": ("batch",)}, root=("batch", 3))
    models = (
        RoleEngine(make_engine(posenet, crops, coords=("batch", J, 3)), pose_entry),
        RoleEngine(root_engine, root_entry),
    )
    (pose,) = poses_of(RootPoseEstimator(*models, config=PLAIN), BOX)
    # Their box of 80 pixels is 79 wide and cut at 1.25 of that. Bin 32 of 64 is its center, bin 40 an eighth further.
    side_px = 1.25 * 79
    np.testing.assert_allclose(pose.joints_img_px[1], [320, 240], atol=1e-6)
    np.testing.assert_allclose(pose.joints_img_px[0], [320 + side_px / 8, 240], atol=1e-6)
    # Bin 48 is half a metre behind the root, which is at 4000 mm.
    np.testing.assert_allclose(pose.joints_cam_m[0], [side_px / 8 / 500 * 4.5, 0, 4.5], atol=1e-6)
    (root_call,) = root_engine.calls  # type: ignore[attr-defined]
    np.testing.assert_allclose(root_call["k"], 500 * 2000 / side_px, rtol=1e-6)
    assert np.isnan(pose.root_sigma_m)


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder": "unknown"},
        {"skeleton": None},
        {"input_size_px": None},
        {"input_size_px": (100, 50)},
        {"normalization": None},
        {"parameters": {"box_scale": -1.0}},
    ],
)
def test_entries_that_lack_something_are_refused(model: Callable[..., RoleEngine], changes: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        RootPoseEstimator(model(metric(), **changes))


def test_a_skeleton_of_another_size_is_refused(model: Callable[..., RoleEngine]) -> None:
    with pytest.raises(EngineError, match="muco21"):
        poses_of(RootPoseEstimator(model(metric(), skeleton="muco21"), config=PLAIN), BOX)


def test_a_missing_output_is_refused(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    with pytest.raises(EngineError, match="joints_crop_px"):
        estimate(lambda feeds: {})


def test_a_box_without_a_confident_joint_holds_nobody(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    assert estimate(metric(score=0.3)) == ()


def test_half_a_person_is_a_person(estimate: Callable[..., tuple[Pose, ...]]) -> None:
    def upper_body(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        answer = metric()(feeds)
        answer["joint_scores"][:, : J // 2] = 0.0
        return answer

    (pose,) = estimate(upper_body)
    assert np.isnan(pose.joints_cam_m[: J // 2]).any(axis=1).all()


def test_the_flip_test_reads_every_crop_twice_in_one_call(model: Callable[..., RoleEngine]) -> None:
    def centered(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        answer = metric()(feeds)
        answer["joints_crop_px"][:] = 49.5  # the middle is its own mirror image
        answer["root_depth_m"][len(feeds["image"]) // 2 :] = 6.05
        return answer

    made = model(centered)
    (pose,) = poses_of(RootPoseEstimator(made), BOX)
    (call,) = made.engine.calls  # type: ignore[attr-defined]
    np.testing.assert_array_equal(call["image"][1], call["image"][0][:, :, ::-1])
    assert pose.root_cam_m[2] == pytest.approx(np.sqrt(5 * 6.05), rel=1e-6)
    np.testing.assert_allclose(pose.joints_img_px[ROOT], [320, 240], atol=1e-9)
