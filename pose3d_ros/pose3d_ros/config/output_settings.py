"""What a node publishes, and of whom."""

from __future__ import annotations

from dataclasses import dataclass

from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.skeletons import SKELETONS

_POSE_NODE = ("pose_node",)
_OF_A_CAMERA = ("pose_node", "smoother_node")
"""Those whose people are in an image."""


@dataclass(frozen=True)
class OutputConfig(Settings, nodes=(*_OF_A_CAMERA, "fusion_node")):
    """What a node publishes."""

    skeleton: str = setting(
        "",
        "Skeleton to publish; empty for the model's own, in smoother_node for the one that arrives.",
        choices=("", *sorted(SKELETONS)),
    )
    target_frame: str = setting(
        "", "TF frame to publish in; empty for the camera's own. If the smoother runs, set it on smoother_node only."
    )
    tf_timeout_s: float = setting(
        0.5, "How long people wait for the transform to target_frame at their image's time.", (0.0, 10.0)
    )
    tf_on_timeout: str = setting(
        "drop",
        "People whose transform has not come: drop; latest: use the latest transform; camera_frame: publish in it.",
        choices=("drop", "latest", "camera_frame"),
    )
    id_tag: str = setting(
        "",
        "The ids of people are p<tag>_<number>; empty: another tag at each start, so that no id is ever used again.",
        pattern="[A-Za-z0-9]{0,16}",
        nodes=("pose_node", "fusion_node"),
    )
    publish_markers: bool = setting(True, "Publish a MarkerArray (RViz, Foxglove).", tunable=True)
    marker_lifetime_s: float = setting(0.5, "Lifetime of the markers; 0: unlimited.", (0.0, 60.0), tunable=True)
    publish_tf: bool = setting(False, "Broadcast each person's root as a TF frame.", tunable=True)
    publish_tf_joints: bool = setting(
        False, "With publish_tf, broadcast every valid joint too, as the frame <id>/<joint>.", tunable=True
    )
    publish_detections_3d: bool = setting(False, "Publish detections_3d, a vision_msgs/Detection3DArray.")
    publish_detections_2d: bool = setting(
        False, "Publish detections_2d, a vision_msgs/Detection2DArray.", nodes=_OF_A_CAMERA
    )
    publish_poses: bool = setting(False, "Publish poses, a geometry_msgs/PoseArray.")
    publish_people_msgs: bool = setting(False, "Publish people_msgs, a people_msgs/People.")
    publish_overlay: bool = setting(
        False, "Publish the image with the skeletons drawn on it.", tunable=True, nodes=_POSE_NODE
    )
    work_without_subscribers: bool = setting(False, "Process images even without subscribers.", tunable=True)
    published_states: str = setting(
        "all",
        "Who is published. detected: NEW, TRACKED; confirmed: TRACKED, PREDICTED; tracked: TRACKED. If the smoother "
        "runs, set this and the limits below on smoother_node only.",
        choices=("all", "detected", "confirmed", "tracked"),
        tunable=True,
    )
    max_distance_m: float = setting(
        0.0,
        "People farther away from the camera are not published; 0: no limit.",
        (0.0, 1000.0),
        tunable=True,
        nodes=_OF_A_CAMERA,
    )
    min_box_height_px: float = setting(
        0.0,
        "People whose box in the image is lower than this are not published; 0: no limit.",
        (0.0, 100_000.0),
        tunable=True,
        nodes=_OF_A_CAMERA,
    )
    min_height_m: float = setting(
        0.0,
        "People shorter than this when they stand, by their bones, are not published; 0: no limit.",
        (0.0, 5.0),
        tunable=True,
    )
    max_height_m: float = setting(
        0.0, "People taller than this, by their bones, are not published; 0: no limit.", (0.0, 5.0), tunable=True
    )
