"""The COCO-style JSON in which 3DMPPE distributes datasets: `images`, `annotations`, and their checked numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError, shown
from pose3d_ros.reading.documents import fields_of, read_json
from pose3d_ros.reading.files import Origin, read_ends
from pose3d_ros.reading.numbers import is_number, is_whole
from pose3d_ros.types import Array

_MOST_BYTES = 4 << 30
_MOST_VALUES = 1_000_000_000
_SNIFFED_BYTES = 1 << 18
Fields = Mapping[str, object]


@dataclass(frozen=True, eq=False)
class CocoImage:
    """An entry of `images` with those of `annotations` that belong to it, in the file's order."""

    id: int
    file_name: str
    width_px: int
    height_px: int
    fields: Fields
    annotations: list[Fields] = field(default_factory=list)


def dataset_origin(path: Path, name: str) -> Origin:
    """The origin of a dataset's file, for its errors."""
    return Origin(InputError, f"{name} annotations {path}", "Use the file as the dataset distributes it.")


def read_large_json(path: Path, origin: Origin) -> Mapping[str, object]:
    """The mapping that a dataset's JSON file holds, of up to 4 GiB. Raises InputError."""
    return fields_of(read_json(path, origin, most_bytes=_MOST_BYTES, most_values=_MOST_VALUES), origin)


def read_coco(path: Path, origin: Origin) -> list[CocoImage]:
    """The images of a file by id, each with its annotations. Raises InputError."""
    return images_of(read_large_json(path, origin), origin)


def images_of(content: Fields, origin: Origin) -> list[CocoImage]:
    """The same of a file's content."""
    images = {image.id: image for image in (_image(entry, origin) for entry in entries(content, "images", origin))}
    for annotation in entries(content, "annotations", origin):
        image = images.get(_whole(annotation, "image_id", origin))
        if image is None:
            raise origin.error("annotations of images of this file", shown(annotation["image_id"]), ": image_id")
        image.annotations.append(annotation)
    return [images[key] for key in sorted(images)]


def holds_keys(path: Path, *keys: str) -> bool:
    """Whether the beginning or the end of a JSON file holds all of these keys."""
    if path.suffix.lower() != ".json":
        return False
    ends = read_ends(path, dataset_origin(path, "dataset"), _SNIFFED_BYTES)
    return all(f'"{key}"'.encode() in ends for key in keys)


def entries(content: Fields, key: str, origin: Origin) -> list[Fields]:
    """The list of mappings of a key. Raises InputError."""
    found = content.get(key)
    if not isinstance(found, list):
        raise origin.error("a list", type(found).__name__, f": {key}")
    return [fields_of(entry, origin, f": {key}") for entry in found]


def numbers(fields: Fields, key: str, shape: Sequence[int], origin: Origin) -> Array:
    """The numbers of a key as an array of that shape, of which one may be -1. Raises InputError."""
    try:
        array = np.asarray(fields.get(key), dtype=np.float64).reshape(tuple(shape))
    except (TypeError, ValueError):
        array = np.empty(0)
    if not array.size or not np.isfinite(array).all():
        expected = f"{' x '.join('any' if n < 0 else str(n) for n in shape)} finite numbers"
        raise origin.error(expected, shown(fields.get(key)), f": {key}")
    return array


def _image(entry: Fields, origin: Origin) -> CocoImage:
    name = entry.get("file_name")
    if not isinstance(name, str) or not name:
        raise origin.error("the name of an image", shown(name), ": file_name")
    sizes = [_whole(entry, key, origin) for key in ("width", "height")]
    return CocoImage(_whole(entry, "id", origin), name, sizes[0], sizes[1], entry)


def _whole(fields: Fields, key: str, origin: Origin) -> int:
    value = fields.get(key)
    if is_number(value) and float(value).is_integer() and is_whole(int(value)):
        return int(value)
    raise origin.error("an integer of at least 0", shown(value), f": {key}")
