"""Ground truth of any dataset, or of a recording, as text of the MOT challenge or as MuPoTS-3D's JSON of 3DMPPE."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.evaluation.datasets.boxed_people import BoxRow
from pose3d_ros.evaluation.datasets.ground_truth import MM_PER_M, GroundTruthFrame, GroundTruthSequence
from pose3d_ros.evaluation.datasets.mot_text import text_of
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.output_files import write_file
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import ImageArray

_SKELETON = get_skeleton("mupots17")
_JPEG_QUALITY = 95
_DECIMALS = 3


def mot_text_of(sequence: GroundTruthSequence) -> str:
    """The people of a sequence as gt.txt, frames from 1 on in their order; people without a box are left out."""
    rows = [
        BoxRow(number, person.track_id, person.pose.detection.box_xyxy_px, person.score)
        for number, frame in enumerate(sequence.frames, 1)
        for person in frame.people
        if np.isfinite(person.pose.detection.box_xyxy_px).all()
    ]
    return text_of(rows)


class MupotsFile:
    """MuPoTS-3D.json and its images, frame by frame; 17 joints by name, those that are not known leave people out.

    Attributes: left_out, how many people had joints that are not known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._images: list[dict[str, object]] = []
        self._annotations: list[dict[str, object]] = []
        self.left_out = 0

    def add(self, sequence: GroundTruthSequence, frame: GroundTruthFrame, image_bgr: ImageArray) -> None:
        """Add a frame, and write its image to MultiPersonTestSet/SEQUENCE beside the file.

        Raises CameraError without a pinhole camera, OutputError where the image can't be written.
        """
        camera = _pinhole(sequence)
        name = f"{sequence.name.replace('/', '_')}/img_{frame.number:06d}.jpg"
        done, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if not done:
            raise InputError(f"image {frame.name}", expected="a JPEG", got="an encoder error", fix="Check the image.")
        write_file(self._path.parent / "MultiPersonTestSet" / name, data.tobytes())
        number = len(self._images)
        size = {"width": camera.width_px, "height": camera.height_px}
        intrinsic = [camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px]
        self._images.append({"id": number, "file_name": name, **size, "intrinsic": intrinsic})
        for person in frame.people:
            self._add(person.converted(_SKELETON), number)

    def close(self) -> None:
        """Write the file. Raises OutputError."""
        content = {"images": self._images, "annotations": self._annotations}
        write_file(self._path, json.dumps(content, separators=(",", ":"), allow_nan=False))

    def _add(self, person: Person, image: int) -> None:
        pose = person.pose
        if not (np.isfinite(pose.joints_cam_m).all() and np.isfinite(pose.joints_img_px).all()):
            self.left_out += 1
            return
        x0, y0, x1, y1 = pose.detection.box_xyxy_px.tolist()
        annotation: Mapping[str, object] = {
            "id": len(self._annotations),
            "image_id": image,
            "keypoints_cam": np.round(pose.joints_cam_m * MM_PER_M, _DECIMALS).tolist(),
            "keypoints_img": np.round(pose.joints_img_px, _DECIMALS).tolist(),
            "keypoints_vis": [1] * len(_SKELETON),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "is_valid": 1,
        }
        self._annotations.append(dict(annotation))


def _pinhole(sequence: GroundTruthSequence) -> Camera:
    camera = sequence.camera
    if camera is None or camera.distortion.any():
        raise CameraError(
            f"sequence {sequence.name}",
            expected="a camera without distortion, as this format has",
            got="none" if camera is None else f"a lens of the model {camera.model}",
            fix="Convert it to a bag, or rectify the images first.",
        )
    return camera
