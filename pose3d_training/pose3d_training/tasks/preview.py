"""A contact sheet of training samples with their ground truth: what `pose3d synth preview` writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import ImageArray
from pose3d_training.nets.detector_net import STRIDE_PX
from pose3d_training.synthetic.compose import SceneComposer
from pose3d_training.tasks.contact_sheet import Section, contact_sheet
from pose3d_training.tasks.datasets import DetectionSamples, PoseSamples
from pose3d_training.tasks.image_tasks import composer
from pose3d_training.tasks.preview_tiles import DEPTH_SPAN_M, crop_tile, detection_tile, scene_tile, sprite_tile

KINDS = ("scenes", "crops", "detector", "sprites")
_COLUMNS = {"scenes": 3, "crops": 8, "detector": 4, "sprites": 10}
_ROWS = {"scenes": 4, "crops": 4, "detector": 3, "sprites": 4}
_CROP_PX, _DETECTOR_PX = 128, (320, 256)
"""As the default recipes have them."""


@dataclass(frozen=True)
class Preview:
    """What to show. kind: one of KINDS, or empty for all, with fewer samples of each."""

    kind: str
    seed: int = 0
    skeleton: str = "muco21"


def write_preview(bank: Path, backgrounds: Sequence[Path], output: Path, preview: Preview) -> None:
    """Compose samples as a training with that seed would, and write the sheet as PNG.

    Raises ConfigError for an unknown kind, InputError for a bank without shards or a file that can't be written.
    """
    if preview.kind not in ("", *KINDS):
        raise ConfigError("option --kind", expected=", ".join(KINDS), got=preview.kind, fix="Leave it out for all.")
    sheet = draw_preview(composer(bank, backgrounds), preview)
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix.lower() != ".png" or not cv2.imwrite(str(output), sheet):
        raise InputError(str(output), expected="a .png that can be written", got="none", fix="Choose another name.")


def draw_preview(scenes: SceneComposer, preview: Preview) -> ImageArray:
    """The sheet, (H, W, 3) uint8 BGR."""
    makers: dict[str, Callable[[SceneComposer, Skeleton, int, int], Section]] = {
        "scenes": _scenes,
        "crops": _crops,
        "detector": _detector,
        "sprites": _sprites,
    }
    kinds = (preview.kind,) if preview.kind else KINDS
    sections = []
    for kind in kinds:
        rows = _ROWS[kind] if preview.kind else (_ROWS[kind] + 1) // 2
        sections.append(makers[kind](scenes, get_skeleton(preview.skeleton), preview.seed, rows * _COLUMNS[kind]))
    return contact_sheet(sections)


def _scenes(scenes: SceneComposer, skeleton: Skeleton, seed: int, count: int) -> Section:
    rng = np.random.default_rng(seed)
    return Section(
        "Scenes",
        "People of the bank before one camera over a background. Boxes hold whole silhouettes, hidden parts included; "
        "distances are from the camera to the root.",
        _COLUMNS["scenes"],
        [scene_tile(scenes.draw(rng), skeleton) for _ in range(count)],
    )


def _crops(scenes: SceneComposer, skeleton: Skeleton, seed: int, count: int) -> Section:
    samples = PoseSamples(scenes, skeleton, _CROP_PX, seed)
    return Section(
        "Crops",
        f"As the pose net sees them, {_CROP_PX} x {_CROP_PX} px. Joints by depth: blue {DEPTH_SPAN_M} m before the "
        f"root, green beside it, red {DEPTH_SPAN_M} m behind it. Below: depth of the root, visible share.",
        _COLUMNS["crops"],
        [crop_tile(sample, skeleton) for sample in islice(samples, count)],
    )


def _detector(scenes: SceneComposer, skeleton: Skeleton, seed: int, count: int) -> Section:
    samples = DetectionSamples(scenes, *_DETECTOR_PX, STRIDE_PX, seed)
    return Section(
        "Detector",
        "Its images under the heat map of the centers, with the box of each center. Purple cells count "
        "neither as a person nor as none.",
        _COLUMNS["detector"],
        [detection_tile(sample) for sample in islice(samples, count)],
    )


def _sprites(scenes: SceneComposer, skeleton: Skeleton, seed: int, count: int) -> Section:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(scenes.bank), min(count, len(scenes.bank)), replace=False)
    return Section(
        "Sprites",
        "People of the bank, each alone, with the joints that the own body does not hide. Below: stature, distance.",
        _COLUMNS["sprites"],
        [sprite_tile(scenes.bank.sprite(int(i))) for i in chosen],
    )
