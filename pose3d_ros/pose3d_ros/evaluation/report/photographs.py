"""Photographs of real people that may be shown, with what the engines find in them: on the image and from above."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.overlay import as_image
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.report.html_report import Still
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, Person

FOLDER = "samples/photographs"
"""In the package's share folder; the README beside has origin and license."""


@dataclass(frozen=True)
class Photograph:
    """A file with whom to credit. hfov_deg: a guess, since neither camera is known."""

    file: str
    credit: str
    hfov_deg: float


PHOTOGRAPHS = (
    Photograph("astronaut.jpg", "Photograph: NASA, public domain.", 30.0),
    Photograph("camera.jpg", "Photograph: Lav Varshney, CC0.", 40.0),
)


def photograph_stills(pipeline: Pipeline, folder: Path) -> tuple[Still, ...]:
    """Run the engines on the photographs of a folder and draw what they find. Raises InputError for a missing file."""
    return tuple(_still(pipeline, folder, photograph) for photograph in PHOTOGRAPHS)


def _still(pipeline: Pipeline, folder: Path, photograph: Photograph) -> Still:
    image_bgr = cv2.imread(str(folder / photograph.file), cv2.IMREAD_COLOR)
    if image_bgr is None:
        raise InputError(
            f"photograph {folder / photograph.file}",
            expected="an image that comes with the package",
            got="none that can be read",
            fix="Install the package with its data files.",
        )
    camera = Camera.from_hfov(photograph.hfov_deg, image_bgr.shape[1], image_bgr.shape[0])
    frame = Frame(as_image(image_bgr), camera)
    people = pipeline(frame).people
    drawn = Composer(camera, np.empty((0, 3))).draw(frame.image_bgr, people)
    assumed = f"Distances are for an assumed field of view of {photograph.hfov_deg:.0f}°."
    return Still(drawn, " ".join((_found(people), assumed, photograph.credit)))


def _found(people: tuple[Person, ...]) -> str:
    if not people:
        return "No person found."
    distances = ", ".join(f"{math.dist(person.pose.root_cam_m, (0.0, 0.0, 0.0)):.1f} m" for person in people)
    return f"Found: {len(people)}, at {distances}."
