"""Which `PoseSource` a folder's models make."""

from __future__ import annotations

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.stages.landmark_poses import LandmarkPoses, is_landmark_chain
from pose3d_ros.stages.one_stage_poses import OneStagePoses, is_one_stage
from pose3d_ros.stages.pose_source import PoseSource
from pose3d_ros.stages.top_down import TopDownPoses


def pose_source(engines: EngineSet, config: PipelineConfig) -> PoseSource:
    """By the decoder of the pose net. Raises EngineError when a role has no model, or one does not fit."""
    if is_landmark_chain(engines):
        return LandmarkPoses(engines, config)
    return OneStagePoses(engines, config) if is_one_stage(engines) else TopDownPoses(engines, config)
