"""Calibration files in the dialects that people have them in, to one record.

ROS: what `camera_calibration` writes (ost.yaml, ost.txt), a camera_info as YAML, `ros2 topic echo` with one or more
messages. OpenCV: FileStorage as YAML, XML or JSON. Kalibr: camchains, and single sensors as EuRoC has them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from pose3d_ros.errors import CameraError, Pose3DError, shown
from pose3d_ros.geometry.intrinsics import Calibration
from pose3d_ros.geometry.lens_names import UNNAMED, lens_name
from pose3d_ros.reading.documents import parse_yaml
from pose3d_ros.reading.files import Origin, is_file, read_text
from pose3d_ros.reading.numbers import is_number, number_in
from pose3d_ros.types import Array

_FIX = "Give a ROS calibration file: image_width, image_height, camera_matrix, distortion_model and its coefficients."
_MOST_BYTES = 1 << 20
_MOST_DOCUMENTS = 1000
_MOST_DEPTH = 20

_WIDTH, _HEIGHT = ("imagewidth", "width"), ("imageheight", "height")
_SIZE = ("resolution", "imagesize", "cameraresolution")
_K = ("cameramatrix", "k", "intrinsicmatrix", "mtx")
_INTRINSICS = ("intrinsics",)
_DISTORTION = ("distortioncoefficients", "distortioncoeffs", "distcoeffs", "distcoeff", "d", "distortion", "dist")
_P = ("projectionmatrix", "p")
_SPHERICAL = ("omni", "double_sphere", "eucm")
_KALIBR_BESIDE = {"omni": ("plumb_bob", "none"), "double_sphere": ("none",), "eucm": ("none",)}
"""Spherical camera → the distortion models that Kalibr has beside it; omni's is of the image behind the sphere."""
_MODEL, _CAMERA_MODEL, _IS_FISHEYE = ("distortionmodel", "distortiontype"), ("cameramodel",), ("fisheyemodel",)


def read_calibration(path: str | Path) -> Calibration:
    """Read the file, or the camera of it that is named behind a #.

    Raises CameraError when it can't be read, is no calibration, or lacks a field. As in `camera_calibration_parsers` a
    file need not name its distortion model.
    """
    file, chosen = _file_and_name(Path(path))
    origin = Origin(CameraError, f"{file}", _FIX)
    cameras = [pair for document in _documents(file, origin) for pair in _cameras(origin, document)]
    names = tuple(dict.fromkeys(name for name, _ in cameras if name))
    found = [fields for name, fields in cameras if chosen in ("", name)]
    if not found:
        got = f"{shown(chosen)}, not among {', '.join(names)}" if names and chosen else "others"
        expected = "the fields of a camera, such as image_width and camera_matrix"
        raise origin.error(expected, got)
    # A driver may send zeros before it has loaded its calibration.
    useful = [fields for fields in found if fields.calibrated] or found
    return useful[0].calibration(() if chosen or len(names) < 2 else names)


def _file_and_name(path: Path) -> tuple[Path, str]:
    text, _, name = f"{path}".rpartition("#")
    return (Path(text), name) if text and not is_file(path) else (path, "")


def _documents(path: Path, origin: Origin) -> list[Mapping[object, object]]:
    """The mappings that the file holds; one that is cut off is left out, if another is whole."""
    text = read_text(path, origin, most_bytes=_MOST_BYTES, expected="a readable YAML file")
    if "<opencv_storage>" in text:
        return [_opencv_xml(text, origin)]
    if re.search(r"^\[image\]\s*$", text, re.MULTILINE):
        return [_ini(text)]
    documents: list[Mapping[object, object]] = []
    errors: list[Pose3DError] = []
    for first_line, part in islice(_yaml_parts(text), _MOST_DOCUMENTS):
        try:
            content = parse_yaml(part, origin, first_line)
            if isinstance(content, Mapping):
                documents.append(content)
            elif content is not None:
                errors.append(origin.error("a mapping of fields", type(content).__name__))
        except Pose3DError as error:
            errors.append(error)
    if not documents:
        raise errors[0] if errors else origin.error("a mapping of fields", "nothing")
    return documents


