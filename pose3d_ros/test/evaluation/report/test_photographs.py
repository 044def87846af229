from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.report.photographs import FOLDER, PHOTOGRAPHS, photograph_stills
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Frame, FrameResult, Person

from ...conftest import Scene


class FoundPeople:
    """A pipeline that finds the same people in every image."""

    def __init__(self, people: tuple[Person, ...]) -> None:
        self.people = people
        self.frames: list[Frame] = []

    def __call__(self, frame: Frame) -> FrameResult:
        self.frames.append(frame)
        return FrameResult(self.people, ())


def test_photographs_show_what_was_found_and_whom_to_credit(scene: Scene) -> None:
    pipeline = FoundPeople(scene.noisy(0.0)[0][:2])
    stills = photograph_stills(pipeline, share_file(FOLDER))  # type: ignore[arg-type]
    empty = photograph_stills(FoundPeople(()), share_file(FOLDER))  # type: ignore[arg-type]
    for still, nobody, frame, photograph in zip(stills, empty, pipeline.frames, PHOTOGRAPHS, strict=True):
        assert still.caption.startswith("Found: 2, at ")
        assert nobody.caption.startswith("No person found.")
        assert still.caption.endswith(photograph.credit)
        assert still.image_bgr.shape == (720, 720 + 4 + 560, 3)
        assert not np.array_equal(still.image_bgr[:, :720], nobody.image_bgr[:, :720])
        assert frame.camera.fx_px == pytest.approx(Camera.from_hfov(photograph.hfov_deg, 512, 512).fx_px)


def test_distance_is_the_root_s(scene: Scene) -> None:
    person = scene.noisy(0.0)[0][0]
    distance_m = float(np.linalg.norm(person.pose.root_cam_m))
    still = photograph_stills(FoundPeople((person,)), share_file(FOLDER))[0]  # type: ignore[arg-type]
    assert f"at {distance_m:.1f} m." in still.caption


def test_missing_photograph_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"astronaut\.jpg"):
        photograph_stills(FoundPeople(()), tmp_path)  # type: ignore[arg-type]
