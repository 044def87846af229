"""Settings of `fusion_node`."""

from __future__ import annotations

from dataclasses import dataclass

from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import ConfigError


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
