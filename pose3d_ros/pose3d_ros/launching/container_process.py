"""`pose3d_container` as a command: which cameras its parameter `cameras` names, in the form of cameras.launch.py."""

from __future__ import annotations

import sys

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.launching.camera_list import camera_launches
from pose3d_ros.launching.launch_settings import CameraLaunch, Parameters
from pose3d_ros.nodes.container import CameraEntry, run_container

_SUFFIXES = (".yaml", ".yml")


def cameras_of(text: str) -> tuple[CameraEntry, ...]:
    """The cameras of a YAML file (see `camera_launches`), or of namespaces separated by commas.

    Empty for one camera in the namespace of the process. Raises ConfigError.
    """
    if text.endswith(_SUFFIXES):
        return tuple(_entry(launch) for launch in camera_launches(text, {"threads": 0}))
    names = [name.strip() for name in text.split(",")] if text.strip() else [""]
    if len(set(names)) < len(names) or (len(names) > 1 and "" in names):
        raise ConfigError(
            "parameter cameras",
            expected=f"namespaces separated by commas, each once, or a file that ends in {' or '.join(_SUFFIXES)}",
            got=shown(text),
            fix="See config/cameras.yaml for an example of a file.",
        )
    return tuple(CameraEntry(name) for name in names)


def _entry(launch: CameraLaunch) -> CameraEntry:
    own_file = launch.params_file != str(share_file("config/pose3d.yaml"))
    return CameraEntry(
        launch.namespace,
        {"image_raw": launch.image_topic, "camera_info": launch.camera_info_topic},
        smoother=launch.smoother,
        of_pose_node=_given(launch.of_pose_node),
        of_smoother_node=_given(launch.of_smoother_node),
        params_file=launch.params_file if own_file else "",
    )


def _given(parameters: Parameters) -> Parameters:
    """Without the threads that the file left open: cameras take turns, so that each may have every core."""
    return {name: value for name, value in parameters.items() if (name, value) != ("threads", 0)}


def main(args: list[str] | None = None) -> None:
    """Run the cameras until Ctrl-C."""
    sys.exit(run_container(cameras_of, args))


if __name__ == "__main__":
    main()
