from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import OutputError
from pose3d_ros.launching.displays import ShownCamera, ShownFrame, foxglove_layout, rviz_config, write_display_file

OPTICAL, MAP = ShownFrame("camera_optical_frame", True), ShownFrame("map", False)
TWO = [ShownCamera("front", True), ShownCamera("/robot/rear", False)]


def displays(*cameras: ShownCamera, frame: ShownFrame = OPTICAL) -> dict[str, dict[str, Any]]:
    made = yaml.safe_load(rviz_config(cameras, frame))
    return {one["Name"]: one for one in made["Visualization Manager"]["Displays"]}


def test_rviz_is_the_packages_own_configuration_for_one_camera_with_a_smoother() -> None:
    own = yaml.safe_load(share_file("config/pose3d.rviz").read_text(encoding="utf-8"))
    assert yaml.safe_load(rviz_config([ShownCamera("", True)], OPTICAL)) == own


@pytest.mark.parametrize("smoother", [True, False])
def test_rviz_shows_the_markers_of_the_last_node_and_the_overlay(smoother: bool) -> None:
    shown = displays(ShownCamera("front", smoother))
    assert shown["People (smoothed)"]["Enabled"] is smoother
    assert shown["People (each frame)"]["Enabled"] is not smoother
    assert shown["Overlay"]["Enabled"] is True
    topics = {one["Topic"]["Value"] for one in shown.values() if "Topic" in one}
    assert topics == {"front/markers", "front/markers_smoothed", "front/overlay"}


def test_rviz_has_displays_of_each_camera() -> None:
    shown = displays(*TWO, frame=MAP)
    assert shown["front: People (smoothed)"]["Enabled"] is True
    assert shown["/robot/rear: People (each frame)"]["Topic"]["Value"] == "/robot/rear/markers"
    assert shown["/robot/rear: People (each frame)"]["Enabled"] is True
    window = yaml.safe_load(rviz_config(TWO, MAP))["Window Geometry"]
    assert {"front: Overlay", "/robot/rear: Overlay"} <= set(window)


def test_grid_is_on_the_ground_of_a_frame_whose_z_points_up() -> None:
    made = yaml.safe_load(rviz_config([ShownCamera("", True)], MAP))["Visualization Manager"]
    assert made["Global Options"]["Fixed Frame"] == "map"
    (grid,) = (one for one in made["Displays"] if one["Name"] == "Grid")
    assert (grid["Plane"], grid["Offset"]["Z"]) == ("XY", 0)


def test_foxglove_is_the_packages_own_layout_for_one_camera_with_a_smoother() -> None:
    own = json.loads(share_file("config/foxglove.json").read_text(encoding="utf-8"))
    assert json.loads(foxglove_layout([ShownCamera("", True)], OPTICAL)) == own


def test_foxglove_names_the_topics_of_each_camera() -> None:
    made = json.loads(foxglove_layout(TWO, MAP))
    panels = made["configById"]
    assert panels["3D!people"]["topics"] == {
        "/front/markers": {"visible": False},
        "/front/markers_smoothed": {"visible": True},
        "/robot/rear/markers": {"visible": True},
        "/robot/rear/markers_smoothed": {"visible": False},
    }
    assert (panels["3D!people"]["followTf"], panels["3D!people"]["layers"]["floor"]["frameId"]) == ("map", "map")
    images = [panel["imageMode"]["imageTopic"] for name, panel in panels.items() if name.startswith("Image!")]
    assert images == ["/front/overlay", "/robot/rear/overlay"]
    assert [path["value"] for path in panels["Plot!distance"]["paths"]] == [
        "/front/people.people[:].root.z",
        "/front/people_smoothed.people[:].root.z",
        "/robot/rear/people.people[:].root.z",
    ]


def test_every_panel_of_foxglove_is_placed_once() -> None:
    made = json.loads(foxglove_layout([*TWO, ShownCamera("left", True)], MAP))
    assert sorted(placed(made["layout"])) == sorted(made["configById"])


def placed(node: Any) -> list[str]:
    return [node] if isinstance(node, str) else placed(node["first"]) + placed(node["second"])


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    assert write_display_file(tmp_path / "new/a.json", "{}").read_text() == "{}"
    with pytest.raises(OutputError, match="a folder"):
        write_display_file(tmp_path, "{}")


def test_fused_people_are_shown_in_place_of_each_cameras() -> None:
    cameras = [ShownCamera("front", True, fused=True), ShownCamera("rear", False, fused=True)]
    made = yaml.safe_load(rviz_config(cameras, ShownFrame("map", optical=False)))
    markers = [d for d in made["Visualization Manager"]["Displays"] if d["Class"].endswith("MarkerArray")]
    assert [d["Topic"]["Value"] for d in markers if d["Enabled"]] == ["markers_fused"]
    layout = json.loads(foxglove_layout(cameras, ShownFrame("map", optical=False)))
    topics = layout["configById"]["3D!people"]["topics"]
    assert [name for name, shown in topics.items() if shown["visible"]] == ["/markers_fused"]