def _yaml_parts(text: str) -> Iterator[tuple[int, str]]:
    """The documents and their lines in the file, without what OpenCV writes that is not of YAML."""
    plain = re.sub(r"!!opencv-[\w-]+", "", re.sub(r"^%YAML.*", "", text))
    start = line = 0
    for mark in [*re.finditer(r"^(?:---|\.\.\.)(?=\s|$)", plain, re.MULTILINE), None]:
        end = len(plain) if mark is None else mark.start()
        yield line, plain[start:end]
        line += plain.count("\n", start, end)
        start = end if mark is None else mark.end()


def _opencv_xml(text: str, origin: Origin) -> Mapping[object, object]:
    """What a FileStorage holds; OpenCV's own reader ends the process where elements are nested very deep."""
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise origin.error("XML of OpenCV's FileStorage", "declarations of a document type")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError):
        raise origin.error("XML of OpenCV's FileStorage", "damaged XML") from None
    return {child.tag: _opencv_value(child, origin, 1) for child in root}


def _opencv_value(element: ET.Element, origin: Origin, depth: int) -> object:
    if depth > _MOST_DEPTH:
        raise origin.error("XML of OpenCV's FileStorage", f"elements nested more than {_MOST_DEPTH} deep")
    if len(element):
        values = [(child.tag, _opencv_value(child, origin, depth + 1)) for child in element]
        return [value for _, value in values] if values[0][0] == "_" else dict(values)
    words = (element.text or "").split()
    return words if len(words) > 1 and None not in map(number_in, words) else " ".join(words).strip('"')


def _ini(text: str) -> Mapping[object, object]:
    """ost.txt: titles, each on a line of its own, and the numbers that follow them."""
    fields: dict[object, object] = {}
    numbers: list[object] = []
    for line in text.splitlines():
        if re.match(r"[a-z ]+$", line.strip(), re.IGNORECASE):
            fields[line.strip()] = numbers = []
        elif not line.strip().startswith(("#", "[")):
            numbers += line.split()
    fields["projection matrix"] = fields.pop("projection", [])
    return {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in fields.items()}


def _cameras(origin: Origin, document: Mapping[object, object], name: str = "") -> Iterator[tuple[str, _Fields]]:
    """The cameras of a document with their names: itself, or those below its keys."""
    fields = _Fields(origin, document)
    if fields.has(*_K, *_INTRINSICS, *_P):
        yield name, fields
        return
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _cameras(origin, value, f"{key}")


