"""People at the border of a camera of 120 degrees, through a lens: the same as in the middle of a usual image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import STILL, Detection, Frame, Person
from pose3d_ros.types import Array

from .conftest import recorded_frames

LENSES = {
    "equidistant": [0.0, 0.0, 0.0, 0.0],
    "double_sphere": [-0.2, 0.55],
}


def wide_camera(model: str) -> Camera:
    """An image of 900x675 whose corners are 60 degrees off the axis."""
    unit = Camera(np.diag([1000.0, 1000.0, 1.0]), 900, 675, np.array(LENSES[model]), model)
    corner = unit.project([np.tan(np.deg2rad(60.0)), 0.0, 1.0])[0]
    f_px = 1000.0 * float(np.hypot(450.0, 337.5)) / corner
    matrix = np.array([[f_px, 0.0, 449.5], [0.0, f_px, 337.0], [0.0, 0.0, 1.0]])
    return Camera(matrix, 900, 675, np.array(LENSES[model]), model)


def seen_from_aside(frame: Frame, wide: Camera, wide2cam: Array) -> Frame:
    """The frame's scene as the wide camera sees it, turned by wide2cam (3, 3); gray where the frame shows nothing."""
    pixels = np.stack(np.meshgrid(np.arange(wide.width_px), np.arange(wide.height_px)), axis=-1)
    map_px = frame.camera.project(wide.rays(pixels) @ wide2cam.T)
    x, y = np.moveaxis(np.nan_to_num(map_px, nan=-1e4).astype(np.float32), -1, 0)
    image = cv2.remap(frame.image_bgr, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Frame(np.asarray(image, dtype=np.uint8), wide, STILL)


def turn_about_y(angle_deg: float) -> Array:
    angle = np.deg2rad(angle_deg)
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def box_in(camera: Camera, joints_cam_m: Array) -> Array:
    pixels = camera.project(joints_cam_m)
    low, high = np.nanmin(pixels, axis=0), np.nanmax(pixels, axis=0)
    margin = 0.07 * (high - low).max()
    most = np.array([camera.width_px, camera.height_px] * 2) - 0.5
    return np.asarray(np.clip(np.concatenate([low - margin, high + margin]), -0.5, most))


def check_same_at_the_border(pipeline: Pipeline, model: str, *, most_off: float, most_turned_mm: float) -> None:
    """The nearest person of the sample recording, in its image and at the border of the wide one."""
    frame = recorded_frames(30, 31)[0]
    frame = Frame(frame.image_bgr, frame.camera, STILL)
    wide, wide2cam = wide_camera(model), turn_about_y(-43.0)
    first = min(pipeline(frame).people, key=lambda person: float(person.pose.root_cam_m[2]))
    wanted_m = first.pose.joints_cam_m @ wide2cam
    seen = Detection(box_in(wide, wanted_m), 1.0)
    (found,) = pipeline(seen_from_aside(frame, wide, wide2cam), (seen,)).people
    again = Detection(box_in(frame.camera, first.pose.joints_cam_m), 1.0)
    (usual,) = pipeline(frame, (again,)).people
    root_m = usual.pose.root_cam_m @ wide2cam
    angle_deg = np.rad2deg(np.arctan2(np.linalg.norm(root_m[:2]), root_m[2]))
    assert angle_deg > 40.0
    assert np.linalg.norm(found.pose.root_cam_m) == pytest.approx(np.linalg.norm(root_m), rel=most_off)
    off_mm = 1e3 * np.linalg.norm(relative(found) - relative(usual) @ wide2cam, axis=-1)
    assert np.nanmean(off_mm) < most_turned_mm


def relative(person: Person) -> Array:
    return np.asarray(person.pose.joints_cam_m - person.pose.root_cam_m)


@pytest.mark.parametrize("model", list(LENSES))
def test_embedded_models_see_the_same_at_the_border_of_120_degrees(model: str) -> None:
    with open_pipeline(config=PipelineConfig.from_parameters({"engines": "embedded"}), smooth=False) as pipeline:
        check_same_at_the_border(pipeline, model, most_off=0.07, most_turned_mm=60.0)


@pytest.mark.parametrize("model", list(LENSES))
def test_mediapipe_models_see_the_same_at_the_border_of_120_degrees(mediapipe_models: Path, model: str) -> None:
    config = PipelineConfig.from_parameters({"engines": str(mediapipe_models)})
    with open_pipeline(config=config, smooth=False) as pipeline:
        check_same_at_the_border(pipeline, model, most_off=0.07, most_turned_mm=60.0)
