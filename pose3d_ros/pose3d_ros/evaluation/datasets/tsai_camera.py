"""Calibrations by Tsai's method as XML, as PETS 2009 has them: millimetres, over the floor z = 0 of the world."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.reading.files import Origin, read_bytes

_MOST_BYTES = 1 << 20
_POSITIVE = ("width", "height", "focal", "dpx", "dpy", "sx")
_OTHERS = ("cx", "cy", "kappa1", "tx", "ty", "tz", "rx", "ry", "rz")
_MOST = 1e6
_FIX = "Give an XML file with Geometry, Intrinsic and Extrinsic of Tsai's model, such as View_001.xml of PETS 2009."


def read_tsai(path: Path) -> tuple[Camera, GroundPlane]:
    """The camera, its lens as OpenCV's polynomial, and the floor.

    R. Tsai: A Versatile Camera Calibration Technique, 1987. Raises CameraError.
    """
    origin = Origin(CameraError, f"calibration {path}", _FIX)
    try:
        root = ET.fromstring(read_bytes(path, origin, most_bytes=_MOST_BYTES))
        values = {key: float(value) for part in root for key, value in part.attrib.items()}
        if not (
            all(1 / _MOST < values[key] < _MOST for key in _POSITIVE)
            and all(abs(values[key]) < _MOST for key in _OTHERS)
        ):
            raise origin.error("numbers that a camera has", "others")
        return _camera_of(values), _floor_of(values)
    except (ET.ParseError, KeyError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        expected = "Geometry, Intrinsic and Extrinsic of Tsai's model"
        got = f"none of the name {error}" if isinstance(error, KeyError) else "other content"
        raise origin.error(expected, got) from error


def _camera_of(values: Mapping[str, float]) -> Camera:
    width, height, focal_mm = int(values["width"]), int(values["height"]), values["focal"]
    mm_px = np.array([values["dpx"] / values["sx"], values["dpy"]])
    middle = np.array([values["cx"], values["cy"]])
    u, v = np.meshgrid(np.linspace(0, width - 1, 40), np.linspace(0, height - 1, 30))
    bent = (np.stack([u.ravel(), v.ravel()], axis=1) - middle) * mm_px
    # Tsai's polynomial takes distorted points to straight ones, OpenCV's the other way round.
    straight = bent * (1.0 + values["kappa1"] * (bent**2).sum(axis=1, keepdims=True))
    squared = ((straight / focal_mm) ** 2).sum(axis=1)
    ratios = np.linalg.norm(bent, axis=1) / np.linalg.norm(straight, axis=1)
    k1, k2, k3 = np.linalg.lstsq(np.stack([squared, squared**2, squared**3], axis=1), ratios - 1.0, rcond=None)[0]
    fx, fy = focal_mm / mm_px
    K_px = np.array([[fx, 0, middle[0]], [0, fy, middle[1]], [0, 0, 1.0]])
    return Camera(K_px, width, height, np.array([k1, k2, 0.0, 0.0, k3]), "plumb_bob")


def _floor_of(values: Mapping[str, float]) -> GroundPlane:
    (sx, sy, sz), (cx, cy, cz) = (
        [function(values[key]) for key in ("rx", "ry", "rz")] for function in (np.sin, np.cos)
    )
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    translation_m = np.array([values[key] for key in ("tx", "ty", "tz")]) / 1000.0
    return GroundPlane.of_floor_frame(about_z @ about_y @ about_x, translation_m)
