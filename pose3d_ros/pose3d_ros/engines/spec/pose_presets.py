"""Presets of pose nets that others publish; docs/models_poses.md shows them in a table, with what root each needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pose3d_ros.engines.spec.entry import Normalization, Parameter
from pose3d_ros.engines.spec.preset import RGB_1, Preset

_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
IMAGENET_255 = Normalization(1.0, _IMAGENET_MEAN, _IMAGENET_STD, "rgb")
"""ImageNet's mean and standard deviation on pixels 0–255."""
RGB_255 = Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
"""Pixels 0–255 as they are."""
BGR_VNECT = Normalization(1 / 255, (0.4, 0.4, 0.4), (1.0, 1.0, 1.0), "bgr")
"""Pixels in −0.4–0.6."""

_BODY: Mapping[str, Parameter] = MappingProxyType({"joints": 17})
"""The first 17 of COCO-WholeBody's 133 joints are COCO's."""
_SOLVED: Mapping[str, Parameter] = MappingProxyType({"root": "closed_form"})
"""Joints in metres, a lifter's too, have a size: a root net is not asked, which would move each along its ray."""
_NONE: Mapping[str, Parameter] = MappingProxyType({})


def _pose(
    decoder: str,
    size_px: tuple[int, int],
    normalization: Normalization,
    skeleton: str | None,
    source: str,
    units: str = "metres",
    parameters: Mapping[str, Parameter] = _NONE,
) -> Preset:
    return Preset(("pose",), decoder, size_px, normalization, units, source, skeleton, parameters)


POSE_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "rtmpose": _pose(
            "simcc_2d",
            (192, 256),
            IMAGENET_255,
            "coco17",
            "github.com/open-mmlab/mmpose, projects/rtmpose",
            "pixels",
            _SOLVED,
        ),
        "rtmw": _pose(
            "simcc_2d",
            (288, 384),
            IMAGENET_255,
            "coco17",
            "github.com/open-mmlab/mmpose, projects/rtmpose",
            "pixels",
            MappingProxyType({**_BODY, **_SOLVED}),
        ),
        "rtmw3d": _pose(
            "simcc_3d",
            (288, 384),
            IMAGENET_255,
            "coco17",
            "github.com/open-mmlab/mmpose, projects/rtmpose3d",
            "pixels, metres",
            _BODY,
        ),
        "integral": _pose(
            "integral_volume",
            (256, 256),
            IMAGENET_255,
            "h36m18",
            "github.com/JimmySuen/integral-human-pose",
            "pixels, metres",
        ),
        "epipolarpose": _pose(
            "integral_volume",
            (256, 256),
            IMAGENET_255,
            "h36m17",
            "github.com/mkocabas/EpipolarPose, lib/utils/img_utils.py",
            "pixels, metres",
        ),
        "vnect": _pose(
            "location_maps",
            (368, 368),
            BGR_VNECT,
            "muco21",
            "github.com/XinArkh/VNect, src/utils.py and estimator.py",
            parameters=_SOLVED,
        ),
        "metrabs": _pose(
            "metrabs",
            (256, 256),
            RGB_1,
            None,
            "github.com/isarandi/metrabs, metrabs_pytorch/models/metrabs.py",
            parameters=_SOLVED,
        ),
        "mediapipe": _pose(
            "mediapipe_world",
            (256, 256),
            RGB_255,
            "mediapipe33",
            "ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker",
            parameters=_SOLVED,
        ),
    }
)
"""Name → preset of the pose role. A preset without a skeleton needs one that fits the exported joints."""
