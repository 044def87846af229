"""Settings of what the pose node subscribes to."""

from __future__ import annotations

from dataclasses import dataclass

from pose3d_ros.config.parameter_table import Settings, setting


@dataclass(frozen=True)
class InputConfig(Settings, nodes=("pose_node",)):
    """What the pose node subscribes to."""

    image_transport: str = setting(
        "raw", "raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage.", choices=("raw", "compressed")
    )
    image_reliability: str = setting(
        "auto",
        "QoS reliability of the image subscription; auto: reliable while every publisher is, else best_effort.",
        choices=("auto", "best_effort", "reliable"),
    )
    rectified: bool = setting(
        False,
        "The images are rectified: their camera is camera_info's P. false: those on topics named image_rect, "
        "image_rect_color or rect/... are, others have K and the distortion.",
    )
    max_rate_hz: float = setting(
        0.0,
        "Images that come more often are left out, evenly by their stamps, to spare the CPU; 0: none is.",
        (0.0, 1000.0),
        tunable=True,
    )
    queue_size: int = setting(
        1, "Queue size for images; 1 keeps only the latest, more is for playback without dropped frames.", (1, 1000)
    )
    fallback_hfov_deg: float = setting(
        0.0,
        "Horizontal field of view to assume without a valid camera_info (calibrated is false); 0: publish nothing.",
        (0.0, 170.0),
    )
    max_image_pixels: int = setting(
        100_000_000,
        "Images whose header promises more pixels than this are refused before they are decoded.",
        (1, 1_000_000_000),
    )
