"""The MediaPipe backend with a stand-in for the package: what it is asked, and what becomes of its answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import BackendChoice, ManifestEntry, open_engine
from pose3d_ros.engines.mediapipe_task import MediapipeEngine
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError


class StandIn:
    """mediapipe 0.10's tasks API (developers.google.com/mediapipe), as far as the backend uses it."""

    __version__ = "0.0-stand-in"
    ImageFormat = SimpleNamespace(SRGB="srgb")

    def __init__(self) -> None:
        self.images: list[Any] = []
        self.options: Any = None
        self.closed = 0
        self.failure: Exception | None = None
        vision = SimpleNamespace(
            PoseLandmarkerOptions=SimpleNamespace,
            PoseLandmarker=SimpleNamespace(create_from_options=self.create),
            RunningMode=SimpleNamespace(IMAGE="image mode"),
        )
        self.tasks = SimpleNamespace(BaseOptions=SimpleNamespace, vision=vision)

    def Image(self, *, image_format: str, data: Any) -> Any:
        return SimpleNamespace(image_format=image_format, data=data)

    def create(self, options: Any) -> Any:
        self.options = options
        if self.failure is not None:
            raise self.failure
        return SimpleNamespace(detect=self.detect, close=self.close)

    def detect(self, image: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        self.images.append(image)
        if not image.data.any():  # no person in a black crop
            return SimpleNamespace(pose_landmarks=[], pose_world_landmarks=[])
        landmarks = [SimpleNamespace(x=i / 33, y=0.5, z=0.1, visibility=0.9, presence=None) for i in range(33)]
        world = [SimpleNamespace(x=0.01 * i, y=-0.2, z=0.3) for i in range(33)]
        return SimpleNamespace(pose_landmarks=[landmarks], pose_world_landmarks=[world])

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def mediapipe(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    return module


@pytest.fixture
def task(tmp_path: Path) -> Path:
    file = tmp_path / "pose_landmarker.task"
    file.write_bytes(b"a bundle")
    return file


@pytest.fixture
def engine(mediapipe: StandIn, task: Path) -> Iterator[MediapipeEngine]:
    with MediapipeEngine(task) as opened:
        assert isinstance(opened, MediapipeEngine)
        yield opened


def test_landmarker_for_single_images(engine: MediapipeEngine, mediapipe: StandIn, task: Path) -> None:
    assert mediapipe.options.running_mode == "image mode"
    assert mediapipe.options.num_poses == 1
    assert mediapipe.options.base_options.model_asset_path == str(task)
    assert (engine.name, engine.status) == ("pose_landmarker.task", "mediapipe 0.0-stand-in on the CPU")


def test_every_crop_has_a_row_of_landmarks(engine: MediapipeEngine, mediapipe: StandIn) -> None:
    crops = np.zeros((2, 8, 6, 3), dtype=np.uint8)
    crops[1, ..., 0] = 255
    answer = engine.infer({"image": crops})
    assert [image.data.shape for image in mediapipe.images] == [(8, 6, 3), (8, 6, 3)]
    assert mediapipe.images[1].image_format == "srgb"
    assert {spec.name: answer[spec.name].shape for spec in engine.outputs} == {
        "landmarks": (2, 33, 5),
        "world": (2, 33, 3),
    }
    assert np.isnan(answer["landmarks"][0]).all()
    assert np.isnan(answer["world"][0]).all()
    np.testing.assert_allclose(answer["landmarks"][1, 11], [1 / 3, 0.5, 0.1, 0.9, np.nan], rtol=1e-6)
    np.testing.assert_allclose(answer["world"][1, 20], [0.2, -0.2, 0.3], rtol=1e-6)


def test_close_releases_the_landmarker(mediapipe: StandIn, task: Path) -> None:
    MediapipeEngine(task).close()
    assert mediapipe.closed == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("damaged", "expected a pose landmarker of MediaPipe, got unable to open zip archive"),
        ("no file", "expected a .task file, got no such file"),
        ("no mediapipe", "mediapipe: expected an installed package.*pip install mediapipe"),
    ],
)
def test_landmarker_that_can_not_be_opened_is_an_error(
    monkeypatch: pytest.MonkeyPatch, mediapipe: StandIn, task: Path, fault: str, message: str
) -> None:
    if fault == "damaged":
        mediapipe.failure = RuntimeError("unable to open zip archive")
    elif fault == "no file":
        task.unlink()
    else:
        monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(EngineError, match=message):
        MediapipeEngine(task)


def test_failed_run_is_an_engine_error(engine: MediapipeEngine, mediapipe: StandIn) -> None:
    mediapipe.failure = ValueError("graph has errors")
    with pytest.raises(EngineError, match=r"expected a run without an error, got graph has errors"):
        engine.infer({"image": np.zeros((1, 8, 8, 3), dtype=np.uint8)})


def test_task_files_are_opened_by_mediapipe_with_any_backend(
    mediapipe: StandIn, task: Path, make_entry: Callable[..., ManifestEntry]
) -> None:
    entry = make_entry(file=task, sha256=sha256_of(task), decoder="mediapipe_world", skeleton="mediapipe33")
    with open_engine(entry, BackendChoice("onnxruntime", "a test")) as engine:
        assert isinstance(engine, MediapipeEngine)
        assert engine.name == "pose_landmarker.task"
