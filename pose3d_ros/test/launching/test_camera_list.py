from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.camera_list import camera_launches, camera_list_text
from pose3d_ros.launching.launch_arguments import CAMERAS, parse_arguments
from pose3d_ros.launching.launch_settings import CameraLaunch, camera_launch


def launches(folder: Path, text: str, **texts: str) -> list[CameraLaunch]:
    path = folder / "cameras.yaml"
    path.write_text(text)
    return camera_launches(str(path), parse_arguments(CAMERAS, texts))


def test_each_camera_has_its_namespace_topics_and_parameters(tmp_path: Path) -> None:
    text = """
cameras:
  front: {image_topic: /a, camera_info_topic: /b, parameters: {tracker: {max_age_s: 5}, floor_frame: base}}
  rear: {image_transport: compressed, smoother: no, threads: 3, target_frame: odom}
"""
    front, rear = launches(tmp_path, text, target_frame="map", backend="torch", threads="1")
    assert (front.namespace, front.image_topic, front.camera_info_topic) == ("front", "/a", "/b")
    assert front.of_pose_node == {"threads": 1, "backend": "torch", "tracker.max_age_s": 5.0, "floor_frame": "base"}
    assert front.of_smoother_node["target_frame"] == "map"
    assert (rear.namespace, rear.image_topic, rear.smoother) == ("rear", "image_raw", False)
    expected = {"threads": 3, "backend": "torch", "image_transport": "compressed", "target_frame": "odom"}
    assert rear.of_pose_node == expected
    assert front.nodes == ("front/pose_node", "front/smoother_node")


def test_threads_are_shared_out_among_the_cameras(tmp_path: Path) -> None:
    text = "cameras: {a: {}, b: {}}"
    share = max(1, (os.cpu_count() or 1) // 2)
    assert [one.of_pose_node["threads"] for one in launches(tmp_path, text)] == [share, share]


def test_cameras_own_topics_go_before_the_preset_of_the_launch(tmp_path: Path) -> None:
    first, second = launches(tmp_path, "cameras: {a: {image_topic: /mine}, b: {}}", camera="oak")
    assert (first.image_topic, first.camera_info_topic) == ("/mine", "camera_info")
    assert second.image_topic == "/oak/rgb/image_raw"


def test_example_file_is_read() -> None:
    front, rear = camera_launches(str(share_file("config/cameras.yaml")), parse_arguments(CAMERAS, {}))
    assert front.image_topic == "/front/color/image_raw"
    assert front.of_smoother_node["target_frame"] == "base_link"
    assert rear.of_pose_node["tracker.max_age_s"] == 5.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["a mapping", "nothing"]),
        ("cameras:", ["cameras", "nothing"]),
        ("cameras: {}", ["1 to 64", "0 cameras"]),
        ("cameras: {a: {}}\nother: 1", ["other"]),
        ("cameras: [a, b]", ["a mapping", "list"]),
        ("cameras: {a: {image_topc: /x}}", ["camera a", "image_topc", "image_topic"]),
        ("cameras: {a: {threads: many}}", ["camera a: threads", "integer", "'many'"]),
        ("cameras: {a: {smoother: perhaps}}", ["camera a: smoother", "true or false"]),
        ("cameras: {a: {image_topic: [x]}}", ["camera a: image_topic", "list"]),
        ("cameras: {a-b: {}}", ["camera a-b: namespace", "a namespace"]),
        ("cameras: {a: {rviz: true}}", ["camera a", "'rviz'"]),
        ("cameras: {a: {parameters: {tracker: {max_age: 1}}}}", ["tracker.max_age", "tracker.max_age_s"]),
        ("cameras: {a: {parameters: {tracker.max_age_s: long}}}", ["camera a: parameter tracker.max_age_s", "'long'"]),
        ("cameras: {a: {image_topic: /x}, b: {image_topic: /x}}", ["cameras a and b", "/x twice"]),
        ("cameras: {a: {params_file: /nowhere.yaml}}", ["camera a: params_file", "no such file"]),
        ("cameras: {a: {}, a: {}}", ["'a' twice"]),
    ],
)
def test_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        launches(tmp_path, text)
    for word in ("cameras.yaml", *words):
        assert word in str(caught.value)


def test_no_file_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="launch argument cameras"):
        camera_launches("", {})
    with pytest.raises(ConfigError, match="no such file"):
        camera_launches(str(tmp_path / "none.yaml"), {})


def test_written_list_is_read_as_the_same_cameras(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(
        "cameras: {front: {camera: realsense, target_frame: base_link, parameters: {tracker: {max_age_s: 2.0}}}, "
        "rear: {smoother: false, target_frame: map, publish_tf: true, threads: 2}, /left: {}}",
        encoding="utf-8",
    )
    cameras = camera_launches(str(path), {"container": True, "autostart": False})
    assert cameras[0].of_pose_node["threads"] == 0  # in one process they take turns
    path.write_text(camera_list_text(cameras), encoding="utf-8")
    read = camera_launches(str(path), {"container": True})
    assert [replace(one, frame="", optical=False) for one in read] == [
        replace(one, frame="", optical=False) for one in cameras
    ]


def test_written_list_of_one_camera_without_a_namespace(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(camera_list_text([camera_launch({"engines": "embedded"})]), encoding="utf-8")
    (read,) = camera_launches(str(path), {"container": True})
    assert (read.namespace, read.of_smoother_node["engines"]) == ("", "embedded")
