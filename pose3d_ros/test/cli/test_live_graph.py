from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli import live_graph
from pose3d_ros.errors import BagError, ConfigError
from pose3d_ros.evaluation.recording.recorded_frames import RecordingChoice
from pose3d_ros.geometry.camera import Camera


def test_nodes_have_a_domain_of_their_own_on_this_machine() -> None:
    own = live_graph.demo_environment({"PATH": "/bin", "ROS_STATIC_PEERS": "elsewhere"})
    assert own["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 40 <= int(own["ROS_DOMAIN_ID"]) <= 101
    assert "ROS_STATIC_PEERS" not in own
    assert own["FASTDDS_DEFAULT_PROFILES_FILE"].endswith("fastdds.xml")
    assert "ROS_LOCALHOST_ONLY" not in own
    assert live_graph.demo_environment({"ROS_DISTRO": "humble"})["ROS_LOCALHOST_ONLY"] == "1"


def test_node_commands_have_topics_and_parameters(recording: Path, tmp_path: Path) -> None:
    play = live_graph.Playback.of(recording, 2.0)
    assert (play.transport, play.image_topic) == ("compressed", "/camera/image_raw/compressed")
    assert play.duration_s == pytest.approx(7 / 15, abs=1e-3)
    pose = live_graph.pose_command(play, {"backend": "auto", "tracker.max_age_s": 2.0, "smoother.max_gap_s": 1.0})
    assert "image_raw:=/camera/image_raw" in pose
    assert "tracker.max_age_s:=2.0" in pose
    assert 'backend:="auto"' in pose
    assert not [word for word in pose if word.startswith("smoother.")]
    assert f'bag:="{tmp_path}"' in live_graph.recorder_command(tmp_path)
    assert "rate:=2.0" in live_graph.player_command(play)


def test_recording_without_images_is_an_error(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_camera("/camera_info", 1, "camera", Camera.from_hfov(60.0, 64, 48))
    with pytest.raises(BagError, match="/camera_info"):
        live_graph.Playback.of(tmp_path / "b.mcap", 1.0)


def test_missing_ros_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pose3d evaluate"):
        live_graph.require_ros()


def test_given_camera_is_played_in_place_of_camera_info(recording: Path, tmp_path: Path) -> None:
    choice = RecordingChoice(camera_of=partial(Camera.from_hfov, 50.0))
    play = live_graph.Playback.of(recording, 1.0, choice)
    assert play.camera is not None
    assert play.topics == (play.image_topic,)
    assert f"camera_info:={play.camera_topic}" in live_graph.pose_command(play, {})
    command = live_graph.camera_command(play.camera, tmp_path / "camera.mcap", 2.0)
    assert "__node:=camera_player" in command
    with BagReader(tmp_path / "camera.mcap") as reader:
        assert [found.camera.fx_px for found in reader.cameras()] == [pytest.approx(play.camera.fx_px)] * 4
        assert reader.topics[play.camera_topic].latched


def test_given_field_of_view_is_the_node_s_fallback(recording: Path) -> None:
    play = live_graph.Playback.of(recording, 1.0, hfov_deg=50.0)
    assert "fallback_hfov_deg:=50.0" in live_graph.pose_command(play, {})
    assert play.topics == (play.image_topic,)


def test_compressed_images_of_another_name_are_sent_where_the_node_looks(recording: Path) -> None:
    play = live_graph.Playback(recording, 1.0, "/jpegs", "/info", "compressed", 1.0)
    assert "image_raw:=/jpegs" in live_graph.pose_command(play, {})
    assert "/jpegs:=/jpegs/compressed" in live_graph.player_command(play)
