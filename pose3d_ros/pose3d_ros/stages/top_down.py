"""Poses from the top down (Moon 2019): boxes, then root and pose of each, with a lifter where the pose is 2D."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.records import STILL, Detection, Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.detect.followed_boxes import FollowedBoxes
from pose3d_ros.stages.lift.lift_decoders import gives_root
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.root_localization import gives_pixels
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.stages.pose_source import FramePoses, timed


class TopDownPoses:
    """A `PoseSource` of the roles detector, pose, and root and lifter where the pose net needs them.

    In video, boxes of people who are followed take the detector's place in up to every second frame, and the flip test
    is for those who are new or read with low confidence.

    Raises EngineError when a role has no model, or an engine can't be opened or does not fit its decoder.
    """

    def __init__(self, engines: EngineSet, config: PipelineConfig) -> None:
        self._detector = Detector(engines.for_role("detector"), config.detector)
        pose = engines.for_role("pose")
        needs_lifter = gives_pixels(pose.entry) and engines.manifest.has_role("lifter")
        # Without a root net the pose net has to give metres, or have a lifter; the stage says so where it does not.
        rooted = needs_lifter and gives_root(engines.manifest.for_role("lifter"))
        needs_root = not rooted and "root" not in pose.entry.parameters and engines.manifest.has_role("root")
        root = engines.for_role("root") if needs_root else None
        self._estimator = RootPoseEstimator(pose, root, lifted=needs_lifter, rooted=rooted, config=config.pose)
        self._estimator.root_config = config.root
        self._lifter = Lifter(engines.for_role("lifter"), self._estimator.skeleton) if needs_lifter else None
        self._followed = FollowedBoxes()

    @property
    def skeleton(self) -> Skeleton:
        """See PoseSource."""
        return self._estimator.skeleton if self._lifter is None else self._lifter.skeleton

    @property
    def usual_skeleton(self) -> Skeleton:
        """See PoseSource."""
        return self.skeleton

    def __call__(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...] | None) -> FramePoses:
        """See PoseSource."""
        timings_ms: dict[str, float] = {}
        with timed(timings_ms, "detect"):
            size_px = (frame.camera.width_px, frame.camera.height_px)
            interval_s = self._detector.config.interval_s
            moved = self._followed.moved(frame.stamp_ns, *size_px, interval_s) if given is None else ()
            found = moved or (self._detector(frame, image) if given is None else given)
        with timed(timings_ms, "pose"):
            known = None if frame.stamp_ns == STILL else self._followed.known(found, frame.stamp_ns)
            people = self._estimator.estimate_keypoints(frame, found, image, known) if found else None
            if people is not None and self._lifter is not None:
                people = self._lifter(frame, people)
            poses = () if people is None else self._estimator.localize(frame, people)
        self._followed.update(poses, frame.stamp_ns, detected=not moved)
        return FramePoses(found, poses, timings_ms)

    def configure(self, config: PipelineConfig) -> None:
        """See PoseSource."""
        self._detector.config = config.detector
        self._estimator.config, self._estimator.root_config = config.pose, config.root
        self._followed.forget()

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: Sequence[int]) -> None:
        """See PoseSource."""
        height_px, width_px = frame.image_bgr.shape[:2]
        whole = Detection(np.array([-0.5, -0.5, width_px - 0.5, height_px - 0.5]), 1.0)
        self._detector(frame, image)
        for people in batch_sizes:
            keypoints = self._estimator.estimate_keypoints(frame, (whole,) * people, image)
            self._estimator.estimate_keypoints(frame, (whole,) * people, image, np.ones(people, dtype=np.bool_))
            if self._lifter is not None:
                self._lifter(frame, keypoints)
        self.reset()

    def reset(self) -> None:
        """See PoseSource."""
        self._followed.forget()
        if self._lifter is not None:
            self._lifter.reset()
