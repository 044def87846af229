"""What a recording tells of the scene at each image: the floor by its transforms, and its depth images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX, any_depth_m
from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, IMAGE_TYPE
from pose3d_ros.bags.transforms import TransformTree, read_transforms
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.errors import BagError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import DepthImage, Frame

_APART_NS = 200_000_000
"""How far depth images of a recording may be out of order."""


class RecordedScene:
    """Of one bag, whose depth images are aligned with the images.

    Raises BagError for a bag without the transforms or the depth images that `scene` names.
    """

    def __init__(self, path: Path, scene: SceneConfig) -> None:
        self._path, self._scene = path, scene
        self._transforms = TransformTree()
        self._depths: dict[int, Any] = {}
        self._coming: Iterator[tuple[int, Any]] = iter(())
        frames = {"floor_frame": scene.floor_frame, "fixed_frame": scene.fixed_frame}
        named = {parameter: frame for parameter, frame in frames.items() if frame}
        if not (named or scene.depth_topic):
            return
        with BagReader(path) as bag:
            if named:
                self._read_transforms(bag, named)
            if scene.depth_topic:
                self._coming = self._depth_messages(self._depth_topic(bag, scene.depth_topic))

    def of(self, frame: Frame) -> tuple[GroundPlane | None, DepthImage | None]:
        """Floor and depth at an image, no earlier than the last; None for what is not known at its time."""
        ground = None
        if self._scene.floor_frame:
            found = self._transforms.lookup(frame.frame_id, self._scene.floor_frame, frame.stamp_ns)
            ground = None if found is None else GroundPlane.of_floor_frame(found.rotation, found.translation_m)
        message = self._depth_at(frame.stamp_ns)
        if message is None:
            return ground, None
        depth_m = any_depth_m(message)
        return ground, DepthImage(depth_m, frame.camera.resize(depth_m.shape[1], depth_m.shape[0]))

    def cam2fixed(self, frame: Frame) -> RigidTransform | None:
        """Where the camera is in the fixed frame at an image; None where it is not known."""
        if not self._scene.fixed_frame:
            return None
        return self._transforms.lookup(self._scene.fixed_frame, frame.frame_id, frame.stamp_ns)

    def _read_transforms(self, bag: BagReader, named: Mapping[str, str]) -> None:
        self._transforms = read_transforms(bag)
        for parameter, frame in named.items():
            if not self._transforms.has(frame):
                raise BagError(
                    f"bag {self._path}",
                    expected=f"transforms of {frame}",
                    got=", ".join(self._transforms.frames) or "no /tf",
                    fix=f"Name a frame that the recording has ({parameter}).",
                )

    def _depth_topic(self, bag: BagReader, topic: str) -> str:
        names = [name for name in (topic, f"{topic}{DEPTH_SUFFIX}") if name in bag.topics]
        if not names or bag.topics[names[0]].msgtype not in (IMAGE_TYPE, COMPRESSED_TYPE):
            raise BagError(
                f"bag {self._path}",
                expected=f"depth images on {topic}",
                got=", ".join(bag.topics),
                fix="Name the topic of aligned depth that the recording has (depth_topic).",
            )
        return names[0]

    def _depth_messages(self, topic: str) -> Iterator[tuple[int, Any]]:
        """(stamp, message), in a bag of its own: depth of an hour does not fit into memory."""
        with BagReader(self._path) as bag:
            yield from bag.records(topic, lambda _, message: (stamp_ns(message.header), message))

    def _depth_at(self, time_ns: int) -> Any | None:
        """Reads on until a little after that time, and forgets what was a little before."""
        while max(self._depths, default=-1) < time_ns + _APART_NS:
            found = next(self._coming, None)
            if found is None:
                break
            self._depths[found[0]] = found[1]
        self._depths = {at_ns: one for at_ns, one in self._depths.items() if at_ns >= time_ns - _APART_NS}
        return self._depths.get(time_ns)
