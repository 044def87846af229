"""A contact sheet of training samples with their ground truth: what `pose3d synth preview` writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.drawing.colors import Bgr, person_bgr
from pose3d_ros.drawing.overlay import as_image, draw_people
from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import Array, ImageArray
from pose3d_training.nets.detector_net import STRIDE_PX
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.compose import Scene, SceneComposer
from pose3d_training.synthetic.sprite_bank import Sprite
from pose3d_training.tasks.contact_sheet import Section, Tile, contact_sheet
from pose3d_training.tasks.datasets import DetectionSample, DetectionSamples, PoseSample, PoseSamples
from pose3d_training.tasks.image_tasks import composer

KINDS = ("scenes", "crops", "detector", "sprites")
_COLUMNS = {"scenes": 3, "crops": 8, "detector": 4, "sprites": 10}
_ROWS = {"scenes": 4, "crops": 4, "detector": 3, "sprites": 4}
_CROP_PX, _DETECTOR_PX = 128, (320, 256)
"""As the default recipes have them."""
DEPTH_SPAN_M = 0.6
"""Joints so far behind or before the root have the ends of the colors."""
_DARK: Bgr = (24, 18, 14)
_PALE: Bgr = (235, 235, 235)
_HEAT: Bgr = (40, 120, 255)
_IGNORED: Bgr = (160, 60, 160)
_SHIFT = 4
_SCENE_HEIGHT_PX, _CROP_TILE_PX, _SPRITE_PX = 600, 384, 360
_CHECKS_PX = 12
_EXPLANATIONS = {
    "scenes": "People of the bank before one camera over a background. Boxes hold whole silhouettes, hidden parts "
    "included; distances are from the camera to the root.",
    "crops": f"As the pose net sees them, {_CROP_PX} x {_CROP_PX} px. Joints by depth: blue {DEPTH_SPAN_M} m before "
    f"the root, green beside it, red {DEPTH_SPAN_M} m behind it. Below: depth of the root, visible share.",
    "detector": "Its images under the heat map of the centers, with the box of each center. Purple cells count neither "
    "as a person nor as none.",
    "sprites": "People of the bank, each alone, with the joints that the own body does not hide. Below: stature, "
    "distance.",
}


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
    sections = []
    for kind in (preview.kind,) if preview.kind else KINDS:
        rows = _ROWS[kind] if preview.kind else (_ROWS[kind] + 1) // 2
        tiles = _tiles(kind, scenes, get_skeleton(preview.skeleton), preview.seed)
        made = list(islice(tiles, rows * _COLUMNS[kind]))
        sections.append(Section(kind.capitalize(), _EXPLANATIONS[kind], _COLUMNS[kind], made))
    return contact_sheet(sections)


def _tiles(kind: str, scenes: SceneComposer, skeleton: Skeleton, seed: int) -> Iterator[Tile]:
    """Tiles of that kind: endless ones, or each sprite once."""
    rng = np.random.default_rng(seed)
    if kind == "scenes":
        return (scene_tile(scenes.draw(rng), skeleton) for _ in count())
    if kind == "crops":
        return (crop_tile(sample, skeleton) for sample in PoseSamples(scenes, skeleton, _CROP_PX, seed))
    if kind == "detector":
        return map(detection_tile, DetectionSamples(scenes, *_DETECTOR_PX, STRIDE_PX, seed))
    return (sprite_tile(scenes.bank.sprite(int(i))) for i in rng.permutation(len(scenes.bank)))


def scene_tile(scene: Scene, skeleton: Skeleton) -> Tile:
    """People with their boxes, skeletons and distances."""
    zoom = max(1.0, _SCENE_HEIGHT_PX / scene.image_bgr.shape[0])
    size = (round(scene.image_bgr.shape[1] * zoom), round(scene.image_bgr.shape[0] * zoom))
    image = as_image(cv2.resize(scene.image_bgr, size, interpolation=cv2.INTER_CUBIC))
    for i, box in enumerate(zoom * (scene.boxes_xyxy_px + 0.5) - 0.5):
        _box(image, box, person_bgr(i + 1), 2)
    drawn = draw_people(image, [_person(scene, i, skeleton, zoom) for i in range(len(scene.boxes_xyxy_px))])
    shown = ", ".join(f"{share:.0%}" for share in scene.visible)
    height, width = scene.image_bgr.shape[:2]
    return Tile(drawn, f"{width} x {height}, visible {shown}" if shown else f"{width} x {height}, no people")


def _person(scene: Scene, i: int, skeleton: Skeleton, zoom: float) -> Person:
    joints_cam_m = scene.joints_cam_m[i, [SYNTH_JOINTS.index(name) for name in skeleton.joints]]
    joints_img_px = zoom * (scene.camera.project(joints_cam_m) + 0.5) - 0.5
    detection = Detection(zoom * (scene.boxes_xyxy_px[i] + 0.5) - 0.5, 1.0)
    scores = np.ones(len(skeleton))
    pose = Pose(joints_cam_m[skeleton.root], joints_cam_m, joints_img_px, scores, skeleton, detection, 0.0)
    return Person(i + 1, TrackState.TRACKED, pose, np.zeros(3), 1.0)


def crop_tile(sample: PoseSample, skeleton: Skeleton) -> Tile:
    """What the pose net sees, with joints colored by their depth; those outside the crop or image are left out."""
    zoom = _CROP_TILE_PX / sample.image.shape[0]
    image = as_image(cv2.resize(sample.image, (_CROP_TILE_PX, _CROP_TILE_PX), interpolation=cv2.INTER_CUBIC))
    joints = zoom * (sample.joints_crop_px + 0.5) - 0.5
    colors = depth_colors(sample.relative_depth_m)
    inside = sample.inside > 0
    edges = [edge for edge in skeleton.edges if inside[list(edge)].all()]
    for a, b in edges:
        cv2.line(image, _fixed(joints[a]), _fixed(joints[b]), _DARK, 5, cv2.LINE_AA, _SHIFT)
    for a, b in edges:
        cv2.line(image, _fixed(joints[a]), _fixed(joints[b]), _PALE, 2, cv2.LINE_AA, _SHIFT)
    for joint, color in zip(joints[inside], colors[inside], strict=True):
        _dot(image, joint, tuple(int(v) for v in color))
    return Tile(image, f"{sample.root_depth_m:.2f} m, visible {sample.seen:.0%}")


def depth_colors(relative_depth_m: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Colors (J, 3) BGR of depths (J,) relative to the root: blue is nearer to the camera, red is farther."""
    level = np.clip((relative_depth_m / DEPTH_SPAN_M + 1) / 2, 0, 1)
    # The ends of the color map are too dark to differ from an outline.
    levels = np.rint(255 * (0.08 + 0.84 * level)).astype(np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[:, 0], np.uint8)


