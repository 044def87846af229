"""Which files MediaPipe's pose models are, which packages hold them, and the manifest entries that they become.

The models are BlazePose (Bazarevsky 2020) and BlazePose GHUM 3D (Grishchenko 2022), of Google, under Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization
from pose3d_ros.engines.spec.manifest import sha256_of

SIZES = ("full", "lite", "heavy")
"""Of the landmark model; `full` is the usual one."""
DETECTOR = "detector"
PIP_REQUIREMENT = "mediapipe==0.10.21"
"""The detector and `full`. From 0.10.30 on the wheels lack them."""
NPM_PACKAGE = "@mediapipe/pose@0.5.1675469404"
"""All sizes of the landmark model, and no detector that is read here."""
RELEASED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        DETECTOR: (
            "pose_detection.tflite",
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        ),
        "full": ("pose_landmark_full.tflite", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"),
        "heavy": ("pose_landmark_heavy.tflite", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"),
        "lite": ("pose_landmark_lite.tflite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"),
    }
)
"""Kind → file name in the packages, sha256. They are the same bytes for every processor."""
CONVERSION = 2
"""Number of the way in which the files become graphs; sets of another number are made anew."""

LICENSE = "Apache-2.0"
_TRAINING_DATA = "photographs of people gathered by Google, not released"
_SIGNED = Normalization(1 / 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), "rgb")
_UNSIGNED = Normalization(1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")


@dataclass(frozen=True)
class GraphSpec:
    """What a released model is here.

    file: name of its ONNX graph. image_px: side of its square input. outputs: name in the .tflite file → name and shape
    behind the batch of each output that is used.
    """

    file: str
    image_px: int
    outputs: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)


DETECTOR_SPEC = GraphSpec(
    "region_detector.onnx", 224, {"Identity": ("boxes", (2254, 12)), "Identity_1": ("logits", (2254, 1))}
)
LANDMARK_SPEC = GraphSpec(
    "landmarks.onnx",
    256,
    {
        "Identity": ("landmarks", (195,)),
        "Identity_1": ("person", (1,)),
        "Identity_4": ("world", (117,)),
        "Identity_3": ("heat", (39, 64, 64)),
    },
)
"""`Identity_2` is the person's mask, whose decoder is left out."""


def graph_spec(kind: str) -> GraphSpec:
    """The graph of a kind of RELEASED."""
    return DETECTOR_SPEC if kind == DETECTOR else LANDMARK_SPEC


def manifest_entry(kind: str, graph: Path, source_sha256: str, difference: float) -> ManifestEntry:
    """The entry of a converted model.

    source_sha256: of its .tflite file. difference: of the outputs, as shares of their ranges, by storing weights in
    float16.
    """
    is_detector, spec = kind == DETECTOR, graph_spec(kind)
    points, landmarks = "both points of 28 people by 5.5 px of 224", "landmarks of 24 people by 6 px of 256 and 67 mm"
    return ManifestEntry(
        name="mediapipe-pose-detection" if is_detector else f"mediapipe-pose-landmark-{kind}",
        roles=("region_detector",) if is_detector else ("pose",),
        file=graph,
        sha256=sha256_of(graph),
        decoder="mediapipe_detector" if is_detector else "mediapipe_landmarks",
        input_size_px=(spec.image_px, spec.image_px),
        normalization=_SIGNED if is_detector else _UNSIGNED,
        skeleton=None if is_detector else "mediapipe33",
        units="pixels of the input" if is_detector else "pixels of the input; metres",
        license=LICENSE,
        training_data=_TRAINING_DATA,
        accuracy={"difference_of_float16_weights": difference},
        parameters={
            "source_sha256": source_sha256,
            "conversion": CONVERSION,
            "int8_refused": f"static int8 moves {points if is_detector else landmarks} on average (photographs)",
        },
    )
