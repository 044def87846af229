"""What a file is that was given in place of a model: told by its first bytes, with the remedy that gets the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 4096
"""How much of a file's start tells."""
_EXPORT = "Export it to ONNX where it was trained (Ultralytics: yolo export model=FILE.pt format=onnx), and give that."
_AGAIN = "Open the link in a browser, confirm the download, and give the file itself."
_UNPACK = "Unpack it, and give the model that is in it."
_LONGEST_METADATA = 1 << 20


@dataclass(frozen=True)
class FileKind:
    """what: the file, in words. fix: how to come to an ONNX graph. checkpoint: whether torch may have written it."""

    what: str
    fix: str
    checkpoint: bool = False


_PAGE = FileKind("a web page, saved instead of the file", _AGAIN)
_CHECKPOINT = FileKind("a PyTorch checkpoint", _EXPORT, checkpoint=True)
_ENGINE = FileKind(
    "a TensorRT engine", "Give the ONNX file that it was built from; `pose3d engines build` builds engines of it."
)


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(beginnings)


def _magic(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _ultralytics_engine(head: bytes) -> bool:
    """Its metadata as JSON before the engine, behind their length."""
    return head[4:6] == b'{"' and int.from_bytes(head[:4], "little") < _LONGEST_METADATA


_KINDS: tuple[tuple[Callable[[bytes], bool], FileKind], ...] = (
    (lambda head: not head, FileKind("an empty file", "Get the file again.")),
    (
        _magic(b"version https://git-lfs"),
        FileKind("a Git LFS pointer, not the file that it stands for", "Get the file itself: git lfs pull."),
    ),
    (
        lambda head: head.lstrip().startswith((b"<?xml", b"<net")) and b"<net" in head,
        FileKind("an OpenVINO model", "Give the ONNX file that it was converted from."),
    ),
    (_starts(b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--", b"<body"), _PAGE),
    (
        _starts(b"404: not found", b"not found", b"entry not found", b"invalid username", b'{"error', b"access denied"),
        FileKind("a web server's error message, saved instead of the file", _AGAIN),
    ),
    (lambda head: head.startswith(b"PK\x03\x04") and b".pkl" in head, _CHECKPOINT),
    (
        _magic(b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf", b"Rar!", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"),
        FileKind("an archive", _UNPACK),
    ),
    (lambda head: head[257:262] == b"ustar", FileKind("an archive", _UNPACK)),
    (lambda head: head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"), _CHECKPOINT),
    (_magic(b"ftrt", b"ptrt"), _ENGINE),
    (_ultralytics_engine, _ENGINE),
    (
        lambda head: head[4:8] == b"TFL3",
        FileKind("a TensorFlow Lite model", "MediaPipe's: `pose3d models get mediapipe --from FILE`. Others: as ONNX."),
    ),
    (
        lambda head: head[4:8] == b"ORTM",
        FileKind("a model in ONNX Runtime's own format (.ort)", "Give the ONNX file that it was converted from."),
    ),
    (_magic(b"\x89HDF"), FileKind("a Keras or HDF5 file", "Convert it to ONNX (tf2onnx), and give that file.")),
    (lambda head: head[8:10] == b'{"', FileKind("a safetensors file, weights without a graph", _EXPORT)),
    (
        _magic(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"RIFF"),
        FileKind("an image or a document", "Give the model's file."),
    ),
)


def kind_of(head: bytes) -> FileKind | None:
    """What a file that begins like this is, None for what nothing tells, ONNX among it. head: HEAD_BYTES or all."""
    return next((kind for fits, kind in _KINDS if fits(head)), None)
