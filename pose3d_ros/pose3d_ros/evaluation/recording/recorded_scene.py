"""What a recording tells of the scene at each image: the floor by its transforms, and its depth images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX, any_depth_m
from pose3d_ros.bags.detection_messages import DETECTION_TYPES, found_boxes, rules_of
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, IMAGE_TYPE
from pose3d_ros.bags.stamp_match import TOLERANCE_NS
from pose3d_ros.bags.transforms import TransformTree, read_transforms
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.errors import BagError, InputError
from pose3d_ros.evaluation.recording.stamped_messages import StampedMessages
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import DepthImage, Detection, Frame


class RecordedScene:
    """Of one bag, whose depth images are aligned with the images.

    Raises BagError for a bag without the transforms or the depth images that `scene` names.
    """

    def __init__(self, path: Path, scene: SceneConfig) -> None:
        self._path, self._scene = path, scene
        self._transforms = TransformTree()
        self._depths, self._detections = StampedMessages(), StampedMessages()
        frames = {"floor_frame": scene.floor_frame, "fixed_frame": scene.fixed_frame}
        named = {parameter: frame for parameter, frame in frames.items() if frame}
        if not (named or scene.depth_topic or scene.detections_topic):
            return
        with BagReader(path) as bag:
            if named:
                self._read_transforms(bag, named)
            if scene.depth_topic:
                self._depths = StampedMessages(path, self._depth_topic(bag, scene.depth_topic))
            if scene.detections_topic:
                self._detections = StampedMessages(path, self._detections_topic(bag, scene.detections_topic))

    def of(self, frame: Frame) -> tuple[GroundPlane | None, DepthImage | None]:
        """Floor and depth at an image, no earlier than the last; None for what is not known at its time."""
        ground = None
        if self._scene.floor_frame:
            found = self._transforms.lookup(frame.frame_id, self._scene.floor_frame, frame.stamp_ns)
            ground = None if found is None else GroundPlane.of_floor_frame(found.rotation, found.translation_m)
        message = self._depths.at(frame.stamp_ns)
        if message is None:
            return ground, None
        depth_m = any_depth_m(message)
        return ground, DepthImage(depth_m, frame.camera.resize(depth_m.shape[1], depth_m.shape[0]))

    def cam2fixed(self, frame: Frame) -> RigidTransform | None:
        """Where the camera is in the fixed frame at an image; None where it is not known."""
        if not self._scene.fixed_frame:
            return None
        return self._transforms.lookup(self._scene.fixed_frame, frame.frame_id, frame.stamp_ns)

    def detections(self, frame: Frame, detector: DetectorConfig) -> tuple[Detection, ...] | None:
        """The boxes of another detector at an image, no earlier than the last; None without such a topic.

        Raises InputError where the topic has nothing for the image.
        """
        topic = self._scene.detections_topic
        if not topic:
            return None
        message = self._detections.at(frame.stamp_ns, TOLERANCE_NS)
        if message is None:
            fix = "pose_node drops such images too. Record the detector's topic beside the images, with their stamps."
            raise InputError("image", expected=f"its boxes on {topic}", got="no message of its stamp", fix=fix)
        rules = rules_of(self._scene.detections_classes, detector.score_threshold, detector.max_people)
        return found_boxes(message, rules, frame.camera.width_px, frame.camera.height_px).detections

    def _detections_topic(self, bag: BagReader, topic: str) -> str:
        name = topic if topic.startswith("/") else f"/{topic}"
        if name not in bag.topics or bag.topics[name].msgtype not in DETECTION_TYPES:
            raise BagError(
                f"bag {self._path}",
                expected=f"{' or '.join(DETECTION_TYPES)} on {topic}",
                got=", ".join(map(str, bag.topics.values())),
                fix="Name the topic of detections that the recording has (detections_topic).",
            )
        return name

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