def detection_tile(sample: DetectionSample) -> Tile:
    """The detector's image under its heat map, with the box of each center; purple: not counted."""
    height, width = sample.image.shape[:2]
    zoom = _SCENE_HEIGHT_PX / height
    size = (round(width * zoom), round(height * zoom))
    image = cv2.resize(sample.image, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    heat = cv2.resize(sample.heat[0], size, interpolation=cv2.INTER_LINEAR)[..., None]
    ignored = cv2.resize(1 - sample.heat_weight[0], size, interpolation=cv2.INTER_NEAREST)[..., None]
    image += 0.75 * heat * (np.array(_HEAT, np.float32) - image)
    image += 0.5 * ignored * (np.array(_IGNORED, np.float32) - image)
    drawn = as_image(np.clip(image, 0, 255))
    stride = height / sample.heat.shape[1]
    centers = np.argwhere(sample.heat[0] >= 1)
    for row, column in centers:
        x, y = column * stride + (stride - 1) / 2, row * stride + (stride - 1) / 2
        box = np.array([x, y, x, y]) + sample.ltrb_px[:, row, column] * [-1, -1, 1, 1]
        _box(drawn, zoom * (box + 0.5) - 0.5, _PALE, 2)
    return Tile(drawn, f"{width} x {height}, people {len(centers)}")


def sprite_tile(sprite: Sprite) -> Tile:
    """A person alone over a checkerboard, with the joints that the own body does not hide."""
    height, width = sprite.rgba.shape[:2]
    zoom = _SPRITE_PX / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    rgba = cv2.resize(sprite.rgba, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    canvas = _checkerboard(_SPRITE_PX, _SPRITE_PX)
    x0, y0 = (_SPRITE_PX - size[0]) // 2, (_SPRITE_PX - size[1]) // 2
    region = canvas[y0 : y0 + size[1], x0 : x0 + size[0]]
    alpha = rgba[..., 3:].astype(np.float32) / 255
    region[:] = (region + alpha * (rgba[..., 2::-1].astype(np.float32) - region)).astype(np.uint8)
    joints = _projected(sprite)[sprite.joint_self_visible] - [sprite.x0_px, sprite.y0_px]
    for joint in zoom * (joints + 0.5) - 0.5 + [x0, y0]:
        _dot(canvas, joint, _PALE, radius_px=2.5)
    away_m = float(np.linalg.norm(sprite.joints_cam_m[SYNTH_JOINTS.index("Pelvis")]))
    return Tile(canvas, f"{sprite.height_m:.2f} m, at {away_m:.1f} m")


def _projected(sprite: Sprite) -> Array:
    joints = sprite.joints_cam_m.astype(np.float64)
    normalized = joints[:, :2] / joints[:, 2:]
    return np.asarray(normalized * sprite.K[[0, 1], [0, 1]] + sprite.K[:2, 2])


def _checkerboard(width_px: int, height_px: int) -> ImageArray:
    y, x = np.mgrid[:height_px, :width_px] // _CHECKS_PX
    return np.where(((x + y) % 2)[..., None] > 0, np.uint8(150), np.uint8(120)).repeat(3, axis=-1)


def _box(image: ImageArray, box_xyxy_px: Array, color: Bgr, thickness: int) -> None:
    first, second = _fixed(box_xyxy_px[:2]), _fixed(box_xyxy_px[2:])
    cv2.rectangle(image, first, second, _DARK, thickness + 2, cv2.LINE_AA, _SHIFT)
    cv2.rectangle(image, first, second, color, thickness, cv2.LINE_AA, _SHIFT)


def _dot(image: ImageArray, center_px: Array, color: tuple[int, ...], radius_px: float = 6.0) -> None:
    for radius, ink in ((radius_px + 1.5, _DARK), (radius_px, color)):
        cv2.circle(image, _fixed(center_px), round(radius * 2**_SHIFT), ink, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fixed(point_px: Array) -> tuple[int, int]:
    return round(float(point_px[0]) * 2**_SHIFT), round(float(point_px[1]) * 2**_SHIFT)
