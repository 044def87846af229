"""What a stage needs of a manifest entry, checked once when the stage is made."""

from __future__ import annotations

from collections.abc import Iterable

from pose3d_ros.engines.spec.manifest import ManifestEntry, Normalization
from pose3d_ros.errors import EngineError, shown
from pose3d_ros.reading.numbers import is_number, is_whole
from pose3d_ros.skeletons import Skeleton, get_skeleton

LANDMARK_NET = "mediapipe_landmarks"
"""Decoder of a pose net whose people are found and followed by their landmarks: see `stages.landmark_poses`."""
KEYPOINT_NET = "torchvision_keypoints"
"""Decoder of a net that finds people and their 2D joints in the whole image: see `stages.one_stage_poses`."""
_FIX = "Correct the manifest."


def check_decoder(entry: ManifestEntry, known: Iterable[str]) -> str:
    """The entry's decoder. Raises EngineError, listing the known ones, for another."""
    names = tuple(known)
    if entry.decoder not in names:
        raise EngineError(
            f"decoder of {entry.name}",
            expected="one of " + ", ".join(names),
            got=shown(entry.decoder),
            fix="Name one of these in the manifest.",
        )
    return entry.decoder


def normalization_of(entry: ManifestEntry) -> Normalization:
    """Raises EngineError for an entry without one."""
    if entry.normalization is None:
        raise EngineError(f"normalization of {entry.name}", expected="scale, mean, std, order", got="none", fix=_FIX)
    return entry.normalization


def crop_size_px(entry: ManifestEntry, *, square: bool) -> tuple[int, int]:
    """Width and height of the crops the net reads. square: whether only a square will do.

    Raises EngineError for an entry without such a size.
    """
    size = entry.input_size_px
    if size is None or (square and size[0] != size[1]):
        wanted = "a square size" if square else "the size of the crops"
        raise EngineError(f"input_size_px of {entry.name}", expected=wanted, got=str(size), fix=_FIX)
    return size


def skeleton_of(entry: ManifestEntry) -> Skeleton:
    """Raises EngineError for an entry without a skeleton, SkeletonError for an unknown one."""
    if entry.skeleton is None:
        raise EngineError(f"skeleton of {entry.name}", expected="a skeleton's name", got="none", fix=_FIX)
    return get_skeleton(entry.skeleton)


def integer_parameter(entry: ManifestEntry, key: str, default: int, *, least: int = 1) -> int:
    """A parameter that is an integer, `least` or above. Raises EngineError for another value."""
    value = entry.parameters.get(key, default)
    if not is_whole(value, least):
        raise wrong_parameter(entry, key, f"an integer, {least} or above", value)
    return value


def real_parameter(entry: ManifestEntry, key: str, default: float) -> float:
    """A parameter that is a number above 0. Raises EngineError for another value."""
    value = entry.parameters.get(key, default)
    if not is_number(value) or not value > 0:
        raise wrong_parameter(entry, key, "a number above 0", value)
    return float(value)


def choice_parameter(entry: ManifestEntry, key: str, choices: tuple[str, ...], default: str) -> str:
    """A parameter that is one of some words. Raises EngineError for another value."""
    value = entry.parameters.get(key, default)
    if value not in choices:
        raise wrong_parameter(entry, key, "one of " + ", ".join(choices), value)
    return str(value)


def joints_parameter(entry: ManifestEntry) -> tuple[int, ...] | None:
    """The parameter `joints`: how many of the net's first joints to take, or which of them; None for all.

    Raises EngineError for another value.
    """
    value = entry.parameters.get("joints")
    if value is None:
        return None
    if not isinstance(value, list):
        return tuple(range(integer_parameter(entry, "joints", 1)))
    indices = [int(i) for i in value if is_number(i) and i >= 0]
    if not indices or indices != value:
        raise wrong_parameter(entry, "joints", "a count, or a list of indices", value)
    return tuple(indices)


def names_parameter(entry: ManifestEntry, key: str, count: int) -> tuple[str, ...] | None:
    """A parameter that is a list of that many names, None where it is absent. Raises EngineError for another value."""
    value = entry.parameters.get(key)
    if value is None:
        return None
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
    if len(names) != count or names != value:
        raise wrong_parameter(entry, key, f"a list of {count} names", value)
    return tuple(names)


def wrong_parameter(entry: ManifestEntry, key: str, expected: str, got: object) -> EngineError:
    """For a parameter that can't be used."""
    return EngineError(f"parameter {key} of {entry.name}", expected=expected, got=shown(got), fix=_FIX)
