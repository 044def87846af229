"""Options that say what is known of the scene: the floor, people's height, and depth images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.depth_decoding import depth_file_m
from pose3d_ros.errors import InputError, shown
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.reading.documents import read_yaml
from pose3d_ros.reading.files import Origin, is_file, is_folder
from pose3d_ros.reading.numbers import is_number
from pose3d_ros.records import DepthImage

_SUFFIXES = (".png", ".tif", ".tiff")
_PARAMETERS = ("camera_height_m", "camera_pitch_deg", "camera_roll_deg", "known_height_m")
_FIX = "Write up: [x, y, z] in the camera's optical frame and height_m; or camera_height_m and camera_pitch_deg."


def add_scene_options(parser: argparse.ArgumentParser) -> None:
    """--camera-height, --camera-pitch, --camera-roll, --ground, --known-height, --depth."""
    group = parser.add_argument_group("scene", "what makes distances exact")
    group.add_argument("--camera-height", type=float, metavar="M", help="of the camera over the floor, metres")
    group.add_argument(
        "--camera-pitch",
        type=float,
        metavar="DEG",
        help="of the viewing direction over the horizon; below 0 the camera looks down",
    )
    group.add_argument("--camera-roll", type=float, metavar="DEG", help="clockwise, seen from behind the camera")
    group.add_argument(
        "--ground",
        metavar="YAML",
        help="file of the floor: `up` and `height_m`, or camera_height_m, camera_pitch_deg and camera_roll_deg",
    )
    group.add_argument("--known-height", type=float, metavar="M", help="of everyone in view, metres")
    group.add_argument(
        "--depth",
        metavar="DIR",
        help="depth images aligned with the images and named like them: 16 bits in millimetres, or floats in metres",
    )


def scene_parameters(args: argparse.Namespace) -> dict[str, object]:
    """{name: value} of the parameters that the options set. Raises InputError for an unusable file."""
    given = {
        "camera_height_m": args.camera_height,
        "camera_pitch_deg": args.camera_pitch,
        "camera_roll_deg": args.camera_roll,
        "known_height_m": args.known_height,
    }
    values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if args.ground is not None:
        content = _floor_file(Path(args.ground))
        values = {**{name: content[name] for name in _PARAMETERS if name in content}, **values}
    return values


def floor_of_file(path: str | None) -> GroundPlane | None:
    """The floor of a file with `up` and `height_m`; None without one. Raises InputError for an unusable file."""
    if path is None:
        return None
    content = _floor_file(Path(path))
    if "up" not in content:
        return None
    up, height_m = content["up"], content.get("height_m")
    if not (isinstance(up, list) and len(up) == 3 and all(map(is_number, up)) and is_number(height_m)):
        raise InputError(f"floor {path}", expected="up: [x, y, z] and height_m", got=shown(content), fix=_FIX)
    return GroundPlane.of_normal([float(value) for value in up], float(height_m))


def given_floor(args: argparse.Namespace) -> GroundPlane | None:
    """The floor that the options say; None where they do not. Raises InputError as `floor_of_file`."""
    from_file = floor_of_file(args.ground)
    values = {name: float(value) for name, value in scene_parameters(args).items() if is_number(value)}
    if from_file is not None or "camera_height_m" not in values:
        return from_file
    angles = (values.get(name, 0.0) for name in ("camera_pitch_deg", "camera_roll_deg"))
    return GroundPlane.of_mounting(values["camera_height_m"], *angles)


@dataclass(frozen=True)
class DepthFolder:
    """Depth images that are named as the images are, or by the frame's number in a video."""

    folder: Path

    def of_frame(self, name: str | int, number: int, camera: Camera) -> DepthImage | None:
        """The depth image of a frame; None where the folder has none. camera: of the image. Raises InputError."""
        for stem in dict.fromkeys((Path(str(name)).stem, str(number), f"{number:04d}", f"{number:06d}")):
            for suffix in _SUFFIXES:
                path = self.folder / f"{stem}{suffix}"
                if is_file(path):
                    depth_m = depth_file_m(path)
                    return DepthImage(depth_m, camera.resize(depth_m.shape[1], depth_m.shape[0]))
        return None


def open_depth_folder(path: str | None) -> DepthFolder | None:
    """The folder of --depth. Raises InputError where it is none."""
    if path is None:
        return None
    if not is_folder(path):
        raise InputError(f"depth {path}", expected="a folder with depth images", got="no folder", fix="Check the path.")
    return DepthFolder(Path(path))


def _floor_file(path: Path) -> Mapping[str, object]:
    origin = Origin(InputError, f"floor {path}", _FIX)
    content = read_yaml(path, origin)
    if not isinstance(content, dict) or not ("up" in content or "camera_height_m" in content):
        expected = "up and height_m, or camera_height_m"
        raise InputError(f"floor {path}", expected=expected, got=shown(content), fix=_FIX)
    unknown = [name for name in content if name not in (*_PARAMETERS, "up", "height_m")]
    if unknown:
        raise InputError(f"floor {path}", expected="no other keys", got=shown(unknown[0]), fix=_FIX)
    return content
