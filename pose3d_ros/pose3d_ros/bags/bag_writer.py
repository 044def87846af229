"""Writing bags as MCAP, without ROS: serialized messages as they are, and images, cameras and people from records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import TypesysError

from pose3d_ros.bags.bag_storage import BagStorage
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError, InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import is_file, is_folder
from pose3d_ros.records import Person, root_covariance_m2, root_solvers_of
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array, ImageArray

_NS_PER_S = 1_000_000_000
_ROS_MODELS = {"pinhole": "plumb_bob"}  # camera_info has no name for "no distortion"; zeros say it
_ANY_TIME = QosTime(2147483647, 4294967295)
_LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    _ANY_TIME,
    _ANY_TIME,
    QosLiveliness.AUTOMATIC,
    _ANY_TIME,
    avoid_ros_namespace_conventions=False,
)
_UNKNOWN_COVARIANCE_M2 = np.array([-1.0, *[0.0] * 8])


class BagWriter:
    """A context manager that writes one new bag.

    path: "name.mcap" becomes a single file, any other name a rosbag2 folder. An existing bag there is replaced once
    this one is complete: an error inside the `with` block changes nothing. live: it is written in place instead, and
    what was flushed stays, whatever happens. Raises BagError for a folder that is no bag, OutputError for a path that
    can't be written to.
    """

    def __init__(self, path: str | Path, *, jpeg_quality: int = 90, live: bool = False) -> None:
        self._path = Path(path)
        self._live = live
        self._jpeg_quality = jpeg_quality
        self._store = pose3d_typestore()
        self._connections: dict[str, Connection] = {}
        if is_folder(self._path) and not is_file(self._path / "metadata.yaml"):
            raise BagError(
                f"bag {str(path)!r}",
                expected="the name of a new bag, or of one to replace",
                got="a folder of other files",
                fix="Name a file that ends with .mcap.",
            )

    def __enter__(self) -> BagWriter:
        self._storage = BagStorage(self._path, live=self._live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or self._live:
            self._storage.finish()
        else:
            self._storage.abandon()

    def add_topic(self, topic: str, msgtype: str, *, latched: bool = False) -> None:
        """Add a topic, unless it is there. latched: as published transient local.

        Raises BagError for another type than before, and for an unknown one.
        """
        known = self._connections.get(topic)
        if known is not None and known.msgtype != msgtype:
            raise BagError(
                f"topic {topic}",
                expected=f"messages of type {known.msgtype}",
                got=msgtype,
                fix="Write one type to a topic.",
            )
        try:
            writer = self._storage.writer
            qos = [_LATCHED] if latched else []
            self._connections[topic] = known or writer.add_connection(
                topic, msgtype, typestore=self._store, offered_qos_profiles=qos
            )
        except (KeyError, TypesysError) as error:
            raise BagError(
                f"topic {topic}",
                expected="a message type of ROS or of pose3d_msgs",
                got=msgtype,
                fix="Record this topic with `ros2 bag record`.",
            ) from error

    def write_serialized(self, topic: str, received_ns: int, data: bytes | memoryview) -> None:
        """Write a serialized message (CDR) of a topic that was added. Raises OutputError when it can't be written."""
        self._storage.write(self._connections[topic], received_ns, data)

    def flush(self) -> None:
        """Write what waits, so that a reader of a live bag finds it. Raises OutputError when it can't be written."""
        self._storage.flush()

    def write_message(self, topic: str, msgtype: str, received_ns: int, message: Any) -> None:
        """Write a message of `message_types.pose3d_typestore`."""
        self.add_topic(topic, msgtype)
        self.write_serialized(topic, received_ns, self._store.serialize_cdr(message, msgtype))

    def write_image(self, topic: str, stamp_ns: int, frame_id: str, image_bgr: ImageArray) -> None:
        """Write an image (H, W, 3) uint8 as a JPEG CompressedImage. Raises InputError when it can't be encoded."""
        if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or not image_bgr.size or image_bgr.dtype != np.uint8:
            raise InputError(
                "image to write",
                expected="(H, W, 3) uint8",
                got=f"{image_bgr.shape} {image_bgr.dtype}",
                fix="Convert it to 8-bit BGR.",
            )
        done, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, self._jpeg_quality])
        if not done:
            raise InputError("image to write", expected="a JPEG", got="an encoder error", fix="Check the image.")
        header = self._header(stamp_ns, frame_id)
        message = self._make(COMPRESSED_TYPE, header, "bgr8; jpeg compressed bgr8", data.ravel())
        self.write_message(topic, COMPRESSED_TYPE, stamp_ns, message)

    def write_camera(self, topic: str, stamp_ns: int, frame_id: str, camera: Camera) -> None:
        """Write a camera as CameraInfo with an identity R and P = [K 0]."""
        message = self._make(
            CAMERA_INFO_TYPE,
            self._header(stamp_ns, frame_id),
            camera.height_px,
            camera.width_px,
            _ROS_MODELS.get(camera.model, camera.model),
            camera.distortion if camera.distortion.size else np.zeros(5),
            camera.K_px.ravel(),
            np.eye(3).ravel(),
            np.concatenate([camera.K_px, np.zeros((3, 1))], axis=1).ravel(),
            0,
            0,
            self._make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False),
        )
        self.write_message(topic, CAMERA_INFO_TYPE, stamp_ns, message)

    def write_people(
        self,
        topic: str,
        stamp_ns: int,
        frame_id: str,
        people: Sequence[Person],
        skeleton: Skeleton,
        *,
        id_prefix: str = "person_",
        model: str = "",
        latency_ms: float = 0.0,
        received_ns: int | None = None,
    ) -> None:
        """Write people as a Person3DArray. For ground truth: id_prefix "gt_", score = visible share, amodal box.

        received_ns: recording time; the stamp when None. Raises InputError for a person of another skeleton.
        """
        messages = [self._person(person, skeleton, id_prefix) for person in people]
        header = self._header(stamp_ns, frame_id)
        message = self._make(PEOPLE_TYPE, header, skeleton.name, model, True, latency_ms, messages)
        self.write_message(topic, PEOPLE_TYPE, stamp_ns if received_ns is None else received_ns, message)

    def _make(self, msgtype: str, *fields: Any, **named: Any) -> Any:
        return self._store.types[msgtype](*fields, **named)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        stamp = self._make("builtin_interfaces/msg/Time", stamp_ns // _NS_PER_S, stamp_ns % _NS_PER_S)
        return self._make("std_msgs/msg/Header", stamp, frame_id)

    def _point(self, xyz: Array) -> Any:
        return self._make("geometry_msgs/msg/Point", *xyz.tolist())

    def _person(self, person: Person, skeleton: Skeleton, id_prefix: str) -> Any:
        pose = person.pose
        if pose.skeleton != skeleton:
            raise InputError(
                f"person {person.track_id}",
                expected=f"joints of {skeleton.name}",
                got=pose.skeleton.name,
                fix="Convert the pose first.",
            )
        x0, y0, x1, y1 = pose.detection.box_xyxy_px.tolist()
        covariance_m2 = root_covariance_m2(pose)
        rows = zip(pose.joints_cam_m, pose.joints_img_px.tolist(), pose.scores.tolist(), strict=True)
        return self._make(
            "pose3d_msgs/msg/Person3D",
            id=f"{id_prefix}{person.track_id}",
            state=int(person.state),
            score=float(person.score),
            box_x=x0,
            box_y=y0,
            box_width=x1 - x0,
            box_height=y1 - y0,
            root=self._point(pose.root_cam_m),
            root_covariance=_UNKNOWN_COVARIANCE_M2 if covariance_m2 is None else covariance_m2.ravel(),
            root_solvers=list(root_solvers_of(person)),
            velocity=self._make("geometry_msgs/msg/Vector3", *person.velocity_cam_mps.tolist()),
            joints=[
                self._make(
                    "pose3d_msgs/msg/Joint3D",
                    position=self._point(xyz),
                    u=u,
                    v=v,
                    score=score,
                    valid=bool(np.isfinite(xyz).all()),
                )
                for xyz, (u, v), score in rows
            ],
        )
