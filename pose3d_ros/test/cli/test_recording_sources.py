from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.geometry.camera import Camera

from .test_run import Run, run  # noqa: F401 - a fixture


def test_recording_has_its_camera_and_an_overlay(recording: Path, tmp_path: Path, run: Run) -> None:  # noqa: F811
    printed, frames = run(recording, "--no-hfov")
    assert "Frames: 8. Poses: 8." in printed
    assert [f["stamp_ns"] for f in frames] == [1_000_000_000 + i * 66_666_667 for i in range(8)]
    assert frames[0]["calibrated"] is True
    assert frames[0]["camera"]["fx"] == pytest.approx(Camera.from_hfov(60.0, 320, 240).fx_px, abs=1e-3)
    assert frames[-1]["people"][0]["state"] == "TRACKED"
    assert cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 8


def test_clock_that_is_set_does_not_stretch_the_overlay(recording: Path, tmp_path: Path, run: Run) -> None:  # noqa: F811
    late = tmp_path / "late.mcap"
    with BagReader(recording) as reader, BagWriter(late) as writer:
        for topic in (t for t in reader.topics.values() if not t.name.startswith("/ground_truth")):
            writer.add_topic(topic.name, topic.msgtype)
            for number, message in enumerate(reader.serialized((topic.name,))):
                year = np.uint32(1 + 40_000_000 * (number >= 4)).tobytes()  # a clock that is set from 1970
                data = message.data[:4] + year + message.data[8:]
                writer.write_serialized(topic.name, number, data)
    assert len(run(late, "--no-hfov")[1]) == 8
    assert cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) <= 10
