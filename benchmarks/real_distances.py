"""Distances of real people in a video whose camera was calibrated, with the floor given and without.

python benchmarks/real_distances.py VIDEO gt.txt CALIBRATION.xml [--frames N] [--engines auto]

gt.txt: boxes of a MOT challenge sequence. CALIBRATION.xml: Tsai's camera model, as that of PETS 2009 is, in mm, over
the floor z = 0. OpenCV's vtest.avi is the sequence PETS09-S2L1, at 10 frames/s here. True is the distance of the point
0.92 m above where the middle of a box's lower edge meets the floor: a box errs there by a pixel or two, 0.3% of the
distance. Boxes at the image's lower edge are left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import load, report
from people_scoring import read_mot_boxes
from real_people import frames_of
from scipy.optimize import linear_sum_assignment

from pose3d_ros.errors import Pose3DError
from pose3d_ros.evaluation.datasets.boxed_people import hips_above_foot
from pose3d_ros.evaluation.datasets.tsai_camera import read_tsai
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import Frame, Person, TrackState
from pose3d_ros.types import Array

_MIN_IOU = 0.5
_AT_EDGE_PX = 3.0
FUSED = "fused"
ASKED = {"given": (0.015, 0.01), "from people": (0.035, 0.01)}
"""Floor → the most that the median error and the bias may be."""


@dataclass(frozen=True)
class Error:
    """ln of a distance over the true one, and the standard deviation that was given with it."""

    solver: str
    true_m: float
    log: float
    sigma: float


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("boxes", nargs="?", type=Path, help="gt.txt of a MOT challenge sequence")
    parser.add_argument("calibration", nargs="?", type=Path, help="XML of Tsai's model")
    parser.add_argument("--frames", type=int, default=0, help="of the video, from its start; 0: all")
    parser.add_argument("--engines", default="auto")
    args = parser.parse_args()
    if args.calibration is None:
        print("real_distances: skipped, no video with boxes and calibration named (see --help)")
        return
    camera, ground = read_tsai(args.calibration)
    rows: list[dict[str, object]] = []
    boxes, before = read_mot_boxes(args.boxes), load()
    for floor, known in (("given", ground), ("from people", None)):
        with open_pipeline(args.engines, smooth=False) as pipeline:
            errors = list(errors_of(pipeline, args.video, args.frames, boxes, camera, ground, known))
        rows += rows_of(floor, errors)
    report("real_distances", rows, {"video": args.video.name, "load before and after": f"{before}, {load()}"})


def errors_of(
    pipeline: Pipeline,
    video: Path,
    frames: int,
    boxes: Mapping[int, Array],
    camera: Camera,
    floor: GroundPlane,
    given: GroundPlane | None,
) -> Iterator[Error]:
    """The errors of everyone who is found. floor: the true one; given: what the pipeline knows of it."""
    for number, (image_bgr, stamp_ns) in enumerate(frames_of(video), start=1):
        if frames and number > frames:
            return
        result = pipeline(Frame(image_bgr, camera, stamp_ns, ground=given))
        people = [person for person in result.people if person.state in (TrackState.NEW, TrackState.TRACKED)]
        yield from frame_errors(people, boxes.get(number, np.empty((0, 4))), camera, floor)


def frame_errors(people: list[Person], boxes_xyxy_px: Array, camera: Camera, floor: GroundPlane) -> Iterator[Error]:
    """The errors of a frame's people: what was published, and each solver. Boxes count from 1, as MATLAB's do."""
    if not people:
        return
    true_px = boxes_xyxy_px[boxes_xyxy_px[:, 3] < camera.height_px - _AT_EDGE_PX] - 1.0
    overlap = iou_matrix(true_px, np.array([person.pose.detection.box_xyxy_px for person in people]))
    for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
        if overlap[row, column] < _MIN_IOU:
            continue
        x0, _, x1, y1 = true_px[row]
        true_m = float(np.linalg.norm(hips_above_foot(np.array([(x0 + x1) / 2, y1]), camera, floor)))
        pose = people[column].pose
        distance_m = float(np.linalg.norm(pose.root_cam_m))
        yield Error(FUSED, true_m, float(np.log(distance_m / true_m)), pose.root_sigma_m / distance_m)
        for reading in pose.readings:
            yield Error(reading.solver, true_m, float(np.log(reading.distance_m / true_m)), reading.sigma)


def rows_of(floor: str, errors: list[Error]) -> Iterator[dict[str, object]]:
    """A line a solver."""
    for solver in dict.fromkeys(error.solver for error in errors):
        own = [error for error in errors if error.solver == solver]
        logs, sigmas = np.array([error.log for error in own]), np.array([error.sigma for error in own])
        middle, bias = float(np.median(np.abs(logs))), float(np.median(logs))
        most, most_bias = ASKED[floor]
        yield {
            "floor": floor,
            "distance from": solver,
            "people": len(own),
            "m": f"{min(e.true_m for e in own):.0f}-{max(e.true_m for e in own):.0f}",
            "median error %": round(100 * middle, 2),
            "bias %": round(100 * bias, 2),
            "NEES": round(float(np.mean((logs / sigmas) ** 2)), 2),
            "asked": "" if solver != FUSED else "pass" if middle <= most and abs(bias) <= most_bias else "fail",
        }


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"real_distances: {error}")
