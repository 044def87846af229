"""Settings of `fusion_node`, and the file of cameras' poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import ConfigError, Pose3DError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.reading.documents import fields_of, read_yaml
from pose3d_ros.reading.files import Origin
from pose3d_ros.reading.numbers import is_number

_FIX = "Give each camera `translation: [x, y, z]` in metres and `rotation: [x, y, z, w]`, of its optical frame."


@dataclass(frozen=True)
class FusionConfig(Settings, prefix="fusion", nodes=("fusion_node",)):
    """Which cameras' people are fused, and how long it waits for them."""

    cameras: str = setting(
        "",
        "Namespaces of the cameras, two or more, separated by commas, such as `front, rear`.",
    )
    people_topic: str = setting("people", "Topic of people in each namespace, people or people_smoothed.")
    camera_info_topic: str = setting("camera_info", "Topic of the camera_info of these people's images, as above.")
    rectified: bool = setting(
        False, "People are of rectified images, whose camera is camera_info's P; as pose_node's rectified."
    )
    extrinsics: str = setting(
        "", "YAML file with each camera's pose in target_frame, in place of TF; empty: TF at each image's time."
    )
    window_s: float = setting(
        0.2, "An image takes part while it is no farther than this from the time of the result.", (0.0, 2.0)
    )
    max_wait_s: float = setting(0.1, "How long an image waits for those of other cameras.", (0.0, 2.0))
    predicted_s: float = setting(
        1.0, "How long someone whom no camera sees is published as PREDICTED, at most max_age_s.", (0.0, 30.0)
    )
    max_age_s: float = setting(3.5, "How long someone whom no camera sees is known again; then LOST.", (0.0, 30.0))

    @property
    def names(self) -> tuple[str, ...]:
        """The namespaces. Raises ConfigError for fewer than two, or one twice."""
        names = tuple(name.strip().strip("/") for name in self.cameras.split(",") if name.strip())
        if len(names) < 2 or len(set(names)) < len(names):
            raise ConfigError(
                "parameter fusion.cameras",
                expected="two or more namespaces, each once, such as `front, rear`",
                got=repr(self.cameras),
                fix="Name those in which pose_node runs.",
            )
        return names


def read_extrinsics(path: str, names: tuple[str, ...]) -> Mapping[str, RigidTransform]:
    """Each camera's pose in the common frame.

    Parameters
    ----------
    path : str
        A YAML file: `cameras: {front: {translation: [x, y, z], rotation: [x, y, z, w]}, …}`, metres and a quaternion
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
    cameras = fields_of(fields_of(read_yaml(path, origin), origin).get("cameras"), origin, ": cameras")
    for name in names:
        if name not in cameras:
            raise origin.error(f"the camera {name} of fusion.cameras", ", ".join(map(str, cameras)) or "none")
    return {name: _pose(fields_of(cameras[name], origin, f": {name}"), name, origin) for name in names}


def _pose(fields: Mapping[str, object], name: str, origin: Origin) -> RigidTransform:
    numbers = []
    for key, count in (("translation", 3), ("rotation", 4)):
        values = fields.get(key)
        if not (isinstance(values, list) and len(values) == count and all(is_number(value) for value in values)):
            raise origin.error(f"{count} numbers of {name}: {key}", f"{values!r}")
        numbers.append(np.array(values, dtype=np.float64).tolist())
    try:
        return RigidTransform.from_quaternion(numbers[1], numbers[0])
    except Pose3DError as error:
        raise origin.error(f"a quaternion as {name}: rotation", error.got) from error
