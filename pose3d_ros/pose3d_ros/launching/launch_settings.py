"""What a launch starts, as records: the texts of its arguments, read, with the presets and the routes of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.config.parameter_table import Value
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.launching.camera_presets import PRESETS, CameraPreset
from pose3d_ros.launching.displays import ShownFrame
from pose3d_ros.launching.launch_arguments import CAMERA

_UNNAMED = CameraPreset("image_raw", "camera_info", "camera_optical_frame", "")
OF_LAST_NODE = ("target_frame", "publish_tf")
"""Parameters of both nodes that only the last one gets: it publishes what the robot uses."""

Parameters = Mapping[str, Value]
"""Parameter name → value."""


@dataclass(frozen=True)
class CameraLaunch:
    """The nodes of one camera.

    image_topic, camera_info_topic: as given, relative ones below the namespace. frame: where its people are shown:
    target_frame, else the images' own. optical: whether that is the images'. of_pose_node, of_smoother_node: what the
    arguments say of their parameters, over those of params_file.
    """

    namespace: str
    image_topic: str
    camera_info_topic: str
    params_file: str
    smoother: bool
    frame: str
    optical: bool
    of_pose_node: Parameters
    of_smoother_node: Parameters

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes, with their namespace where there is one."""
        names = ("pose_node", "smoother_node") if self.smoother else ("pose_node",)
        space = self.namespace.strip("/")
        return tuple(f"{space}/{name}" if space else name for name in names)

    def resolved(self, topic: str) -> str:
        """A topic as given, for a node without a namespace."""
        return topic if topic.startswith("/") or not self.namespace else f"{self.namespace.rstrip('/')}/{topic}"


@dataclass(frozen=True)
class SystemLaunch:
    """What holds for all nodes.

    container: one process for all. respawn: start a node again when its process ends. fixed_frame: RViz's, or empty.
    """

    lifecycle_manager: bool
    hri: bool
    respawn: bool
    log_level: str
    enclave: str
    use_sim_time: bool
    container: bool
    rviz: bool
    fixed_frame: str
    foxglove_layout: str


def system_launch(values: Parameters) -> SystemLaunch:
    """Of the values that `parse_arguments` gives. Raises ConfigError for a contradiction."""
    if values.get("lifecycle_manager") and values.get("autostart"):
        raise ConfigError(
            "launch argument autostart",
            expected="false, or none, with lifecycle_manager:=true",
            got="true",
            fix="Leave it out: the lifecycle manager configures and activates the nodes.",
        )
    return SystemLaunch(
        lifecycle_manager=bool(values.get("lifecycle_manager")),
        hri=bool(values.get("hri")),
        respawn=bool(values.get("respawn")),
        log_level=str(values.get("log_level", "info")),
        enclave=str(values.get("enclave", "")),
        use_sim_time=bool(values.get("use_sim_time")),
        container=bool(values.get("container")),
        rviz=bool(values.get("rviz")),
        fixed_frame=str(values.get("fixed_frame", "")),
        foxglove_layout=str(values.get("foxglove_layout", "")),
    )


def camera_launch(values: Parameters, extra: Parameters | None = None) -> CameraLaunch:
    """Of the values that `parse_arguments` gives. Raises ConfigError for a params_file that is not there.

    extra: further parameters of the nodes, by their names.
    """
    preset = PRESETS.get(str(values.get("camera", "")), _UNNAMED)
    smoother = bool(values.get("smoother", True))
    given = {**{a.name: values[a.name] for a in CAMERA if a.parameter and a.name in values}, **(extra or {})}
    if target := values.get("target_frame"):
        given["target_frame"] = target
    if preset.rectified:
        given.setdefault("rectified", True)
    if values.get("rviz"):
        given.setdefault("publish_overlay", True)
    if values.get("lifecycle_manager"):
        given["autostart"] = False
    elif "autostart" in values:
        given["autostart"] = values["autostart"]
    return CameraLaunch(
        namespace=str(values.get("namespace", "")),
        image_topic=str(values.get("image_topic", preset.image_topic)),
        camera_info_topic=str(values.get("camera_info_topic", preset.camera_info_topic)),
        params_file=_params_file(str(values.get("params_file", ""))),
        smoother=smoother,
        frame=str(target or preset.optical_frame),
        optical=not target,
        of_pose_node=_of_node("pose_node", given, last=not smoother),
        of_smoother_node=_of_node("smoother_node", given, last=True),
    )


def fusion_parameters(camera: CameraLaunch) -> Parameters:
    """What the arguments say of fusion_node's parameters: the same as of the last node of the first camera."""
    given = camera.of_smoother_node if camera.smoother else camera.of_pose_node
    return {name: value for name, value in given.items() if "fusion_node" in PARAMETERS[name].nodes}


def shown_frame(camera: CameraLaunch, system: SystemLaunch) -> ShownFrame:
    """The frame in which displays show the people of a camera."""
    name = system.fixed_frame or camera.frame
    return ShownFrame(name, optical=(camera.optical and name == camera.frame) or "optical" in name)


def _of_node(node: str, given: Parameters, *, last: bool) -> dict[str, Value]:
    return {
        name: value
        for name, value in given.items()
        if node in PARAMETERS[name].nodes and (last or name not in OF_LAST_NODE)
    }


def _params_file(path: str) -> str:
    """The path of the file of parameters, this package's own for an empty one."""
    if not path:
        return str(share_file("config/pose3d.yaml"))
    full = Path(path).expanduser()
    if full.is_file():
        return str(full)
    raise ConfigError(
        "launch argument params_file",
        expected="an existing YAML file of parameters",
        got=f"{shown(str(full))}, {'which is a folder' if full.is_dir() else 'no such file'}",
        fix="Correct the path (a relative one is below the folder of the launch command), or leave it out.",
    )
