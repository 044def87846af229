from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.config.settings import DetectorConfig, PipelineConfig, SmootherConfig, TrackerConfig
from pose3d_ros.engines import BackendChoice, EngineOptions, Manifest, ManifestEntry, engine_set
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.errors import ConfigError, EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import cam2ray

from .conftest import AnsweringEngine, Shapes, Tensors, failing, heat_maps, manifest_entry

J = 21
CAMERA = Camera.from_hfov(60.0, 640, 480)
BACKEND = BackendChoice("onnxruntime", "a test")
STEP_NS = 66_666_667


def root_pose_engine() -> AnsweringEngine:
    """Everybody is 4 m away, all joints in the middle of the crop."""

    def answer(feeds: Tensors) -> Tensors:
        n = len(feeds["image"])
        return {
            "joints_crop_px": np.full((n, J, 2), 31.5, dtype=np.float32),
            "relative_depth_m": np.zeros((n, J), dtype=np.float32),
            "joint_scores": np.ones((n, J), dtype=np.float32),
            "root_depth_m": np.full(n, 4.0, dtype=np.float32),
            "root_log_sigma": np.full(n, -2.0, dtype=np.float32),
        }

    outputs: Shapes = {"joints_crop_px": ("b", J, 2), "relative_depth_m": ("b", J), "joint_scores": ("b", J)}
    return AnsweringEngine(answer, {"image": ("b", 3, 64, 64), "k_m": ("b",)}, outputs)


def smoother_engine(joints: int) -> AnsweringEngine:
    """Adds a centimetre to the first joint."""

    def answer(feeds: Tensors) -> Tensors:
        y = np.zeros((len(feeds["x"]), 3 * joints), dtype=np.float32)
        y[:, :3] = 0.01
        return {"y": y, "next_state_0": feeds["state_0"]}

    inputs: Shapes = {"x": ("b", 6 * joints + 4), "state_0": ("b", 1, 2)}
    return AnsweringEngine(answer, inputs, {"y": ("b", 3 * joints), "next_state_0": ("b", 1, 2)})


