"""Decoders of networks that give each person one box: detection transformers, and torchvision's after its own NMS.

RT-DETR (Zhao 2024), after lyuwenyu/RT-DETR: `tools/export_onnx.py` and `src/zoo/rtdetr/rtdetr_postprocessor.py` of
`rtdetrv2_pytorch` (names, boxes scaled by orig_target_sizes), `references/deploy/rtdetrv2_onnxruntime.py` (that size is
width, height; plain resize). Its Ultralytics export: `ultralytics/models/rtdetr/predict.py`. Hugging Face:
`post_process_object_detection` of transformers' `image_processing_rt_detr.py` (sigmoid) and `image_processing_detr.py`
(softmax, the last class is no object). torchvision: `models/detection` and `test/test_onnx.py` (an image has no batch
axis; Faster R-CNN gives boxes, labels, scores, RetinaNet and SSD boxes, scores, labels). open-mmlab/mmdeploy: `dets`,
`labels` of its detection models (docs/en/04-supported-codebases/mmdet.md), images as mmdetection's configurations read
them: at the top left, padding 114.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode
from pose3d_ros.stages.detect.box_decoding import (
    GRAY,
    Boxes,
    DecodeSettings,
    DetectorDecoder,
    Raw,
    from_centers,
    from_edges,
    likely,
    ranked,
    strongest_class,
    wrong_shape,
)
from pose3d_ros.stages.entry_checks import KEYPOINT_NET
from pose3d_ros.stages.io_matching import INTEGERS, RawOutputs


def decode_rtdetr(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Labels (1, M), boxes (1, M, 4) x0, y0, x1, y1 scaled to the size that the graph was given, scores (1, M).

    That size is the input's, so that these boxes are in input pixels like all others: the scaling is linear.
    """
    labels, boxes, scores = raw["labels"], raw["boxes"], raw["scores"]
    count = labels.shape[-1] if labels.ndim else 0
    if (labels.shape, boxes.shape, scores.shape) != ((1, count), (1, count, 4), (1, count)):
        got = f"{labels.shape}, {boxes.shape} and {scores.shape}"
        raise wrong_shape("rtdetr", "labels (1, M), boxes (1, M, 4) and scores (1, M)", got)
    return _labelled("rtdetr", labels[0], boxes[0], scores[0], settings)


def decode_torchvision(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Boxes (M, 4) x0, y0, x1, y1 in input pixels, labels (M,) with the background as class 0, scores (M,)."""
    labels, boxes, scores = raw["labels"], raw["boxes"], raw["scores"]
    count = labels.shape[-1] if labels.ndim else 0
    if (labels.shape, boxes.shape, scores.shape) != ((count,), (count, 4), (count,)):
        got = f"{boxes.shape}, {labels.shape} and {scores.shape}"
        raise wrong_shape("torchvision", "boxes (M, 4), labels (M,) and scores (M,)", got)
    return _labelled("torchvision", labels, boxes, scores, settings)


def decode_rtdetr_ultralytics(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Output (1, M, 4 + classes): center x, center y, width, height in 0–1, class scores after a sigmoid."""
    output: Raw = raw["output"]
    person = settings.person_class
    if output.ndim != 3 or len(output) != 1 or output.shape[2] < 5 + person:
        expected = f"shape (1, M, 4 + classes) with the class {person}"
        raise wrong_shape("rtdetr_ultralytics", expected, str(output.shape))
    rows, classes = output[0], output[0, :, 4:]
    keep = likely("rtdetr_ultralytics", classes[:, person], settings.threshold)
    keep = strongest_class(classes, keep, person)
    return from_centers(_scaled(rows[keep, :4], letterbox), classes[keep, person])


def decode_detr_logits(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Logits (1, M, classes) and pred_boxes (1, M, 4): center x, center y, width, height in 0–1.

    activation `sigmoid`: every class for itself. `softmax`: over the classes, of which the last is no object; people
    are where no other class but that scores higher.
    """
    logits, boxes, person = raw["logits"], raw["pred_boxes"], settings.person_class
    softmax = settings.activation == "softmax"
    fits = logits.ndim == 3 and len(logits) == 1 and logits.shape[2] > person + softmax
    if not fits or boxes.shape != (1, logits.shape[1], 4):
        expected = f"logits (1, M, classes) with the class {person} and pred_boxes (1, M, 4)"
        raise wrong_shape("detr_logits", expected, f"{logits.shape} and {boxes.shape}")
    classes = logits[0].astype(np.float64)
    scores = _softmax(classes)[:, person] if softmax else 0.5 + 0.5 * np.tanh(classes[:, person] / 2)
    keep = likely("detr_logits", scores, settings.threshold)
    if softmax:
        keep = strongest_class(classes[:, :-1], keep, person)
    return from_centers(_scaled(boxes[0, keep], letterbox), scores[keep])


def decode_mmdeploy(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Dets (1, M, 5): x0, y0, x1, y1 in input pixels and score, and labels (1, M), after suppression in the graph."""
    dets, labels = raw["dets"], raw["labels"]
    if dets.ndim != 3 or len(dets) != 1 or dets.shape[2] != 5 or labels.shape != dets.shape[:2]:
        raise wrong_shape("mmdeploy", "dets (1, M, 5) and labels (1, M)", f"{dets.shape} and {labels.shape}")
    return _labelled("mmdeploy", labels[0], dets[0, :, :4], dets[0, :, 4], settings)


def _labelled(decoder: str, labels: Raw, boxes: Raw, scores: Raw, settings: DecodeSettings) -> Boxes:
    people = np.flatnonzero(labels == settings.person_class)
    keep = people[likely(decoder, scores[people], settings.threshold)]
    return from_edges(boxes[keep], scores[keep])


def _scaled(boxes: Raw, letterbox: Letterbox) -> Raw:
    """Boxes in 0–1 of the input → input pixels."""
    size = np.array([letterbox.width_px, letterbox.height_px] * 2, dtype=np.float64)
    return boxes.astype(np.float64) * size


def _softmax(logits: Raw) -> Raw:
    powers: Raw = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


_STRETCHED = LetterboxMode(stretched=True)
_BOXES_LABELS_SCORES = (ranked("boxes", 2), ranked("labels", 1, INTEGERS), ranked("scores", 1))
# The graph resizes the image itself. In a fixed input gray is nearest to the ImageNet mean it pads with.
_TORCHVISION = DetectorDecoder(
    decode_torchvision,
    _BOXES_LABELS_SCORES,
    LetterboxMode(padding=GRAY),
    overlapping=False,
    long_side_px=None,
    person_class=1,
    batchless=True,
)

DETR_DECODERS = {
    "rtdetr": DetectorDecoder(
        decode_rtdetr,
        (ranked("labels", 2, INTEGERS), ranked("boxes", 3), ranked("scores", 2)),
        _STRETCHED,
        overlapping=False,
        size_input=True,
    ),
    "rtdetr_ultralytics": DetectorDecoder(
        decode_rtdetr_ultralytics, (ranked("output", 3),), _STRETCHED, overlapping=False
    ),
    "detr_logits": DetectorDecoder(
        decode_detr_logits, (ranked("logits", 3), ranked("pred_boxes", 3)), _STRETCHED, overlapping=False
    ),
    "mmdeploy": DetectorDecoder(
        decode_mmdeploy,
        (ranked("dets", 3), ranked("labels", 2, INTEGERS)),
        LetterboxMode(padding=GRAY),
        overlapping=False,
    ),
    "torchvision": _TORCHVISION,
    # Keypoint R-CNN, whose boxes these are, where another model is the pose net.
    KEYPOINT_NET: _TORCHVISION,
}
