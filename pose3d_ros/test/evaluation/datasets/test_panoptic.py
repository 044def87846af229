"""CMU Panoptic: HD cameras, world to camera in metres, confidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.panoptic import is_panoptic, read_panoptic
from pose3d_ros.skeletons import convert, get_skeleton

from ...conftest import MUCO
from .conftest import JOINTS19, walker_m, write_panoptic

BODY = get_skeleton("body40")


def test_people_are_in_the_frame_of_each_hd_camera(tmp_path: Path) -> None:
    folder = write_panoptic(tmp_path)
    assert is_panoptic(folder)
    assert is_panoptic(tmp_path)
    dataset = read_panoptic(tmp_path, Selection())
    assert [s.name for s in dataset.sequences] == [f"{folder.name}/hd_00_00", f"{folder.name}/hd_00_16"]
    sequence = dataset.sequences[0]
    assert sequence.camera is not None
    assert sequence.camera.distortion[0] == 0.01
    frame = sequence.frames[2]
    assert (frame.number, frame.name) == (102, f"{folder.name}/00_00/00_00_00000102.jpg")
    assert frame.image is not None
    assert frame.image.is_file()
    assert [person.track_id for person in frame.people] == [1, 2]
    expected, found = convert(walker_m(1, 2), MUCO, BODY), frame.people[1].pose.joints_cam_m
    known = [BODY.index_of[n] for n in JOINTS19 if n in MUCO.index_of and n != "L_Wrist"]
    np.testing.assert_allclose(found[known], expected[known], atol=1e-9)


def test_joints_without_confidence_and_those_it_lacks_are_lost(tmp_path: Path) -> None:
    dataset = read_panoptic(write_panoptic(tmp_path), Selection())
    joints = dataset.frames[0].people[0].pose.joints_cam_m
    lost = {BODY.joints[i] for i in np.flatnonzero(np.isnan(joints).any(axis=1))}
    assert lost == (set(BODY.joints) - set(JOINTS19)) | {"L_Wrist"}


def test_views_are_chosen_by_name(tmp_path: Path) -> None:
    dataset = read_panoptic(write_panoptic(tmp_path), Selection(views=("00_16",), step=2))
    (sequence,) = dataset.sequences
    assert sequence.name.endswith("hd_00_16")
    assert [frame.number for frame in sequence.frames] == [100, 102]
    with pytest.raises(InputError, match="sequences"):
        read_panoptic(tmp_path, Selection(views=("00_30",)))


def test_frames_without_an_image_are_those_of_the_video(tmp_path: Path) -> None:
    folder = write_panoptic(tmp_path)
    (folder / "hdVideos").mkdir()
    (folder / "hdVideos/hd_00_16.mp4").write_bytes(b"video")
    images, video = read_panoptic(folder, Selection()).sequences
    assert images.video is None
    assert all(frame.image is not None for frame in images.frames)
    assert video.video == folder / "hdVideos/hd_00_16.mp4"
    assert all(frame.image is None for frame in video.frames)
    given = read_panoptic(folder, Selection(views=("00_16",), images=folder / "hdVideos/hd_00_16.mp4"))
    assert given.sequences[0].video == folder / "hdVideos/hd_00_16.mp4"
