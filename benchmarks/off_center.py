"""People away from the image's center: flat crops beside views of cameras that are turned to them.

    python benchmarks/off_center.py --assets assets --cache out/held_out/7-600

On held-out rendered people (`pose3d evaluate --synthetic 7`) in their true boxes, as pinholes of 80 to 110 degrees see
them, and through an equidistant lens that shows the same people. By the angle between the person and the optical axis:
the joints' error relative to the root, the distance over the true one (median of adults), and the turn of the skeleton
about the vertical (median; negative: too little, as of a net that takes all people for straight ahead).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from common import report

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.evaluation.rendered.held_out_run import GroundTruthPerson, HeldOutScene
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import STILL, Detection, Frame, Person
from pose3d_ros.types import Array
from pose3d_training.synthetic.held_out_set import HeldOutChoice, open_held_out

_ANGLES_DEG = (0, 15, 25, 35, 45, 70)
_LEAST_HFOV_DEG = 80.0
_LIMITS = "pose3d_ros.stages.pose.person_crops."
_EDGE_POINTS = 9
_LEAST_SIDE_PX = 8.0


def lens_inside(pinhole: Camera) -> Camera:
    """The equidistant camera of the same image size with the widest view that the pinhole's image covers."""
    width_px, height_px = pinhole.width_px, pinhole.height_px
    share = np.linspace(0.0, 1.0, _EDGE_POINTS)
    x, y = share * (width_px - 1), share * (height_px - 1)
    edges = [np.stack([x, np.full_like(x, at)], -1) for at in (0, height_px - 1)]
    edges += [np.stack([np.full_like(y, at), y], -1) for at in (0, width_px - 1)]
    for scale in np.arange(0.6, 3.0, 0.02):
        matrix = pinhole.K_px * np.array([[scale, 1, 1], [1, scale, 1], [1, 1, 1]])
        lens = Camera(matrix, width_px, height_px, np.zeros(4), "equidistant")
        seen = pinhole.project(lens.rays(np.concatenate(edges)))
        if np.isfinite(seen).all() and (seen >= -1).all() and (seen <= [width_px, height_px]).all():
            return lens
    raise ValueError("no such lens")


def through_lens(frame: Frame, boxes: Sequence[Array]) -> tuple[Frame, list[Array]]:
    """The frame and the boxes (4,) in it as that lens shows them."""
    pinhole, lens = frame.camera, lens_inside(frame.camera)
    pixels = np.stack(np.meshgrid(np.arange(lens.width_px), np.arange(lens.height_px)), axis=-1)
    x, y = np.moveaxis(pinhole.project(lens.rays(pixels)).astype(np.float32), -1, 0)
    image = cv2.remap(frame.image_bgr, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    most = np.array([lens.width_px, lens.height_px]) - 0.5
    bent = []
    for x0, y0, x1, y1 in boxes:
        along, down = np.linspace(x0, x1, _EDGE_POINTS), np.linspace(y0, y1, _EDGE_POINTS)
        sides = [np.stack([along, np.full_like(along, at)], -1) for at in (y0, y1)]
        sides += [np.stack([np.full_like(down, at), down], -1) for at in (x0, x1)]
        outline = np.clip(lens.project(pinhole.rays(np.concatenate(sides))), -0.5, most)
        bent.append(np.concatenate([outline.min(axis=0), outline.max(axis=0)]))
    return Frame(np.asarray(image, np.uint8), lens), bent


def errors(found: Person, true: GroundTruthPerson) -> tuple[float, float, float, float]:
    """Angle off the axis, joint error in mm, distance over the true one (NaN of children), turn in degrees."""
    pose, truth = found.pose, true.person.pose
    root_m = truth.joints_cam_m[truth.skeleton.root]
    relative, wanted = pose.joints_cam_m - pose.root_cam_m, truth.joints_cam_m - root_m
    both = np.isfinite(relative).all(axis=1) & np.isfinite(wanted).all(axis=1)
    flat = [points[both, 0] + 1j * points[both, 2] for points in (wanted, relative)]
    turn_deg = math.degrees(float(np.angle((flat[0] * np.conj(flat[1])).sum()))) * np.sign(root_m[0])
    ratio = math.nan if true.is_child else float(np.linalg.norm(pose.root_cam_m) / np.linalg.norm(root_m))
    angle_deg = math.degrees(math.atan2(float(np.hypot(*root_m[:2])), float(root_m[2])))
    return angle_deg, 1e3 * float(np.linalg.norm(relative - wanted, axis=1)[both].mean()), ratio, turn_deg


def measured(pipeline: Pipeline, scenes: Sequence[HeldOutScene], *, lens: bool) -> Iterator[tuple[float, ...]]:
    """The errors of all people who count and are found in their boxes."""
    for number in range(len(scenes)):
        scene = scenes[number]
        frame, people = scene.frame, [person for person in scene.people if person.counts]
        wide = 2 * math.degrees(math.atan(frame.camera.width_px / 2 / frame.camera.fx_px)) >= _LEAST_HFOV_DEG
        if not people or not wide or frame.camera.model != "pinhole":
            continue
        boxes = [person.person.pose.detection.box_xyxy_px for person in people]
        frame, boxes = through_lens(frame, boxes) if lens else (frame, boxes)
        shown = [i for i, box in enumerate(boxes) if (box[2:] - box[:2]).min() > _LEAST_SIDE_PX]
        people, given = [people[i] for i in shown], tuple(Detection(boxes[i], 1.0) for i in shown)
        for found in pipeline(replace(frame, stamp_ns=STILL), given).people:
            apart = [np.abs(d.box_xyxy_px - found.pose.detection.box_xyxy_px).sum() for d in given]
            yield errors(found, people[int(np.argmin(apart))])


def rows_of(lens: bool, flat: Array, turned: Array) -> Iterator[dict[str, object]]:
    """A row for each range of angles."""
    for low, high in pairwise(_ANGLES_DEG):
        row: dict[str, object] = {"lens": "equidistant" if lens else "pinhole", "angle": f"{low}–{high}°"}
        for name, values in (("flat", flat), ("turned", turned)):
            of = values[(values[:, 0] >= low) & (values[:, 0] < high)]
            if len(of):
                row |= {"people": len(of), f"joints, {name} [mm]": round(float(of[:, 1].mean()))}
                row |= {f"distance, {name}": f"{np.nanmedian(of[:, 2]):.2f}"}
                row |= {f"turned by, {name} [deg]": f"{np.median(of[:, 3]):.1f}"}
        if "people" in row:
            yield row


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--cache", type=Path, default=Path("out/held_out/7-600"), help="where rendered people are kept")
    parser.add_argument("--scenes", type=int, default=600, help="how many of the 600 images")
    parser.add_argument("--engines", default="embedded")
    a = parser.parse_args()
    config = PipelineConfig.from_parameters({"engines": a.engines, "pose.joint_score_threshold": 0.0})
    rows: list[dict[str, object]] = []
    with open_pipeline(config=config, smooth=False) as pipeline:
        scenes = open_held_out(HeldOutChoice(a.assets, 7, 600, a.cache), pipeline.skeleton)[: a.scenes]
        for lens in (False, True):
            with patch(_LIMITS + "MOST_BENT", math.inf), patch(_LIMITS + "MOST_BENT_BY_LENS", math.inf):
                flat = np.array([*measured(pipeline, scenes, lens=lens)])
            turned = np.array([*measured(pipeline, scenes, lens=lens)])
            rows += rows_of(lens, flat, turned)
    report(f"off_center_{Path(a.engines).name}", rows)


if __name__ == "__main__":
    main()