ENGINES: dict[str, Callable[[ManifestEntry], AnsweringEngine]] = {
    "detector": lambda _: heat_maps((15, 20, 0.9, (40, 40, 40, 40))),
    "root_pose": lambda _: root_pose_engine(),
    "smoother": lambda entry: smoother_engine(len(get_skeleton(entry.skeleton or ""))),
}
ENTRIES = (
    manifest_entry("centre_ltrb", name="detector", roles=("detector",)),
    manifest_entry("root_pose_metric", name="root_pose", skeleton="muco21", input_size_px=(64, 64)),
    manifest_entry("temporal_step", name="smoother", roles=("smoother",), skeleton="muco21"),
)
Opened = dict[str, AnsweringEngine]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The engines that `build` opened, by name."""
    opened: Opened = {}

    def open_fake(entry: ManifestEntry, backend: BackendChoice, options: EngineOptions | None) -> AnsweringEngine:
        opened[entry.name] = ENGINES[entry.name](entry)
        return opened[entry.name]

    monkeypatch.setattr(engine_set, "open_engine", open_fake)
    return opened


def build(*entries: ManifestEntry, smooth: bool = True, config: PipelineConfig | None = None) -> Pipeline:
    return Pipeline(EngineSet(Manifest(Path("."), entries or ENTRIES), BACKEND), config, smooth=smooth)


def frame(stamp: int = 0, image: Any = None) -> Frame:
    return Frame(np.zeros((480, 640, 3), dtype=np.uint8) if image is None else image, CAMERA, stamp * STEP_NS)


def test_from_image_to_people(engines: Opened) -> None:
    with build() as pipeline:
        result = pipeline(frame())
    (person,) = result.people
    # Cell (15, 20) is input pixel (163.5, 123.5), image pixel (327.5, 247.5); a centimetre each way from the smoother
    # for one joint, in the frame of the person's ray.
    measured = CAMERA.backproject(np.array([327.5, 247.5]), np.array(4.0))
    np.testing.assert_allclose(person.pose.root_cam_m, measured, atol=1e-6)
    moved = person.pose.joints_cam_m[:2] - person.pose.root_cam_m
    np.testing.assert_allclose(moved, [cam2ray(measured).T @ np.full(3, 0.01), np.zeros(3)], atol=1e-6)
    assert person.pose.skeleton.name == "muco21"
    assert len(result.detections) == 1
    assert list(result.timings_ms) == [
        "scene",
        "upload",
        "detect",
        "pose",
        "root",
        "track",
        "smooth",
        "total",
        "engines",
    ]
    assert result.timings_ms["engines"] <= result.timings_ms["total"]
    assert all(ms >= 0 for ms in result.timings_ms.values())
    assert all(engine.released for engine in engines.values())


def test_one_engine_of_two_roles_runs_once(engines: Opened) -> None:
    pipeline = build()
    pipeline(frame())
    for engine in engines.values():
        engine.calls.clear()
    pipeline(frame(2))  # somebody who is followed
    assert {name: len(engine.calls) for name, engine in engines.items()} == {
        "detector": 1,
        "root_pose": 1,
        "smoother": 1,
    }


def test_pipeline_without_a_smoother(engines: Opened) -> None:
    pipeline = build(smooth=False)
    assert "smooth" not in pipeline(frame()).timings_ms
    assert pipeline.delay_frames == 0


def test_people_are_smoothed_without_a_net_for_it(engines: Opened) -> None:
    pipeline = build(*ENTRIES[:2])
    assert "smooth" in pipeline(frame()).timings_ms
    with pytest.raises(ConfigError, match="role smoother"):
        pipeline.reconfigure(PipelineConfig(smoother=SmootherConfig(method="temporal_conv")))
    with pytest.raises(ConfigError, match="role smoother"):
        build(*ENTRIES[:2], config=PipelineConfig(smoother=SmootherConfig(method="temporal_conv")))


def test_given_boxes_replace_the_detector(engines: Opened) -> None:
    pipeline = build()
    boxes = [Detection(np.array([100.0, 100, 200, 300]), 1.0), Detection(np.array([400.0, 100, 500, 300]), 1.0)]
    result = pipeline(frame(), detections=boxes)
    assert len(result.people) == 2
    assert result.detections == tuple(boxes)
    assert engines["detector"].calls == []
    assert pipeline(frame(1), detections=[]).detections == ()


def test_people_have_the_configured_skeleton(engines: Opened) -> None:
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
def test_invalid_images_are_errors_before_any_engine_runs_and_keep_the_tracks(engines: Opened, image: Any) -> None:
    pipeline = build()
    pipeline(frame(0))
    bad = Frame(image, CAMERA, STEP_NS)
    with pytest.raises(InputError, match="image"):
        pipeline(bad)
    assert len(engines["detector"].calls) == 1
    assert [(p.track_id, p.state) for p in pipeline(frame(1)).people] == [(1, TrackState.TRACKED)]


@pytest.mark.parametrize("box", [[0, 0, np.nan, 5], [5, 5, 5, 9], [9, 0, 3, 5], [0, 0, 5], [700, 0, 800, 5]])
def test_invalid_boxes_are_errors_before_any_engine_runs(engines: Opened, box: list[float]) -> None:
    with pytest.raises(InputError, match="box"):
        build()(frame(), detections=[Detection(np.array(box), 1.0)])
    assert engines["root_pose"].calls == []


def test_failing_engine_drops_one_frame(engines: Opened) -> None:
    pipeline = build()
    pipeline(frame(0))
    answer, engines["root_pose"].answer = engines["root_pose"].answer, failing
    with pytest.raises(EngineError):
        pipeline(frame(1))
    engines["root_pose"].answer = answer
    assert [p.track_id for p in pipeline(frame(2)).people] == [1]


def test_reset_drops_all_tracks(engines: Opened) -> None:
    pipeline = build()
    pipeline(frame(0))
    pipeline.reset()
    assert [(p.track_id, p.state) for p in pipeline(frame(1)).people] == [(2, TrackState.NEW)]


@pytest.mark.parametrize("late_ns", [1_000_000, 900_000_000])
def test_late_frame_keeps_the_tracks(engines: Opened, late_ns: int) -> None:
    pipeline = build()
    for number in range(2):
        pipeline(frame(number))
    late = replace(frame(), stamp_ns=STEP_NS - late_ns)
    for image in (late, frame(2)):
        assert [(p.track_id, p.state) for p in pipeline(image).people] == [(1, TrackState.TRACKED)]


def test_clock_that_goes_back_ends_all_tracks_once(engines: Opened) -> None:
    pipeline = build()
    for number in range(3):
        pipeline(frame(number))
    ten_seconds_ago = [replace(frame(), stamp_ns=number * STEP_NS - 10_000_000_000) for number in range(2)]
    first, second = (pipeline(image).people for image in ten_seconds_ago)
    assert [(p.track_id, p.state) for p in first] == [(1, TrackState.LOST), (2, TrackState.NEW)]
    assert [(p.track_id, p.state) for p in second] == [(2, TrackState.TRACKED)]


def scene(seed: int) -> Any:
    """A mosaic of random colors."""
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8).repeat(40, axis=0).repeat(40, axis=1)


def test_image_that_jumps_ends_all_tracks(engines: Opened) -> None:
    pipeline = build()
    for stamp in range(3):
        pipeline(frame(stamp, scene(0)))
    ended = pipeline(frame(3, scene(1)), detections=[])
    assert [(p.track_id, p.state) for p in ended.people] == [(1, TrackState.LOST)]
    assert pipeline(frame(4, scene(1)), detections=[]).people == ()
    assert [(p.track_id, p.state) for p in pipeline(frame(5, scene(1))).people] == [(2, TrackState.NEW)]


def test_jump_in_a_frame_that_fails_is_not_forgotten(engines: Opened) -> None:
    pipeline = build()
    pipeline(frame(0, scene(0)))
    answer, engines["root_pose"].answer = engines["root_pose"].answer, failing
    with pytest.raises(EngineError):
        pipeline(frame(1, scene(1)))
    engines["root_pose"].answer = answer
    people = pipeline(frame(2, scene(1))).people
    assert [(p.track_id, p.state) for p in people] == [(1, TrackState.LOST), (2, TrackState.NEW)]


def test_images_without_a_stamp_are_independent(engines: Opened) -> None:
    pipeline = build()
    for number in (1, 2):
        result = pipeline(Frame(np.zeros((480, 640, 3), dtype=np.uint8), CAMERA))
        assert [(p.track_id, p.state) for p in result.people] == [(number, TrackState.NEW)]
    assert engines["smoother"].calls == []


def test_settings_change_between_frames(engines: Opened) -> None:
    pipeline = build()
    assert len(pipeline(frame(0)).detections) == 1
    changed = PipelineConfig(detector=DetectorConfig(score_threshold=0.95), tracker=TrackerConfig(max_age_s=0.0))
    pipeline.reconfigure(changed)
    result = pipeline(frame(1))
    assert result.detections == ()


def test_net_for_another_skeleton_is_not_run(engines: Opened) -> None:
    other = attr.evolve(ENTRIES[2], skeleton="body40")
    with build(*ENTRIES[:2], other) as pipeline:
        assert len(pipeline(frame()).people) == 1
    assert engines["smoother"].calls == []


def test_warm_up_runs_the_image_engines_only(engines: Opened) -> None:
    pipeline = build()
    pipeline.warm_up(640, 480)
    assert len(engines["detector"].calls) == 1
    assert len(engines["root_pose"].calls) == 2  # as stills and as frames of a video are read
    assert [p.track_id for p in pipeline(frame()).people] == [1]


def test_missing_role_closes_the_engines_already_opened(engines: Opened) -> None:
    with pytest.raises(EngineError, match="pose"):
        build(ENTRIES[0])
    assert engines["detector"].released


def test_closing_twice_is_allowed(engines: Opened) -> None:
    pipeline = build()
    pipeline.close()
    pipeline.close()
    with pytest.raises(EngineError, match="closed"):
        pipeline(frame())


def test_people_of_a_result_are_those_of_its_frame(engines: Opened) -> None:
    late = PipelineConfig(smoother=SmootherConfig(lookahead_frames=2))
    with pytest.raises(ConfigError, match="Set it on smoother_node"):
        build(config=late)
    assert all(engine.released for engine in engines.values())
    with build() as pipeline, pytest.raises(ConfigError, match="lookahead_frames"):
        pipeline.reconfigure(late)
    with build(smooth=False, config=late) as pipeline:
        assert pipeline.delay_frames == 0
