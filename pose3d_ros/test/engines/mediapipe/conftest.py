"""Tiny stand-ins of MediaPipe's files, with the released ones' inputs and outputs, and packages that hold them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.engines.mediapipe import model_sources
from pose3d_ros.engines.mediapipe.released_files import RELEASED

from ..tflite.conftest import OperationText, TensorText, TfliteWriter

VALID = 1


class _Drawing:
    """A graph that grows by operations on the image."""

    def __init__(self, side: int, seed: int) -> None:
        self.tensors = [TensorText("input_1", (1, side, side, 3))]
        self.operations: list[OperationText] = []
        self._rng = np.random.default_rng(seed)

    def maps(self, kernel: tuple[int, int], cells: tuple[int, int], channels: int, name: str) -> int:
        """Channels of the maxima under windows that are 4 pixels apart."""
        pooled = self._add(TensorText(f"{name}/pooled", (1, *cells, 3)))
        options = {"FilterHeight": kernel[0], "FilterWidth": kernel[1], "StrideH": 4, "StrideW": 4, "Padding": VALID}
        self.operations.append(OperationText("MAX_POOL_2D", (0,), pooled, options))
        halves = self._rng.normal(size=(channels, 1, 1, 3)).astype(np.float16)
        stored = self._add(TensorText(f"{name}/halves", halves.shape, halves))
        weights = self._add(TensorText(f"{name}/weights", halves.shape))
        self.operations.append(OperationText("DEQUANTIZE", (stored,), weights))
        result = self._add(TensorText(name, (1, *cells, channels)))
        options = {"StrideH": 1, "StrideW": 1, "Padding": VALID}
        self.operations.append(OperationText("CONV_2D", (pooled, weights), result, options))
        return result

    def flat(self, source: int, shape: tuple[int, ...], name: str) -> int:
        """The source in another shape."""
        result = self._add(TensorText(name, shape))
        self.operations.append(OperationText("RESHAPE", (source,), result))
        return result

    def content(self, *outputs: int) -> bytes:
        """The file."""
        return TfliteWriter().write(self.tensors, self.operations, [0], outputs)

    def _add(self, tensor: TensorText) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def detector_file(seed: int = 0, boxes: int = 12) -> bytes:
    """boxes: numbers of each box, 12 in the released file."""
    drawing = _Drawing(224, seed)
    windows, cells = (32, 44), (49, 46)  # 49 · 46 = 2254
    found = drawing.flat(drawing.maps(windows, cells, boxes, "b"), (1, 2254, boxes), "Identity")
    return drawing.content(found, drawing.flat(drawing.maps(windows, cells, 1, "l"), (1, 2254, 1), "Identity_1"))


def landmark_file(seed: int) -> bytes:
    """Landmarks, score, world landmarks and heat maps."""
    drawing = _Drawing(256, seed)
    sizes = {"Identity": 195, "Identity_1": 1, "Identity_4": 117}
    flat = [drawing.flat(drawing.maps((256, 256), (1, 1), n, f"{name}/map"), (1, n), name) for name, n in sizes.items()]
    return drawing.content(*flat, drawing.maps((4, 4), (64, 64), 39, "Identity_3"))


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, bytes]:
    """The stand-ins by kind; they count as the released files."""
    contents = {"detector": detector_file()}
    contents |= {size: landmark_file(seed) for seed, size in enumerate(("full", "heavy", "lite"), start=1)}
    monkeypatch.setattr(
        model_sources, "_KINDS", {hashlib.sha256(content).hexdigest(): kind for kind, content in contents.items()}
    )
    return contents


def archive(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip archive, or a .tgz as npm makes it."""
    if path.suffix != ".tgz":
        with zipfile.ZipFile(path, "w") as whole:
            for name, content in members.items():
                whole.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def wheel(released: Mapping[str, bytes], tmp_path: Path) -> Path:
    """Package of pip: the detector, `full`, and models of other things."""
    modules = "mediapipe/modules/pose"
    members = {f"{modules}_detection/{RELEASED['detector'][0]}": released["detector"]}
    members |= {f"{modules}_landmark/{RELEASED['full'][0]}": released["full"], "mediapipe/hand.tflite": b"____TFL3"}
    return archive(tmp_path / "mediapipe-0.10.21-cp311-cp311-any.whl", members)


@pytest.fixture
def npm_package(released: Mapping[str, bytes], tmp_path: Path) -> Path:
    """Package of npm: every size of the landmark model."""
    members = {RELEASED[size][0]: released[size] for size in ("lite", "full", "heavy")}
    return archive(tmp_path / "mediapipe-pose-0.5.1675469404.tgz", members)
