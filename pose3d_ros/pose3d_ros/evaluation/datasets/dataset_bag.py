"""A sequence of a dataset as a bag: images, camera, ground truth, and the floor where it is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.bags.transforms import STATIC_TOPIC, TF_TYPE
from pose3d_ros.errors import CameraError
from pose3d_ros.evaluation.datasets.ground_truth import NS_PER_S, GroundTruthFrame, GroundTruthSequence
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.types import Array, ImageArray

IMAGES, CAMERA_INFO, GROUND_TRUTH = "/camera/image_raw/compressed", "/camera/camera_info", "/ground_truth/people"
CAMERA_FRAME, FLOOR_FRAME = "camera_optical_frame", "floor"
JPEG_QUALITY = 95


def write_sequence(
    path: Path, sequence: GroundTruthSequence, images: Iterable[tuple[GroundTruthFrame, ImageArray]]
) -> int:
    """Write a bag of a sequence's frames with these images (H, W, 3) uint8, BGR; returns how many there are.

    Stamps are those of the dataset's frames. The floor is the static transform `floor`. Raises CameraError without a
    camera, OutputError where the bag can't be written.
    """
    camera, count = sequence.camera, 0
    if camera is None:
        raise CameraError(
            f"sequence {sequence.name}",
            expected="a calibration",
            got="none in the dataset",
            fix="Give one with --camera, or a field of view with --hfov.",
        )
    with BagWriter(path, jpeg_quality=JPEG_QUALITY) as bag:
        for frame, image_bgr in images:
            if not count and sequence.ground is not None:
                _write_floor(bag, frame.stamp_ns, sequence.ground)
            size = (image_bgr.shape[1], image_bgr.shape[0])
            own = camera if size == (camera.width_px, camera.height_px) else camera.resize(*size)
            bag.write_image(IMAGES, frame.stamp_ns, CAMERA_FRAME, image_bgr)
            bag.write_camera(CAMERA_INFO, frame.stamp_ns, CAMERA_FRAME, own)
            bag.write_people(
                GROUND_TRUTH, frame.stamp_ns, CAMERA_FRAME, frame.people, sequence.skeleton, id_prefix="gt_"
            )
            count += 1
    return count


def _write_floor(bag: BagWriter, stamp_ns: int, ground: GroundPlane) -> None:
    """The camera over the floor: z up, x along the viewing direction, the origin below the camera."""
    from scipy.spatial.transform import Rotation

    up = ground.up_cam
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(ahead) < 1e-6:  # a camera that looks straight down
        ahead = np.array([0.0, -1.0, 0.0]) - up[1] * -up
    ahead /= np.linalg.norm(ahead)
    cam2floor: Array = np.stack([ahead, np.cross(up, ahead), up])
    x, y, z, w = Rotation.from_matrix(cam2floor).as_quat().tolist()
    transform = _made(
        "geometry_msgs/msg/Transform",
        translation=_made("geometry_msgs/msg/Vector3", 0.0, 0.0, ground.height_m),
        rotation=_made("geometry_msgs/msg/Quaternion", x, y, z, w),
    )
    time = _made("builtin_interfaces/msg/Time", stamp_ns // NS_PER_S, stamp_ns % NS_PER_S)
    header = _made("std_msgs/msg/Header", time, FLOOR_FRAME)
    stamped = _made("geometry_msgs/msg/TransformStamped", header, CAMERA_FRAME, transform)
    bag.add_topic(f"/{STATIC_TOPIC}", TF_TYPE, latched=True)
    bag.write_message(f"/{STATIC_TOPIC}", TF_TYPE, stamp_ns, _made(TF_TYPE, [stamped]))


def _made(msgtype: str, *fields: Any, **named: Any) -> Any:
    return pose3d_typestore().types[msgtype](*fields, **named)
