"""The whole pipeline on TensorRT's stand-in finds the people that it finds on ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import BackendChoice, choose_backend, default_manifest_dir, load_manifest
from pose3d_ros.engines.engine_set import EngineSet, engine_options
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.errors import EngineError
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, Person
from pose3d_ros.types import ImageArray

from .conftest import crop_pixel_px, recorded_frames
from .engines.tensorrt.tensorrt_stand_in import VERSIONS, Faults
from .engines.tensorrt.tensorrt_stand_in.stand_in_device import install_stand_in

ONNX = BackendChoice("onnxruntime", "a test")
People = list[tuple[Person, ...]]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """Some frames of the sample recording in which two people are."""
    return recorded_frames(60, 64)


def opened(backend: BackendChoice, config: PipelineConfig) -> Pipeline:
    return Pipeline(EngineSet(load_manifest(default_manifest_dir()), backend, engine_options(config)), config)


def people(backend: BackendChoice, config: PipelineConfig, frames: list[Frame]) -> People:
    with opened(backend, config) as pipeline:
        return [pipeline(frame).people for frame in frames]


@pytest.fixture(scope="module")
def wanted(frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> People:
    """The people that ONNX Runtime finds in the frames."""
    return people(ONNX, config_for(tmp_path_factory.mktemp("cache")), frames)


def config_for(folder: Path) -> PipelineConfig:
    return PipelineConfig.from_parameters({"precision": "fp32", "threads": 1, "engine_cache": str(folder)})


def only_tensorrt() -> BackendChoice:
    return replace(choose_backend("tensorrt"), fallback="")


@pytest.mark.parametrize("version", VERSIONS)
def test_device_pipeline_gives_the_same_people(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: list[Frame], wanted: People, version: str
) -> None:
    config = config_for(tmp_path)
    device = install_stand_in(monkeypatch, version).device
    got = people(only_tensorrt(), config, frames)
    assert device.images == len(frames)  # one upload a frame, and of each the detector's input and the crops
    assert device.fed_on_device == 2 * len(frames)
    assert len(wanted[-1]) >= 1
    for a, b in zip(wanted, got, strict=True):
        assert [p.track_id for p in a] == [p.track_id for p in b]
        for one, other in zip(a, b, strict=True):
            # Crops are made by other operators than on the CPU, up to a gray level apart.
            atol = 0.5 * crop_pixel_px(one)
            np.testing.assert_allclose(one.pose.joints_img_px, other.pose.joints_img_px, atol=atol)
            np.testing.assert_allclose(one.pose.joints_cam_m, other.pose.joints_cam_m, atol=0.01)


def test_frame_that_fails_to_upload_is_processed_on_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: list[Frame], wanted: People
) -> None:
    config = config_for(tmp_path)
    device = install_stand_in(monkeypatch).device

    def full(image_bgr: ImageArray) -> FrameImage:
        raise EngineError("frame on the GPU", expected="room", got="out of memory", fix="Close other programs.")

    monkeypatch.setattr(device, "load_image", full)
    with opened(only_tensorrt(), config) as pipeline:
        got = [pipeline(frame).people for frame in frames]
        assert pipeline.engine_problems == (
            "crops are made on the CPU: frame on the GPU: expected room, got out of memory. Close other programs.",
        )
        assert all("tensorrt" in status for status in pipeline.engines.statuses)
    for a, b in zip(wanted, got, strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one.pose.joints_cam_m, other.pose.joints_cam_m, atol=1e-4)


def test_failure_in_mid_frame_loses_no_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: list[Frame], wanted: People
) -> None:
    config = config_for(tmp_path)
    install_stand_in(monkeypatch)
    people(only_tensorrt(), config, frames)  # builds the plans
    # Without graphs every frame is one enqueue of the detector, the pose net and the smoother.
    install_stand_in(monkeypatch, faults=Faults(capture_fails=True, enqueue_fails_on=18))
    with opened(choose_backend(), config) as pipeline:
        got = [pipeline(frame).people for frame in frames]
        assert len(pipeline.engine_problems) == 1
        assert sum("onnxruntime" in status for status in pipeline.engines.statuses) == 1
    assert [[p.track_id for p in a] for a in got] == [[p.track_id for p in a] for a in wanted]
