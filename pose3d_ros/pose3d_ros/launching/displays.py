"""The configurations of RViz and Foxglove for the topics, frames and cameras of a launch, from the package's files."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import ConfigError, OutputError, shown
from pose3d_ros.reading.documents import parse_json, parse_yaml, yaml_text
from pose3d_ros.reading.files import Origin, in_words, read_text

_MOST_BYTES = 1 << 20
_FIX = "Install the package again."
_FUSED = "markers_fused"
_MARKERS, _IMAGE = "rviz_default_plugins/MarkerArray", "rviz_default_plugins/Image"
_RVIZ_UPRIGHT_VIEW = {"Distance": 8, "Pitch": 0.5, "Yaw": 3.14159, "Focal Point": {"X": 3, "Y": 0, "Z": 0}}
_FOXGLOVE_UPRIGHT_VIEW = {"distance": 8, "phi": 60, "thetaOffset": 90, "targetOffset": [3, 0, 0]}


@dataclass(frozen=True)
class ShownCamera:
    """A camera to show. namespace: of its topics, may be empty. smoother: whether smoothed people are there.

    fused: whether people of all cameras are fused, and shown in place of its own.
    """

    namespace: str
    smoother: bool
    fused: bool = False

    def shows(self, topic: str) -> bool:
        """Whether these markers of the camera are shown from the start."""
        return not self.fused and topic.endswith("_smoothed") == self.smoother

    def topic(self, name: str) -> str:
        """A topic's name as the nodes make it: relative unless the namespace is absolute."""
        return f"{self.namespace.rstrip('/')}/{name}" if self.namespace else name


@dataclass(frozen=True)
class ShownFrame:
    """The frame to show in. optical: whether it is a camera's, y pointing down, and not one whose z points up."""

    name: str
    optical: bool


def rviz_config(cameras: Sequence[ShownCamera], frame: ShownFrame) -> str:
    """The text of a configuration of RViz: markers and overlay of each camera, under relative topics."""
    made: Any = parse_yaml(*_packaged("config/pose3d.rviz"))
    manager, window = made["Visualization Manager"], made["Window Geometry"]
    templates = [d for d in manager["Displays"] if d["Class"] in (_MARKERS, _IMAGE)]
    rest = [d for d in manager["Displays"] if d not in templates]
    dock = window.pop("Overlay")
    for camera in cameras:
        for display in map(copy.deepcopy, templates):
            _fit_rviz_display(display, camera, named=len(cameras) > 1)
            rest.append(display)
            if display["Class"] == _IMAGE:
                window[display["Name"]] = dict(dock)
    if any(camera.fused for camera in cameras):
        rest.append(_fused_display(next(d for d in templates if d["Class"] == _MARKERS)))
    manager["Displays"] = rest
    manager["Global Options"]["Fixed Frame"] = frame.name
    if not frame.optical:
        _set_upright(manager)
    return yaml_text(made)


def _fused_display(template: Mapping[str, Any]) -> dict[str, Any]:
    display = copy.deepcopy({**template, "Name": "People of all cameras", "Enabled": True})
    display["Topic"]["Value"] = _FUSED
    return display


def _fit_rviz_display(display: dict[str, Any], camera: ShownCamera, *, named: bool) -> None:
    topic = display["Topic"]
    if display["Class"] == _MARKERS:
        display["Enabled"] = camera.shows(topic["Value"])
    topic["Value"] = camera.topic(topic["Value"])
    if named:
        display["Name"] = f"{camera.namespace}: {display['Name']}"


def _set_upright(manager: dict[str, Any]) -> None:
    """The grid on the ground and a view from behind and above, for a frame whose x points forward and z up."""
    for display in manager["Displays"]:
        if display["Class"] == "rviz_default_plugins/Grid":
            display.update({"Plane": "XY", "Offset": {"X": 3, "Y": 0, "Z": 0}})
    manager["Views"]["Current"].update(_RVIZ_UPRIGHT_VIEW)


def foxglove_layout(cameras: Sequence[ShownCamera], frame: ShownFrame) -> str:
    """The text of a layout for Foxglove, whose panels name absolute topics: layouts have no variables for them."""
    made: Any = parse_json(*_packaged("config/foxglove.json"))
    panels = made["configById"]
    scene, image, plot = (panels[name] for name in ("3D!people", "Image!overlay", "Plot!distance"))
    _fit_foxglove_scene(scene, cameras, frame)
    paths = plot["paths"]
    plot["paths"] = [_fit_path(path, camera, len(cameras) > 1) for camera in cameras for path in _wanted(paths, camera)]
    del panels["Image!overlay"]
    names = []
    for number, camera in enumerate(cameras):
        names.append(f"Image!overlay{number}" if number else "Image!overlay")
        panels[names[-1]] = copy.deepcopy(image)
        panels[names[-1]]["imageMode"]["imageTopic"] = _absolute(camera.topic("overlay"))
    side = made["layout"]["second"]
    side["first"] = _stacked(names)
    return json.dumps(made, indent=2) + "\n"


def _fit_foxglove_scene(scene: dict[str, Any], cameras: Sequence[ShownCamera], frame: ShownFrame) -> None:
    scene["topics"] = {
        _absolute(camera.topic(name)): {"visible": camera.shows(name)}
        for camera in cameras
        for name in ("markers", "markers_smoothed")
    }
    if any(camera.fused for camera in cameras):
        scene["topics"][_absolute(_FUSED)] = {"visible": True}
    scene["followTf"] = scene["layers"]["floor"]["frameId"] = frame.name
    if not frame.optical:
        scene["layers"]["floor"].update({"position": [3, 0, 0], "rotation": [0, 0, 0]})
        scene["scene"]["meshUpAxis"] = "z_up"
        scene["cameraState"].update(_FOXGLOVE_UPRIGHT_VIEW)


def _wanted(paths: Sequence[dict[str, Any]], camera: ShownCamera) -> list[dict[str, Any]]:
    return [path for path in paths if camera.smoother or "_smoothed" not in path["value"]]


def _fit_path(path: Mapping[str, Any], camera: ShownCamera, named: bool) -> dict[str, Any]:
    label = f"{camera.namespace}: {path['label']}" if named else path["label"]
    return {**path, "value": _absolute(camera.topic(path["value"].lstrip("/"))), "label": label}


def _stacked(names: Sequence[str]) -> Any:
    """A node of Foxglove's layout: panels of equal height, one below the other."""
    if len(names) == 1:
        return names[0]
    return {
        "direction": "column",
        "first": names[0],
        "second": _stacked(names[1:]),
        "splitPercentage": 100 / len(names),
    }


def _absolute(topic: str) -> str:
    return "/" + topic.lstrip("/")


def _packaged(relative: str) -> tuple[str, Origin]:
    path = share_file(relative)
    origin = Origin(ConfigError, f"file {path}", _FIX)
    return read_text(path, origin, most_bytes=_MOST_BYTES), origin


def write_display_file(path: str | Path, text: str) -> Path:
    """Write a configuration to a file that may be there. Raises OutputError."""
    full = Path(path).expanduser()
    try:
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        subject, expected = f"file {shown(str(full))}", "a file that can be written"
        raise OutputError(subject, expected=expected, got=in_words(error), fix="Choose another.") from error
    return full
