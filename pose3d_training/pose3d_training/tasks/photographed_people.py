"""People in photographs with annotated 2D joints: a COCO file, read for the net's own skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.evaluation.datasets.coco_json import CocoImage, Fields, entries, images_of, numbers, read_large_json
from pose3d_ros.reading.files import Origin, is_file
from pose3d_ros.reading.numbers import is_whole
from pose3d_ros.skeletons import DERIVED, SKELETONS, Skeleton, get_skeleton
from pose3d_ros.types import Array

MIN_JOINTS = 4
"""Of the net's skeleton must be marked; people with fewer are left out."""
_MIN_HEIGHT_PX, _MIN_WIDTH_PX = 25, 6
_MOST_PX = 1e6
_NAMES = frozenset(name for skeleton in SKELETONS.values() for name in skeleton.joints)
_ORDERS = (-1, 0, 1)


@dataclass(frozen=True, eq=False)
class PhotographedPerson:
    """One person. J: joints of the net's skeleton.

    image: the file; width_px, height_px: its size. box_xyxy_px (4,). joints_img_px (J, 2): pixels, NaN where it is not
    annotated. order (J, J) int8: 1 where the row's joint is nearer to the camera than the column's, -1 where it
    is farther, 0 where both are as near; ordered (J, J): where that is known.
    """

    image: Path
    width_px: int
    height_px: int
    box_xyxy_px: Array
    joints_img_px: Array
    order: npt.NDArray[np.int8]
    ordered: npt.NDArray[np.bool_]


def read_photographs(path: Path, skeleton: Skeleton) -> list[PhotographedPerson]:
    """The people of a COCO file who can be learned from.

    Joints are taken by name: `left_knee` of `categories` is `L_Knee`, pelvis and thorax are means of hips and shoulders
    where the file lacks them; a file without names has COCO's 17. A joint with visibility 0 is unknown, hidden ones (1)
    count. Left out are crowds (`iscrowd`), people with fewer than MIN_JOINTS joints, and boxes that are small or off
    the image. `depth_order` of an annotation, if it is there, lists [i, j, r] of keypoints i and j: r is 1 where i is
    nearer, -1 where j is, 0 for both alike. Raises InputError or ConfigError for a file that is no such one.
    """
    origin = Origin(ConfigError, f"photographs {path}", "Give a COCO keypoint file; see docs/learning.md.")
    content = read_large_json(path, origin)
    names = _joint_names(content, origin)
    people = [
        person
        for image in images_of(content, origin)
        for annotation in image.annotations
        if (person := _person(path, image, annotation, names, skeleton, origin)) is not None
    ]
    if not people:
        raise origin.error(f"people with at least {MIN_JOINTS} joints of {skeleton.name}", "none")
    return people


def _joint_names(content: Fields, origin: Origin) -> dict[int, tuple[str, ...]]:
    """Category → our names of its keypoints, COCO's where it has none."""
    coco = get_skeleton("coco17").joints
    if "categories" not in content:
        return {1: coco}
    found = {}
    for category in entries(content, "categories", origin):
        number, names = category.get("id"), category.get("keypoints", list(coco))
        if not is_whole(number):
            raise origin.error("an integer of at least 0", shown(number), ": categories, id")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise origin.error("names of keypoints", shown(names), ": categories, keypoints")
        found[number] = tuple(map(_joint_name, names))
    return found


def _joint_name(name: str) -> str:
    """Our name of a keypoint: left_knee is L_Knee; a name that we do not know stays as it is."""
    if name in _NAMES:
        return name
    side, _, part = name.lower().replace(" ", "_").partition("_")
    ours = f"{side[0].upper()}_{part.title()}" if side in ("left", "right") else name.lower().capitalize()
    return ours if ours in _NAMES else name


def _person(
    path: Path,
    image: CocoImage,
    fields: Fields,
    names: Mapping[int, tuple[str, ...]],
    skeleton: Skeleton,
    origin: Origin,
) -> PhotographedPerson | None:
    category = fields.get("category_id", 1)
    if not is_whole(category) or category not in names:
        raise origin.error(f"one of the categories {sorted(names)}", shown(category), ": category_id")
    if fields.get("iscrowd") or not fields.get("num_keypoints", 1):
        return None
    own = names[category]
    marked = numbers(fields, "keypoints", (len(own), 3), origin)
    x, y, width, height = numbers(fields, "bbox", (4,), origin)
    if np.abs(marked).max() > _MOST_PX or max(abs(x), abs(y), width, height) > _MOST_PX:
        raise origin.error(f"pixels up to {_MOST_PX:.0f}", "more", ": keypoints or bbox")
    joints = _joints(marked, own, skeleton)
    # COCO's boxes begin at 0 at the first pixel's edge, ours at -0.5.
    box = np.array([x, y, x + width, y + height]) - 0.5
    inside = np.clip(box, -0.5, np.array([image.width_px, image.height_px] * 2) - 0.5)
    known = int(np.isfinite(joints[:, 0]).sum())
    if known < MIN_JOINTS or inside[2] - inside[0] < _MIN_WIDTH_PX or inside[3] - inside[1] < _MIN_HEIGHT_PX:
        return None
    order, ordered = _orders(fields.get("depth_order", []), own, skeleton, origin)
    file = _image_file(path, image.file_name, origin)
    return PhotographedPerson(file, image.width_px, image.height_px, box, joints, order, ordered)


def _joints(marked: Array, own: Sequence[str], skeleton: Skeleton) -> Array:
    """Keypoints (K, 3) x, y, visibility → joints (J, 2) of the net's skeleton."""
    at = {name: xy for name, (*xy, visibility) in zip(own, marked, strict=True) if visibility > 0}
    joints = np.full((len(skeleton), 2), np.nan)
    for i, name in enumerate(skeleton.joints):
        parts = (name,) if name in own else DERIVED.get(name, ("",))
        if all(part in at for part in parts):
            joints[i] = np.mean([at[part] for part in parts], axis=0)
    return joints


def _orders(
    triples: object, own: Sequence[str], skeleton: Skeleton, origin: Origin
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    order = np.zeros((len(skeleton), len(skeleton)), np.int8)
    ordered = np.zeros(order.shape, np.bool_)
    for triple in triples if isinstance(triples, list) else [triples]:
        if not (isinstance(triple, list) and len(triple) == 3 and all(is_whole(n, least=-1) for n in triple)):
            raise origin.error("lists of two keypoints and 1, -1 or 0", shown(triple), ": depth_order")
        first, second, nearer = triple
        if not (0 <= first < len(own) and 0 <= second < len(own) and nearer in _ORDERS):
            raise origin.error(f"keypoints below {len(own)}, and 1, -1 or 0", shown(triple), ": depth_order")
        a, b = (skeleton.index_of.get(own[n]) for n in (first, second))
        if a is not None and b is not None and a != b:
            order[a, b], order[b, a] = nearer, -nearer
            ordered[a, b] = ordered[b, a] = True
    return order, ordered


def _image_file(path: Path, name: str, origin: Origin) -> Path:
    """The image beside the file, in images/ beside it, or in COCO's own folder: ../train2017 of ..._train2017.json."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise origin.error("a file_name inside the folder of images", shown(name), ": file_name")
    split, above = path.stem.rpartition("_")[2], path.parent.parent
    folders = (path.parent, path.parent / "images", above / split, above / "images" / split, above / "images")
    found = next((folder / name for folder in folders if is_file(folder / name)), None)
    if found is None:
        raise origin.error(f"the image in one of {', '.join(map(str, folders))}", f"no {shown(name)}", ": file_name")
    return found
