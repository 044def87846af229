"""The file of several cameras' poses in a common frame."""

from __future__ import annotations

from collections.abc import Mapping

from pose3d_ros.errors import ConfigError, Pose3DError, shown
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.reading.documents import fields_of, read_yaml
from pose3d_ros.reading.files import Origin
from pose3d_ros.reading.numbers import is_number

_FIX = "Give each camera `translation: [x, y, z]` in metres and `rotation: [x, y, z, w]`, of its optical frame."


def read_extrinsics(path: str, names: tuple[str, ...]) -> Mapping[str, RigidTransform]:
    """Each camera's pose in the common frame.

    Parameters
    ----------
    path : str
        A YAML file: `extrinsics: {front: {translation: [x, y, z], rotation: [x, y, z, w]}, …}`, metres and a quaternion
        of the optical frame, as `ros2 run tf2_ros tf2_echo COMMON OPTICAL` prints them.
    names : tuple of str
        The cameras that must be in it.

    Returns
    -------
    mapping of str to RigidTransform
        From each camera's optical frame to the common frame.

    Raises
    ------
    ConfigError
        For a file that can't be read, a camera that is missing, or numbers that are no pose.
    """
    origin = Origin(ConfigError, f"file {path}", _FIX)
    cameras = fields_of(fields_of(read_yaml(path, origin), origin).get("extrinsics"), origin, ": extrinsics")
    for name in names:
        if name not in cameras:
            raise origin.error(f"the camera {name} of fusion.cameras", ", ".join(map(str, cameras)) or "none")
    return {name: _pose(fields_of(cameras[name], origin, f": {name}"), name, origin) for name in names}


def _pose(fields: Mapping[str, object], name: str, origin: Origin) -> RigidTransform:
    numbers = []
    for key, count in (("translation", 3), ("rotation", 4)):
        values = fields.get(key)
        if not (isinstance(values, list) and len(values) == count and all(is_number(value) for value in values)):
            raise origin.error(f"{count} numbers of {name}: {key}", shown(values))
        numbers.append([float(value) for value in values])
    try:
        return RigidTransform.from_quaternion(numbers[1], numbers[0])
    except Pose3DError as error:
        raise origin.error(f"a quaternion as {name}: rotation", error.got) from error
