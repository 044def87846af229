"""A file that was exported elsewhere: made whole, and what it tells about itself before anything of it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.engines.spec.graph_file import graph_metadata, graph_tensors, joined_graph, read_graph
from pose3d_ros.engines.spec.presets import get_preset
from pose3d_ros.errors import EngineError

_MMDEPLOY = ("dets", "labels")


@dataclass(frozen=True)
class ExportedFile:
    """An ONNX file with its weights in it.

    file: it, or a copy of the same name for as long as `whole_file` lasts. joined: whether its weights lay in other
    files. image_size_px: width and height of its only image input, None where they are not fixed. task: of Ultralytics'
    networks, empty for others. outputs: names of what it gives.
    """

    file: Path
    joined: bool
    image_size_px: tuple[int, int] | None
    task: str
    outputs: tuple[str, ...]

    def check_preset(self, preset: str, size_px: tuple[int, int] | None) -> None:
        """Raise EngineError where the file says that it is another preset's, or reads images of another size."""
        found = get_preset(preset)
        if "detector" in found.roles and self.task not in ("", "detect"):
            raise EngineError(
                f"model {self.file.name}",
                expected="a detector",
                got=f"an export of the task {self.task}",
                fix="Give the detector of that family (Ultralytics: yolo export model=yolov8n.pt format=onnx).",
            )
        if set(_MMDEPLOY) <= set(self.outputs) and "detector" in found.roles and found.decoder != "mmdeploy":
            raise EngineError(
                f"model {self.file.name}",
                expected=f"the outputs of the preset {preset}",
                got="dets and labels, as mmdeploy exports detectors",
                fix="Import it as rtmdet, or as yolox_mmdeploy.",
            )
        if size_px is not None and self.image_size_px is not None and size_px != self.image_size_px:
            raise EngineError(
                "option --input-size",
                expected=f"{self.image_size_px[0]} {self.image_size_px[1]}, the size that the model's input has",
                got=f"{size_px[0]} {size_px[1]}",
                fix="Leave it out: it is read from the file.",
            )


@contextmanager
def whole_file(path: Path) -> Iterator[ExportedFile]:
    """The exported file, its weights joined to it in a temporary copy if they lie beside it. Raises EngineError."""
    joined = joined_graph(path)
    content = read_graph(path) if joined is None else joined
    inputs, outputs = graph_tensors(content, "inputs"), graph_tensors(content, "outputs")
    with tempfile.TemporaryDirectory() as folder:
        file = path
        if joined is not None:
            file = Path(folder, path.name)
            file.write_bytes(joined)
        task = graph_metadata(content).get("task", "")
        yield ExportedFile(file, joined is not None, _image_size_px(inputs), task, tuple(outputs))


def _image_size_px(inputs: dict[str, tuple[int | None, ...]]) -> tuple[int, int] | None:
    sizes = [size for shape in inputs.values() if (size := _size_px(shape)) is not None]
    return sizes[0] if len(sizes) == 1 else None


def _size_px(shape: tuple[int | None, ...]) -> tuple[int, int] | None:
    """Width and height of images in an input of that shape."""
    if len(shape) not in (3, 4):
        return None
    *_, first, middle, last = shape
    height, width = (middle, last) if first == 3 else (first, middle) if last == 3 else (None, None)
    return (width, height) if width and height and min(width, height) > 1 else None
