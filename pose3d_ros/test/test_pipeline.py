from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attr
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import DetectorConfig, PipelineConfig, TrackerConfig
from pose3d_ros.engines import (
    BackendChoice,
    Engine,
    EngineOptions,
    Manifest,
    ManifestEntry,
    Normalization,
    TensorSpec,
    engine_set,
)
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, TrackState
from pose3d_ros.stages.smooth.smooth_features import cam2ray

J = 21
CAMERA = Camera.from_hfov(60.0, 640, 480)
BACKEND = BackendChoice("onnxruntime", "a test")
STEP_NS = 66_666_667
Tensors = Mapping[str, npt.NDArray[Any]]
Shapes = dict[str, tuple[int | str, ...]]

GRAPHS: dict[str, tuple[Shapes, Shapes]] = {
    "detector": ({"image": ("b", 3, "h", "w")}, {"heat": ("b", 1, "y", "x"), "ltrb": ("b", 4, "y", "x")}),
    "root_pose": (
        {"image": ("b", 3, 64, 64), "k_m": ("b",)},
        {"joints_crop_px": ("b", J, 2), "relative_depth_m": ("b", J), "joint_scores": ("b", J)},
    ),
    "smoother": (
        {"x": ("b", 6 * J + 4), "state_0": ("b", 1, 2)},
        {"y": ("b", 3 * J + 3), "next_state_0": ("b", 1, 2)},
    ),
}


class FakeEngine(Engine):
    """One person in the middle of the image, 4 m away; smoothing adds a centimetre to everything."""

    def __init__(self, entry: ManifestEntry) -> None:
        inputs, outputs = (
            tuple(TensorSpec(name, shape, "float32") for name, shape in side.items()) for side in GRAPHS[entry.name]
        )
        super().__init__(entry.name, inputs, outputs)
        self.calls = 0
        self.failing = False
        self.open = True

    def _run(self, feeds: Tensors) -> dict[str, npt.NDArray[Any]]:
        self.calls += 1
        if self.failing:
            raise EngineError("engine", expected="an answer", got="none", fix="Wait.")
        answer: dict[str, npt.NDArray[Any]] = getattr(self, f"_{self.name}")(feeds)
        return answer

    def _detector(self, feeds: Tensors) -> dict[str, npt.NDArray[Any]]:
        height, width = (side // 8 for side in feeds["image"].shape[2:])
        heat, ltrb = np.zeros((1, 1, height, width)), np.full((1, 4, height, width), 40.0)
        heat[0, 0, 15, 20] = 0.9
        return {"heat": heat.astype(np.float32), "ltrb": ltrb.astype(np.float32)}

    def _root_pose(self, feeds: Tensors) -> dict[str, npt.NDArray[Any]]:
        n = len(feeds["image"])
        return {
            "joints_crop_px": np.full((n, J, 2), 31.5, dtype=np.float32),
            "relative_depth_m": np.zeros((n, J), dtype=np.float32),
            "joint_scores": np.ones((n, J), dtype=np.float32),
            "root_depth_m": np.full(n, 4.0, dtype=np.float32),
            "root_log_sigma": np.full(n, -2.0, dtype=np.float32),
        }

    def _smoother(self, feeds: Tensors) -> dict[str, npt.NDArray[Any]]:
        y = np.full((len(feeds["x"]), 3 * J + 3), 0.01, dtype=np.float32)
        return {"y": y, "next_state_0": feeds["state_0"]}

    def _release(self) -> None:
        self.open = False


def entry(name: str, decoder: str, *roles: str, size: tuple[int, int] | None = None) -> ManifestEntry:
    plain = Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
    skeleton = None if name == "detector" else "muco21"
    return ManifestEntry(
        name=name,
        roles=roles,
        file=Path(f"{name}.onnx"),
        sha256="0" * 64,
        decoder=decoder,
        input_size_px=size,
        normalization=plain,
        skeleton=skeleton,
        units="m",
        license="Apache-2.0",
        training_data="none",
    )


ENTRIES = (
    entry("detector", "centre_ltrb", "detector"),
    entry("root_pose", "root_pose_metric", "root", "pose", size=(64, 64)),
    entry("smoother", "temporal_step", "smoother"),
)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEngine]:
    """The engines that `build` opened, by name."""
    opened: dict[str, FakeEngine] = {}

    def open_fake(entry: ManifestEntry, backend: BackendChoice, options: EngineOptions | None) -> FakeEngine:
        opened[entry.name] = FakeEngine(entry)
        return opened[entry.name]

    monkeypatch.setattr(engine_set, "open_engine", open_fake)
    return opened


def build(*entries: ManifestEntry, smooth: bool = True, config: PipelineConfig | None = None) -> Pipeline:
    return Pipeline(EngineSet(Manifest(Path("."), entries or ENTRIES), BACKEND), config, smooth=smooth)


def frame(stamp: int = 0, image: Any = None) -> Frame:
    return Frame(np.zeros((480, 640, 3), dtype=np.uint8) if image is None else image, CAMERA, stamp * STEP_NS)


def test_from_image_to_people(engines: dict[str, FakeEngine]) -> None:
    with build() as pipeline:
        result = pipeline(frame())
    (person,) = result.people
    # Cell (15, 20) is input pixel (163.5, 123.5), image pixel (327.5, 247.5); a centimetre each way from the smoother,
    # in the frame of the person's ray.
    measured = CAMERA.backproject(np.array([327.5, 247.5]), np.array(4.0))
    expected = measured + cam2ray(measured).T @ np.full(3, 0.01)
    np.testing.assert_allclose(person.pose.root_cam_m, expected, atol=1e-6)
    assert person.pose.skeleton.name == "muco21"
    assert len(result.detections) == 1
    assert list(result.timings_ms) == ["upload", "detect", "pose", "track", "smooth", "total", "engines"]
    assert result.timings_ms["engines"] <= result.timings_ms["total"]
    assert all(ms >= 0 for ms in result.timings_ms.values())
    assert not any(engine.open for engine in engines.values())


