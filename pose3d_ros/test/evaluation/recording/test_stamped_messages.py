"""Messages of a recorded topic by their stamps."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.evaluation.recording.stamped_messages import StampedMessages

from ...conftest import CAMERA_INFO, Scene


def test_a_message_is_found_by_its_stamp_or_near_it(scene: Scene, tmp_path: Path) -> None:
    messages = StampedMessages(scene.write(tmp_path / "b.mcap", 20), CAMERA_INFO)
    first, last = scene.stamps_ns[0], scene.stamps_ns[19]
    found = messages.at(first)
    assert found is not None
    assert found.header.stamp.sec == first // 10**9
    assert messages.at(first + 1) is None
    assert messages.at(first + 1, 1) is not None
    assert messages.at(last) is not None
    assert len(messages._known) <= 5  # what is long past is forgotten
    assert messages.at(last + 10**9) is None


def test_without_a_topic_there_is_none() -> None:
    assert StampedMessages().at(5) is None
