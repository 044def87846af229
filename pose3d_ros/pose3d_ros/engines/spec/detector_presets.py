"""Presets of person detectors that others publish; docs/models.md shows them in a table.

The person is class 0 of the 80 classes that COCO's labels are packed into, and class 1 where they keep their numbers.
"""

from __future__ import annotations

from types import MappingProxyType

from pose3d_ros.engines.spec.entry import Normalization, Parameter
from pose3d_ros.engines.spec.preset import BGR_255, RGB_1, Preset

_SQUARE = (640, 640)
_PACKED: MappingProxyType[str, Parameter] = MappingProxyType({"person_class": 0})
_NUMBERED: MappingProxyType[str, Parameter] = MappingProxyType({"person_class": 1})


def _detector(
    decoder: str,
    normalization: Normalization,
    source: str,
    size_px: tuple[int, int] | None = _SQUARE,
    parameters: MappingProxyType[str, Parameter] = _PACKED,
) -> Preset:
    return Preset(("detector",), decoder, size_px, normalization, "pixels", source, parameters=parameters)


DETECTOR_PRESETS: MappingProxyType[str, Preset] = MappingProxyType(
    {
        "yolox": _detector("yolox_raw", BGR_255, "github.com/Megvii-BaseDetection/YOLOX, demo/ONNXRuntime"),
        "yolox_decoded": _detector(
            "yolox_decoded", BGR_255, "github.com/Megvii-BaseDetection/YOLOX, tools/export_onnx.py"
        ),
        "yolov8": _detector("yolov8", RGB_1, "github.com/ultralytics/ultralytics, examples/YOLOv8-ONNXRuntime"),
        "yolo11": _detector("yolov8", RGB_1, "docs.ultralytics.com, models/yolo11"),
        "yolov10": _detector("yolo_end2end", RGB_1, "docs.ultralytics.com, guides/end2end-detection"),
        "rtdetr": _detector("rtdetr", RGB_1, "github.com/lyuwenyu/RT-DETR, references/deploy/rtdetrv2_onnxruntime.py"),
        "rtdetr_ultralytics": _detector(
            "rtdetr_ultralytics", RGB_1, "github.com/ultralytics/ultralytics, models/rtdetr/predict.py"
        ),
        "detr": _detector(
            "detr_logits", RGB_1, "github.com/huggingface/transformers, models/rt_detr/image_processing_rt_detr.py"
        ),
        "torchvision": _detector(
            "torchvision", RGB_1, "github.com/pytorch/vision, torchvision/models/detection", None, _NUMBERED
        ),
    }
)
"""Name → preset of the detector role."""