def test_one_engine_of_two_roles_runs_once(engines: dict[str, FakeEngine]) -> None:
    build()(frame())
    assert {name: engine.calls for name, engine in engines.items()} == {"detector": 1, "root_pose": 1, "smoother": 1}


def test_without_a_smoother(engines: dict[str, FakeEngine]) -> None:
    for pipeline in (build(smooth=False), build(*ENTRIES[:2])):
        assert "smooth" not in pipeline(frame()).timings_ms
        assert pipeline.delay_frames == 0


def test_given_boxes_replace_the_detector(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    boxes = [Detection(np.array([100.0, 100, 200, 300]), 1.0), Detection(np.array([400.0, 100, 500, 300]), 1.0)]
    result = pipeline(frame(), detections=boxes)
    assert len(result.people) == 2
    assert result.detections == tuple(boxes)
    assert engines["detector"].calls == 0
    assert pipeline(frame(1), detections=[]).detections == ()


def test_people_come_in_the_wanted_skeleton(engines: dict[str, FakeEngine]) -> None:
    pipeline = build(config=PipelineConfig(skeleton="coco17"))
    (person,) = pipeline(frame()).people
    assert person.pose.skeleton.name == pipeline.skeleton.name == "coco17"
    assert len(person.pose.joints_cam_m) == 17


@pytest.mark.parametrize(
    "image",
    [
        None,
        [[1, 2], [3, 4]],
        np.zeros((480, 640), dtype=np.uint8),
        np.zeros((480, 640, 4), dtype=np.uint8),
        np.zeros((480, 640, 3), dtype=np.float32),
        np.zeros((0, 0, 3), dtype=np.uint8),
        np.zeros((240, 320, 3), dtype=np.uint8),
    ],
)
def test_bad_images_are_refused_before_any_engine_and_leave_the_people(
    engines: dict[str, FakeEngine], image: Any
) -> None:
    pipeline = build()
    pipeline(frame(0))
    bad = Frame(image, CAMERA, STEP_NS)
    with pytest.raises(InputError, match="image"):
        pipeline(bad)
    assert engines["detector"].calls == 1
    assert [(p.track_id, p.state) for p in pipeline(frame(1)).people] == [(1, TrackState.TRACKED)]


@pytest.mark.parametrize("box", [[0, 0, np.nan, 5], [5, 5, 5, 9], [9, 0, 3, 5], [0, 0, 5], [700, 0, 800, 5]])
def test_bad_boxes_are_refused_before_any_engine(engines: dict[str, FakeEngine], box: list[float]) -> None:
    with pytest.raises(InputError, match="box"):
        build()(frame(), detections=[Detection(np.array(box), 1.0)])
    assert engines["root_pose"].calls == 0


def test_a_failing_engine_costs_one_frame(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    pipeline(frame(0))
    engines["root_pose"].failing = True
    with pytest.raises(EngineError):
        pipeline(frame(1))
    engines["root_pose"].failing = False
    assert [p.track_id for p in pipeline(frame(2)).people] == [1]


def test_reset_forgets(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    pipeline(frame(0))
    pipeline.reset()
    assert [(p.track_id, p.state) for p in pipeline(frame(1)).people] == [(2, TrackState.NEW)]


def test_images_without_a_stamp_stand_for_themselves(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    for number in (1, 2):
        result = pipeline(Frame(np.zeros((480, 640, 3), dtype=np.uint8), CAMERA))
        assert [(p.track_id, p.state) for p in result.people] == [(number, TrackState.NEW)]
    assert engines["smoother"].calls == 0


def test_settings_change_between_frames(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    assert len(pipeline(frame(0)).detections) == 1
    changed = PipelineConfig(detector=DetectorConfig(score_threshold=0.95), tracker=TrackerConfig(max_age_s=0.0))
    pipeline.reconfigure(changed)
    result = pipeline(frame(1))
    assert result.detections == ()


def test_a_smoother_for_another_skeleton_is_left_out(
    engines: dict[str, FakeEngine], caplog: pytest.LogCaptureFixture
) -> None:
    other = attr.evolve(ENTRIES[2], skeleton="coco17")
    with build(*ENTRIES[:2], other) as pipeline:
        assert len(pipeline(frame()).people) == 1
    assert "smoother" not in engines
    assert "nobody is smoothed: smoother is for coco17, and people come in muco21" in caplog.text


def test_warming_up_touches_the_image_engines_only(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    pipeline.warm_up(640, 480)
    assert (engines["detector"].calls, engines["root_pose"].calls) == (1, 1)
    assert [p.track_id for p in pipeline(frame()).people] == [1]


def test_a_role_that_nobody_fills_closes_what_was_opened(engines: dict[str, FakeEngine]) -> None:
    with pytest.raises(EngineError, match="pose"):
        build(ENTRIES[0])
    assert not engines["detector"].open


def test_closing_twice_is_fine(engines: dict[str, FakeEngine]) -> None:
    pipeline = build()
    pipeline.close()
    pipeline.close()
    with pytest.raises(EngineError, match="closed"):
        pipeline(frame())
