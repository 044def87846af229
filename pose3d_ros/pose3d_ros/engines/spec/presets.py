"""Presets: what the manifest entry of a third-party model gets from the way it was exported.

docs/models.md shows them in tables, with what root each pose model needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization, Parameter
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError

_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
# Pixels 0–255 as they are, in 0–1, in −0.4–0.6, and with ImageNet's mean and standard deviation.
_BGR_255 = Normalization(1.0, _ZERO, _ONE, "bgr")
_RGB_255 = Normalization(1.0, _ZERO, _ONE, "rgb")
_RGB_1 = Normalization(1 / 255, _ZERO, _ONE, "rgb")
_BGR_VNECT = Normalization(1 / 255, (0.4, 0.4, 0.4), _ONE, "bgr")
_IMAGENET_BGR = Normalization(1.0, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395), "bgr")
_IMAGENET = Normalization(1.0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "rgb")
# SimpleBaselines and pose-hg-3d give BGR images ImageNet's mean and deviation of RGB, the latter of pixels over 256.
_IMAGENET_ON_BGR = Normalization(1.0, _IMAGENET.mean, _IMAGENET.std, "bgr")
_HG3D = Normalization(1 / 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bgr")
_RGB_MPII = Normalization(1 / 255, (0.4404, 0.4440, 0.4327), _ONE, "rgb")
_BGR_OPENPOSE = Normalization(1 / 256, (0.5, 0.5, 0.5), _ONE, "bgr")

# The person is class 0 of the 80 classes that COCO's labels are packed into, and class 1 where they keep their numbers.
_PACKED: Mapping[str, Parameter] = {"person_class": 0}
_NUMBERED: Mapping[str, Parameter] = {"person_class": 1}
# The first 17 of COCO-WholeBody's 133 joints are COCO's.
_BODY: Mapping[str, Parameter] = {"joints": 17}
# Joints in metres, a lifter's too, have a size: a root model is not asked, which would move each along its ray.
_SOLVED: Mapping[str, Parameter] = {"root": "closed_form"}


@dataclass(frozen=True, eq=False)
class Preset:
    """A kind of model, of any role.

    roles, decoder, input_size_px, normalization, units, skeleton, parameters: as in ManifestEntry, and what it is
    given unless said otherwise. source: where the convention is written down.
    """

    roles: tuple[str, ...]
    decoder: str
    input_size_px: tuple[int, int] | None
    normalization: Normalization | None
    units: str
    source: str
    skeleton: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def _detector(
    decoder: str,
    normalization: Normalization,
    source: str,
    size_px: tuple[int, int] | None = (640, 640),
    parameters: Mapping[str, Parameter] = _PACKED,
) -> Preset:
    return Preset(("detector",), decoder, size_px, normalization, "pixels", source, parameters=parameters)


def _pose(
    decoder: str,
    size_px: tuple[int, int],
    normalization: Normalization,
    skeleton: str | None,
    units: str,
    source: str,
    parameters: Mapping[str, Parameter] | None = None,
) -> Preset:
    return Preset(("pose",), decoder, size_px, normalization, units, source, skeleton, parameters or {})


def _heat_maps(
    decoder: str,
    normalization: Normalization,
    source: str,
    size_px: tuple[int, int] = (192, 256),
    skeleton: str = "coco17",
    parameters: Mapping[str, Parameter] | None = None,
) -> Preset:
    given = {**_SOLVED, **(parameters or {})}
    return _pose(decoder, size_px, normalization, skeleton, "pixels", f"github.com/{source}", given)


_MMPOSE = "github.com/open-mmlab/mmpose, projects"
_EPIPOLAR = "github.com/mkocabas/EpipolarPose"
_DEPTH = "pixels, metres"

DETECTOR_PRESETS: Mapping[str, Preset] = {
    "yolox": _detector("yolox_raw", _BGR_255, "github.com/Megvii-BaseDetection/YOLOX, demo/ONNXRuntime"),
    "yolox_decoded": _detector(
        "yolox_decoded", _BGR_255, "github.com/Megvii-BaseDetection/YOLOX, tools/export_onnx.py"
    ),
    "yolov8": _detector("yolov8", _RGB_1, "github.com/ultralytics/ultralytics, examples/YOLOv8-ONNXRuntime"),
    "yolo11": _detector("yolov8", _RGB_1, "docs.ultralytics.com, models/yolo11"),
    "yolov10": _detector("yolo_end2end", _RGB_1, "docs.ultralytics.com, guides/end2end-detection"),
    "rtdetr": _detector("rtdetr", _RGB_1, "github.com/lyuwenyu/RT-DETR, references/deploy/rtdetrv2_onnxruntime.py"),
    "rtdetr_ultralytics": _detector(
        "rtdetr_ultralytics", _RGB_1, "github.com/ultralytics/ultralytics, models/rtdetr/predict.py"
    ),
    "detr": _detector(
        "detr_logits", _RGB_1, "github.com/huggingface/transformers, models/rt_detr/image_processing_rt_detr.py"
    ),
    "rtmdet": _detector("mmdeploy", _IMAGENET_BGR, "github.com/open-mmlab/mmdeploy, RTMDet of mmdetection"),
    "yolox_mmdeploy": _detector("mmdeploy", _BGR_255, "github.com/open-mmlab/mmdeploy, YOLOX of mmdetection"),
    "torchvision": _detector(
        "torchvision", _RGB_1, "github.com/pytorch/vision, torchvision/models/detection", None, _NUMBERED
    ),
}

POSE_PRESETS: Mapping[str, Preset] = {
    "rtmpose": _pose("simcc_2d", (192, 256), _IMAGENET, "coco17", "pixels", f"{_MMPOSE}/rtmpose", _SOLVED),
    "rtmw": _pose("simcc_2d", (288, 384), _IMAGENET, "coco17", "pixels", f"{_MMPOSE}/rtmpose", {**_BODY, **_SOLVED}),
    "rtmw3d": _pose("simcc_3d", (288, 384), _IMAGENET, "coco17", _DEPTH, f"{_MMPOSE}/rtmpose3d", _BODY),
    "integral": _pose(
        "integral_volume", (256, 256), _IMAGENET, "h36m18", _DEPTH, "github.com/JimmySuen/integral-human-pose"
    ),
    "epipolarpose": _pose(
        "integral_volume",
        (256, 256),
        _IMAGENET,
        "h36m17",
        _DEPTH,
        f"{_EPIPOLAR}, lib/utils/img_utils.py",
    ),
    "epipolarpose16": _pose(
        "integral_volume", (256, 256), _IMAGENET, "epipolar16", _DEPTH, f"{_EPIPOLAR}, experiments/h36m/valid-ss.yaml"
    ),
    "pose_resnet": _heat_maps(
        "heatmaps", _IMAGENET_ON_BGR, "microsoft/human-pose-estimation.pytorch, lib/core/inference.py"
    ),
    "hrnet": _heat_maps("heatmaps", _IMAGENET, "leoxiaobin/deep-high-resolution-net.pytorch, lib/core/inference.py"),
    "hrnet_dark": _heat_maps(
        "heatmaps", _IMAGENET, "open-mmlab/mmpose, mmpose/codecs/msra_heatmap.py", parameters={"refine": "dark"}
    ),
    "vitpose": _heat_maps("heatmaps_udp", _IMAGENET, "open-mmlab/mmpose, mmpose/codecs/udp_heatmap.py"),
    "hourglass": _heat_maps(
        "heatmaps_centered", _RGB_MPII, "bearpaw/pytorch-pose, pose/utils/evaluation.py", (256, 256), "mpii16"
    ),
    "openpose_crops": _heat_maps(
        "heatmaps_centered",
        _BGR_OPENPOSE,
        "CMU-Perceptual-Computing-Lab/openpose, models/pose/body_25",
        (368, 368),
        "body25",
        {"joints": 25},
    ),
    "hg3d": _pose(
        "hg3d",
        (256, 256),
        _HG3D,
        "hg3d16",
        "metres",
        "github.com/xingyizhou/pytorch-pose-hg-3d, src/lib/utils/eval.py",
        {"root": "weak_perspective"},
    ),
    "vnect": _pose(
        "location_maps",
        (368, 368),
        _BGR_VNECT,
        "muco21",
        "metres",
        "github.com/XinArkh/VNect, src/utils.py and estimator.py",
        _SOLVED,
    ),
    "keypointrcnn": Preset(
        ("detector", "pose"),
        "torchvision_keypoints",
        None,
        _RGB_1,
        "pixels",
        "github.com/pytorch/vision, torchvision/models/detection/keypoint_rcnn.py",
        "coco17",
        {**_NUMBERED, **_SOLVED},
    ),
    "orpm": _pose(
        "orpm",
        (368, 368),
        _BGR_VNECT,
        "muco21",
        "metres",
        "arxiv.org/abs/1712.03453, sec. 4; gvv.mpi-inf.mpg.de/projects/SingleShotMultiPerson",
        _SOLVED,
    ),
    "metrabs": _pose(
        "metrabs",
        (256, 256),
        _RGB_1,
        None,
        "metres",
        "github.com/isarandi/metrabs, metrabs_pytorch/models/metrabs.py",
        _SOLVED,
    ),
}
"""A preset without a skeleton needs one that fits the exported joints."""

PRESETS: Mapping[str, Preset] = MappingProxyType({**DETECTOR_PRESETS, **POSE_PRESETS})
"""Name → preset, of every role."""


def preset_entry(
    preset: str,
    file: Path,
    *,
    name: str,
    license: str,
    training_data: str,
    roles: tuple[str, ...] | None = None,
    skeleton: str | None = None,
    input_size_px: tuple[int, int] | None = None,
    parameters: Mapping[str, Parameter] | None = None,
    accuracy: Mapping[str, float | str] | None = None,
) -> ManifestEntry:
    """The manifest entry of a file, for `write_manifest`. Of the file only the sha256 is taken.

    preset: a name of PRESETS. name, license, training_data, accuracy: as in ManifestEntry; they are the weights', no
    preset knows them. roles, skeleton, input_size_px: in place of the preset's. parameters: added to the preset's, or
    in place of those of the same key. Raises EngineError for an unknown preset and a file that can't be read.
    """
    found = get_preset(preset)
    return ManifestEntry(
        name=name,
        roles=found.roles if roles is None else roles,
        file=file,
        sha256=sha256_of(file),
        decoder=found.decoder,
        input_size_px=found.input_size_px if input_size_px is None else input_size_px,
        normalization=found.normalization,
        skeleton=found.skeleton if skeleton is None else skeleton,
        units=found.units,
        license=license,
        training_data=training_data,
        accuracy=dict(accuracy or {}),
        parameters={**found.parameters, **(parameters or {})},
    )


def get_preset(name: str) -> Preset:
    """The preset of that name. Raises EngineError, listing the known ones."""
    if name not in PRESETS:
        raise EngineError(
            "preset",
            expected="one of " + ", ".join(PRESETS),
            got=repr(name),
            fix="Name one of these, or write the manifest entry yourself; see engines/README.md.",
        )
    return PRESETS[name]
