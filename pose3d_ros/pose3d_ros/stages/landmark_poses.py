"""Poses from MediaPipe's nets: people are found once, then followed from landmarks to landmarks, as the nets were made.

The regions of people who are followed and of places where somebody may be new are one batch of the landmark net, and
those of who seems to be new a second one: the first reading gives a better region than a box does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import STILL, Detection, Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.landmarks.body_joints import BODY, MUCO, RegionLifter, is_region_lifter
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_net import DECODER, LandmarkNet
from pose3d_ros.stages.landmarks.landmark_placing import place, poses_of
from pose3d_ros.stages.landmarks.landmark_selection import person_scores, select
from pose3d_ros.stages.pose_source import FramePoses, timed
from pose3d_ros.types import Array

_MAX_GAP_NS = 500_000_000
"""After a longer pause between frames nobody is where their last region is."""


def is_landmark_chain(engines: EngineSet) -> bool:
    """Whether the engine of the role pose is a landmark net."""
    return engines.manifest.has_role("pose") and engines.manifest.for_role("pose").decoder == DECODER


class LandmarkPoses:
    """A `PoseSource` of the roles detector, region_detector and pose, and of lifter where there is one for landmarks.

    Raises EngineError when a role has no model, or an engine can't be opened or does not fit its decoder.
    """

    def __init__(self, engines: EngineSet, config: PipelineConfig) -> None:
        self._config = config
        self._detector = Detector(engines.for_role("detector"), config.detector)
        self._net = LandmarkNet(engines.for_role("pose"))
        manifest = engines.manifest
        lifts = manifest.has_role("lifter") and is_region_lifter(manifest.for_role("lifter"))
        self._lifter = RegionLifter(engines.for_role("lifter")) if lifts else None
        self._followed, self._stamp_ns = Regions.empty(), STILL

    @property
    def skeleton(self) -> Skeleton:
        """See PoseSource."""
        return BODY

    @property
    def usual_skeleton(self) -> Skeleton:
        """See PoseSource."""
        return MUCO

    def __call__(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...] | None) -> FramePoses:
        """See PoseSource."""
        timings_ms: dict[str, float] = {}
        followed = self._regions_to_follow(frame.stamp_ns)
        with timed(timings_ms, "detect"):
            found = self._detector(frame, image) if given is None else given
        with timed(timings_ms, "pose"):
            new = Regions.from_boxes([d.box_xyxy_px for d in found])
            people, scores = self._read(frame, image, followed, new)
            least = self._config.pose.person_score_threshold
            at = select(people, scores, self._config.detector.max_people)
            at = at[scores[at] >= least]
            people, scores = people.chosen(at), scores[at]
            self._followed, self._stamp_ns = people.next_regions, frame.stamp_ns
            if not len(people):
                return FramePoses(found, (), timings_ms)
            placed = place(frame, people, None if self._lifter is None else self._lifter(people))
            detections = tuple(
                Detection(box, float(score)) for box, score in zip(placed.boxes_xyxy_px, scores, strict=True)
            )
            poses = tuple(poses_of(frame, placed, detections, self._config.pose))
        return FramePoses(found, poses, timings_ms)

    def configure(self, config: PipelineConfig) -> None:
        """See PoseSource."""
        self._config = config
        self._detector.config = config.detector

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: Sequence[int]) -> None:
        """See PoseSource."""
        height_px, width_px = frame.image_bgr.shape[:2]
        self._detector(frame, image)
        for people in batch_sizes:
            regions = Regions.from_boxes([[-0.5, -0.5, width_px - 0.5, height_px - 0.5]] * people)
            read = self._net(frame.camera, image, regions)
            if self._lifter is not None:
                self._lifter(read)
        self.reset()

    def reset(self) -> None:
        """See PoseSource."""
        self._followed, self._stamp_ns = Regions.empty(), STILL

    def _regions_to_follow(self, stamp_ns: int) -> Regions:
        last_ns = self._stamp_ns
        continues = stamp_ns != STILL != last_ns and 0 <= stamp_ns - last_ns <= _MAX_GAP_NS
        return self._followed if continues else Regions.empty()

    def _read(self, frame: Frame, image: FrameImage, followed: Regions, new: Regions) -> tuple[Landmarks, Array]:
        """What the net says of the people who are followed, and of new ones at their second reading; their scores."""
        size_px = frame.camera.width_px, frame.camera.height_px
        if not len(followed) + len(new):
            return Landmarks.none(), np.zeros(0)
        people = self._net(frame.camera, image, Regions.concatenated([followed, new]))
        scores = person_scores(people, *size_px)
        likely = np.flatnonzero((np.arange(len(people)) >= len(followed)) & (people.person > 0.1))
        if not len(likely):
            return people.chosen(np.arange(len(followed))), scores[: len(followed)]
        again = self._net(frame.camera, image, people.next_regions.chosen(likely))
        people = Landmarks.concatenated([people.chosen(np.arange(len(followed))), again])
        return people, np.concatenate([scores[: len(followed)], person_scores(again, *size_px)])
