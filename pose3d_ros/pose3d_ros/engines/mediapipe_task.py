"""MediaPipe's pose landmarker on crops: a `.task` file, run by the package mediapipe, which finds the person by itself.

Its landmarks and world landmarks are the outputs of an engine like any other, for the decoder `mediapipe_world`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.base import Engine, TensorSpec
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.tensors import Tensor, import_package, library_errors, require_file

_LANDMARKS = 33
_INPUTS = (TensorSpec("image", ("batch", "height", "width", 3), "uint8"),)
_OUTPUTS = (
    TensorSpec("landmarks", ("batch", _LANDMARKS, 5), "float32"),
    TensorSpec("world", ("batch", _LANDMARKS, 3), "float32"),
)
_FAILURES = (RuntimeError, ValueError)


class MediapipeEngine(Engine):
    """A pose landmarker in image mode: every crop stands for itself, and holds one person at most.

    Input `image` (N, H, W, 3) uint8, RGB. Outputs `landmarks` (N, 33, 5) float32: x and y as shares of the crop's
    sides, z as a share of its width, visibility and presence in 0–1; `world` (N, 33, 3) float32: metres from the middle
    of the hips, x right, y down, z away from the camera. A crop without a detected person is NaN.
    path: a pose_landmarker.task of Google's.
    Raises EngineError for a file that is missing or no landmarker, and without mediapipe.
    """

    def __init__(self, path: str | Path) -> None:
        require_file(Path(path), "a .task file")
        self._mediapipe: Any = import_package("mediapipe", "Install it: pip install mediapipe.")
        self._landmarker: Any = _open_landmarker(self._mediapipe, Path(path))
        super().__init__(Path(path).name, _INPUTS, _OUTPUTS)

    @property
    def status(self) -> str:
        """What runs it, for logs and diagnostics."""
        return f"mediapipe {self._mediapipe.__version__} on the CPU"

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        crops = [self._detect(crop) for crop in feeds["image"]]
        landmarks, world = zip(*crops, strict=True)
        return {"landmarks": np.stack(landmarks), "world": np.stack(world)}

    def _detect(self, crop_rgb: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=crop_rgb)
        fix = "Look whether mediapipe's own example runs on this machine."
        with library_errors(f"engine {self.name}", expected="a run without an error", fix=fix, kinds=_FAILURES):
            found = self._landmarker.detect(image)
        return (
            _rows(found.pose_landmarks, ("x", "y", "z", "visibility", "presence")),
            _rows(found.pose_world_landmarks, ("x", "y", "z")),
        )

    def _release(self) -> None:
        self._landmarker.close()
        self._landmarker = None


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `backend.open_engine`. It takes none of the options."""
    return MediapipeEngine(entry.file)


def _open_landmarker(mediapipe: Any, path: Path) -> Any:
    tasks = mediapipe.tasks
    options = tasks.vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(path)),
        running_mode=tasks.vision.RunningMode.IMAGE,
        num_poses=1,
    )
    fix = "Download pose_landmarker_lite.task, _full.task or _heavy.task again."
    with library_errors(f"engine {path}", expected="a pose landmarker of MediaPipe", fix=fix, kinds=_FAILURES):
        return tasks.vision.PoseLandmarker.create_from_options(options)


def _rows(people: Sequence[Sequence[Any]], fields: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """The first person's landmarks (33, fields); NaN without a person, or where a value is not given."""
    rows = np.full((_LANDMARKS, len(fields)), np.nan, dtype=np.float32)
    for row, landmark in zip(rows, people[0] if people else (), strict=False):
        values = (getattr(landmark, field) for field in fields)
        row[:] = [np.nan if value is None else value for value in values]
    return rows