class _Fields:
    """The fields of one camera, by their names without underscores and upper case."""

    def __init__(self, origin: Origin, content: Mapping[object, object]) -> None:
        self._origin = origin
        self._content = {re.sub(r"[^a-z0-9]", "", f"{key}".lower()): value for key, value in content.items()}
        self._keys = {re.sub(r"[^a-z0-9]", "", f"{key}".lower()): f"{key}" for key in content}

    def has(self, *names: str) -> bool:
        """Whether there is any of these."""
        return any(name in self._content for name in names)

    @property
    def calibrated(self) -> bool:
        """Whether K, P or the intrinsics are other than zeros."""
        return any(self._numbers(names).any() for names in (_K, _P, _INTRINSICS) if self.has(*names))

    def calibration(self, choices: tuple[str, ...]) -> Calibration:
        """The record. Raises CameraError for a field that is missing or malformed."""
        width_px, height_px = self._size()
        matrix, first = self._matrix()
        projection = self._numbers(_P) if self.has(*_P) else np.zeros(12)
        if projection.size not in (0, 12):
            raise self._error(_P, "12 numbers", f"{projection.size}")
        roi = _Fields(self._origin, found) if isinstance(found := self._content.get("roi"), Mapping) else None
        return Calibration(
            K_px=matrix,
            width_px=width_px,
            height_px=height_px,
            distortion=np.append(first, self._distortion(first.size > 0)),
            model=self._model(),
            P_px=np.zeros((3, 4)) if not projection.size else projection.reshape(3, 4),
            roi_px=roi._region() if roi else (0, 0, 0, 0),
            binning=(self._count("binningx", 1), self._count("binningy", 1)),
            choices=choices,
        )

    def _size(self) -> tuple[int, int]:
        if self.has(*_SIZE) and not self.has(*_WIDTH):
            size = self._numbers(_SIZE)
            if size.size != 2 or (size != np.round(size)).any():
                raise self._error(_SIZE, "the width and height in pixels", f"{size.tolist()}")
            return int(size[0]), int(size[1])
        return self._whole(_WIDTH), self._whole(_HEIGHT)

    def _matrix(self) -> tuple[Array, Array]:
        """K, and the parameters of the lens that Kalibr has before fx, fy, cx, cy."""
        if self.has(*_K):
            matrix = self._numbers(_K)
            if matrix.size != 9:
                raise self._error(_K, "9 numbers", f"{matrix.size}")
            return matrix.reshape(3, 3), np.zeros(0)
        if not self.has(*_INTRINSICS):
            return np.zeros((3, 3)), np.zeros(0)
        values = self._numbers(_INTRINSICS)
        if values.size == 9:
            return values.reshape(3, 3), np.zeros(0)
        if not 4 <= values.size <= 6:
            raise self._error(_INTRINSICS, "fx, fy, cx, cy, the parameters of the lens before", f"{values.size}")
        fx, fy, cx, cy = values[-4:]
        if len(values) > 4 and lens_name(self._model()) not in _SPHERICAL:
            raise self._error(_INTRINSICS, "fx, fy, cx, cy", f"{values.size} numbers")
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), values[:-4]

    def _distortion(self, may_lack: bool) -> Array:
        if may_lack or lens_name(self._model()) in ("pinhole", "none"):
            return self._numbers(_DISTORTION) if self.has(*_DISTORTION) else np.zeros(0)
        return self._numbers(_DISTORTION)

    def _model(self) -> str:
        """The model of the lens: the camera's where that is one, else the distortion's."""
        camera, distortion = self._named(_CAMERA_MODEL), self._named(_MODEL)
        own, other = lens_name(camera), lens_name(distortion)
        if camera is not None and own not in ("pinhole", UNNAMED):
            fits = {*_KALIBR_BESIDE.get(own or "", ()), own, UNNAMED}
            if distortion is None or (own in _SPHERICAL and other in fits):
                return camera
            if own is not None and other not in fits:
                raise self._error(_CAMERA_MODEL, f"the lens of distortion_model {shown(distortion)}", shown(camera))
        if distortion is None and self._content.get(_IS_FISHEYE[0]) in (1, "1", True):
            return "equidistant"
        return UNNAMED if distortion is None else distortion

    def _named(self, names: tuple[str, ...]) -> str | None:
        for name in names:
            if name in self._content:
                value = self._content[name]
                return "" if value is None else f"{value}"
        return None

    def _region(self) -> tuple[int, int, int, int]:
        x, y, width, height = (self._count(name, 0) for name in ("xoffset", "yoffset", "width", "height"))
        return x, y, width, height

    def _count(self, name: str, default: int) -> int:
        return self._whole((name,)) if self.has(name) else default

    def _whole(self, names: tuple[str, ...]) -> int:
        value = _number(self._value(names))
        if value is None or not value.is_integer():
            raise self._error(names, "an integer number of pixels", shown(self._value(names)))
        return int(value)

    def _numbers(self, names: tuple[str, ...]) -> Array:
        value = self._value(names)
        data = value.get("data", value) if isinstance(value, Mapping) else value
        rows = data if isinstance(data, list) else [data]
        flat = [_number(x) for row in rows for x in (row if isinstance(row, list) else [row])]
        if not isinstance(data, list) or None in flat:
            raise self._error(names, "a list of numbers under `data`", shown(data))
        return np.array(flat, dtype=np.float64)

    def _value(self, names: tuple[str, ...]) -> object:
        return next((self._content[name] for name in names if name in self._content), None)

    def _error(self, names: tuple[str, ...], expected: str, got: str) -> Pose3DError:
        """Names the field as the file does, or as ROS does where it has none."""
        ros = {"imagewidth": "image_width", "imageheight": "image_height", "cameramatrix": "camera_matrix"}
        key = next((self._keys[name] for name in names if name in self._keys), None)
        key = key or {**ros, "distortioncoefficients": "distortion_coefficients"}.get(names[0], names[0])
        return self._origin.error(expected, got, f": {key}")


def _number(value: object) -> float | None:
    """A number, also one in quotes or, for `checked_matrix` to refuse, a NaN; None for anything else."""
    if isinstance(value, float) or is_number(value):
        return float(value)
    return number_in(value) if isinstance(value, str) else None
