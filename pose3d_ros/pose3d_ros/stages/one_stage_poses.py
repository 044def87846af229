"""Poses by a net that finds people and their 2D joints in one run, and a lifter: torchvision's Keypoint R-CNN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.entry_checks import KEYPOINT_NET
from pose3d_ros.stages.keypoint_finder import KeypointFinder
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.pose_localizer import PoseLocalizer
from pose3d_ros.stages.pose.root_localization import closed_form_solver
from pose3d_ros.stages.pose_source import FramePoses, timed


def is_one_stage(engines: EngineSet) -> bool:
    """Whether the engine of the role pose reads the whole image."""
    return engines.manifest.has_role("pose") and engines.manifest.for_role("pose").decoder == KEYPOINT_NET


class OneStagePoses:
    """A `PoseSource` of the roles pose and lifter, and detector where another model fills it, which gives the boxes.

    There is no flip test. Raises EngineError when a role has no model, or an engine does not fit its decoder.
    """

    def __init__(self, engines: EngineSet, config: PipelineConfig) -> None:
        pose = engines.for_role("pose")
        self._finder = KeypointFinder(pose, config.detector, config.pose)
        alone = "detector" in pose.entry.roles
        self._detector = None if alone else Detector(engines.for_role("detector"), config.detector)
        self._lifter = Lifter(engines.for_role("lifter"), self._finder.skeleton)
        self._localizer = PoseLocalizer(closed_form_solver(pose.entry))
        self._localizer.root_config = config.root

    @property
    def skeleton(self) -> Skeleton:
        """See PoseSource."""
        return self._lifter.skeleton

    @property
    def usual_skeleton(self) -> Skeleton:
        """See PoseSource."""
        return self.skeleton

    def __call__(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...] | None) -> FramePoses:
        """See PoseSource."""
        timings_ms: dict[str, float] = {}
        with timed(timings_ms, "detect"):
            if given is None and self._detector is not None:
                given = self._detector(frame, image)
            people = None if given == () else self._finder(frame, image, given)
        with timed(timings_ms, "pose"):
            found = () if people is None else tuple(people.detections)
            lifted = self._lifter(frame, people) if people is not None and found else None
            poses = () if lifted is None else self._localizer.localize(frame, lifted)
        return FramePoses(found, poses, timings_ms)

    def configure(self, config: PipelineConfig) -> None:
        """See PoseSource."""
        self._finder.config, self._finder.pose_config = config.detector, config.pose
        self._localizer.root_config = config.root
        if self._detector is not None:
            self._detector.config = config.detector

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: Sequence[int]) -> None:
        """See PoseSource."""
        height_px, width_px = frame.image_bgr.shape[:2]
        whole = Detection(np.array([-0.5, -0.5, width_px - 0.5, height_px - 0.5]), 1.0)
        if self._detector is not None:
            self._detector(frame, image)
        for people in batch_sizes:
            self._lifter(frame, self._finder(frame, image, (whole,) * people))
        self.reset()

    def reset(self) -> None:
        """See PoseSource."""
        self._lifter.reset()
