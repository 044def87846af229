"""Settings of where people stand: the root solvers, and what is known of the place."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.numbers import number_in, whole_in

SIMILARITY = ("similarity", "search", "weak_perspective", "mehta", "veges")
"""Ways to read one thing, how large the metric skeleton looks; see docs/design.md for their equations."""
ROOT_SOLVERS = (*SIMILARITY, "learned", "ground", "depth", "stature")


@dataclass(frozen=True)
class RootConfig(Settings, prefix="root", nodes=("pose_node",), tunable=True):
    """How far away people are."""

    solvers: str = setting(
        "all",
        "Root solvers, separated by commas, of: " + ", ".join(ROOT_SOLVERS) + "; all: those that have what they need. "
        "Their distances are fused by their uncertainties. At most one of the first five, which read the same: all, "
        "search takes search in place of similarity.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self._names() if name not in (*ROOT_SOLVERS, "all")]
        if unknown or not self._names():
            raise ConfigError(
                "parameter root.solvers",
                expected=f"all, or some of {', '.join(ROOT_SOLVERS)}, separated by commas",
                got=repr(self.solvers),
                fix="Correct the name.",
            )
        alike = [name for name in self._names() if name in SIMILARITY]
        if len(alike) > 1:
            raise ConfigError(
                "parameter root.solvers",
                expected=f"one of {', '.join(SIMILARITY)}, which read the same thing",
                got=repr(self.solvers),
                fix="Leave all but one of them out.",
            )

    @property
    def similarity(self) -> str:
        """Which of SIMILARITY takes part, where one does."""
        return next((name for name in self._names() if name in SIMILARITY), SIMILARITY[0])

    @property
    def names_similarity(self) -> bool:
        """Whether one of SIMILARITY was asked for by name."""
        return any(name in SIMILARITY for name in self._names())

    def uses(self, solver: str) -> bool:
        """Whether a solver takes part."""
        if solver in SIMILARITY and solver != self.similarity:
            return False
        return solver in self._names() or "all" in self._names()

    def _names(self) -> list[str]:
        return [name.strip() for name in self.solvers.split(",") if name.strip()]


_FLOOR_NODES = ("pose_node", "smoother_node")
"""The smoother keeps feet on the floor."""


@dataclass(frozen=True)
class SceneConfig(Settings, nodes=("pose_node",)):
    """What is known of the place and its people."""

    floor_frame: str = setting(
        "",
        "TF frame whose plane z = 0 is the floor, such as base_footprint or map; empty: none.",
        nodes=_FLOOR_NODES,
    )
    fixed_frame: str = setting(
        "", "TF frame that does not move with the camera, such as odom: people are followed in it; empty: none."
    )
    imu_topic: str = setting(
        "", "sensor_msgs/Imu on the robot that gives pitch and roll, with camera_height_m; empty: none."
    )
    depth_topic: str = setting(
        "",
        "Depth image aligned with the color image, 16UC1 in mm or 32FC1 in m, its camera_info beside it; empty: none.",
    )
    detections_topic: str = setting(
        "",
        "People's boxes from another detector, in place of our own: vision_msgs/Detection2DArray or "
        "yolo_msgs/DetectionArray with the images' stamps; empty: none.",
    )
    detections_classes: str = setting(
        "person, 0",
        "Classes of detections_topic that are people, by name or number, separated by commas; *: all.",
        tunable=True,
    )
    camera_height_m: float = setting(
        0.0,
        "Height of the camera over the floor, where no floor_frame gives it; 0: unknown.",
        (0.0, 100.0),
        tunable=True,
        nodes=_FLOOR_NODES,
    )
    camera_pitch_deg: float = setting(
        0.0,
        "Pitch of the viewing direction over the horizon; below 0 the camera looks down.",
        (-90.0, 90.0),
        tunable=True,
        nodes=_FLOOR_NODES,
    )
    camera_roll_deg: float = setting(
        0.0,
        "Turn of the camera about its viewing direction, clockwise seen from behind it.",
        (-180.0, 180.0),
        tunable=True,
        nodes=_FLOOR_NODES,
    )
    known_height_m: float = setting(
        0.0, "Height of everyone in view, where it is known; 0: unknown.", (0.0, 2.6), tunable=True
    )
    known_heights: str = setting(
        "",
        "Heights of some by their ids, as in `p3f7a_12: 1.82, p3f7a_13: 1.65`; empty: none.",
        tunable=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _heights_m(self.known_heights)

    def height_of(self, track_id: int) -> float:
        """The height of a person, metres; 0 where it is not known."""
        return _heights_m(self.known_heights).get(track_id, self.known_height_m)


@functools.cache
def _heights_m(text: str) -> dict[int, float]:
    """Number of a track → height. Raises ConfigError for a part that is none."""
    return dict(_id_and_height(part.strip()) for part in text.split(",") if part.strip())


def _id_and_height(text: str) -> tuple[int, float]:
    name, _, height = text.partition(":")
    number, height_m = whole_in(name.strip().rpartition("_")[2]), number_in(height.strip())
    if number is None or height_m is None or not 0.3 <= height_m <= 2.6:
        raise ConfigError(
            "parameter known_heights",
            expected="ids and heights in metres, such as `p3f7a_12: 1.82, p3f7a_13: 1.65`",
            got=repr(text),
            fix="Take the ids from the topic people.",
        )
    return number, height_m
