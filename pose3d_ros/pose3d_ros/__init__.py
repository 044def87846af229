"""Absolute 3D skeletons, in metres, of every person that one calibrated camera sees.

For example::

    with open_pipeline() as pipeline:
        for person in pipeline(Frame(image_bgr, Camera.from_hfov(60.0, 640, 480))).people:
            print(person.track_id, person.pose.root_cam_m)

What `__all__` names, with its documented attributes and methods, is the public API, and its versions are semantic
(semver.org): from 1.0.0 on only a new major version takes anything away or changes its meaning; before it a new minor
version may, and CHANGELOG.md says so. Everything else may change at any time.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pose3d_ros.config.settings import PipelineConfig
    from pose3d_ros.errors import (
        BagError,
        CameraError,
        ConfigError,
        EngineError,
        InputError,
        Pose3DError,
        SkeletonError,
    )
    from pose3d_ros.geometry.camera import Camera
    from pose3d_ros.pipeline import Pipeline, open_pipeline
    from pose3d_ros.records import Detection, Frame, FrameResult, Person, Pose, TrackState
    from pose3d_ros.skeletons import SKELETONS, Skeleton, convert, get_skeleton

    __version__: str

__all__ = [
    "SKELETONS",
    "BagError",
    "Camera",
    "CameraError",
    "ConfigError",
    "Detection",
    "EngineError",
    "Frame",
    "FrameResult",
    "InputError",
    "Person",
    "Pipeline",
    "PipelineConfig",
    "Pose",
    "Pose3DError",
    "Skeleton",
    "SkeletonError",
    "TrackState",
    "convert",
    "get_skeleton",
    "open_pipeline",
]

_MODULES = {
    "pose3d_ros.config.settings": ("PipelineConfig",),
    "pose3d_ros.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "pose3d_ros.geometry.camera": ("Camera",),
    "pose3d_ros.pipeline": ("Pipeline", "open_pipeline"),
    "pose3d_ros.records": ("Detection", "Frame", "FrameResult", "Person", "Pose", "TrackState"),
    "pose3d_ros.skeletons": ("SKELETONS", "Skeleton", "convert", "get_skeleton"),
}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562): all of it at once would cost `pose3d --help` a second, most of it SciPy's."""
    if name == "__version__":  # package.xml has it, setup.py passes it on
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("pose3d_ros")
        except PackageNotFoundError:  # read from a checkout
            return "not installed"
    module = next((module for module, names in _MODULES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)
