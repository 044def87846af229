"""Which sizes of input a TensorRT plan is built for: from the manifest's entry and the number of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pose3d_ros.engines.spec.entry import ManifestEntry, numeric_parameter
from pose3d_ros.errors import EngineError

Shape = tuple[int, ...]

_SMALLEST_SIDE_PX = 32
_DEFAULT_LONG_SIDE_PX = 640
_USUAL_PEOPLE = 4
_WHOLE_IMAGES = "torchvision"
"""The decoder whose detectors see the image at its own size unless the manifest names one."""


@dataclass(frozen=True)
class Profile:
    """Smallest, most usual and largest shape of one input; TensorRT takes no other, and is fastest at the usual one."""

    name: str
    smallest: Shape
    usual: Shape
    largest: Shape


def profile_of(entry: ManifestEntry, name: str, shape: Sequence[int], max_people: int) -> Profile:
    """The profile of an input whose dynamic axes are -1 in `shape`.

    Axis 0 is the batch: one image for a detector, else the people, twice as many for nets that see mirror images as
    well. Axis 1 of a lifter is its window of frames. The two last axes of four are an image's sides, up to the
    detector's long side. Raises EngineError for another dynamic axis.
    """
    people = 1 if "detector" in entry.roles else 2 * max_people if "pose" in entry.roles else max_people
    if entry.decoder == _WHOLE_IMAGES and entry.input_size_px is None and "long_side_px" not in entry.parameters:
        raise EngineError(
            f"engine {entry.name} on TensorRT",
            expected="input_size_px or long_side_px, since its images are as large as the camera's",
            got="neither",
            fix="Add one to the manifest, or run it on onnxruntime.",
        )
    sides = _sides_px(entry)
    smallest, usual, largest = list(shape), list(shape), list(shape)
    for axis, length in enumerate(shape):
        if length >= 0:
            continue
        if axis == 0:
            choice = (1, min(_USUAL_PEOPLE, people), people)
        elif axis == 1 and "lifter" in entry.roles:
            choice = (int(numeric_parameter(entry, "receptive_field")),) * 3
        elif len(shape) == 4 and axis >= 2:
            choice = sides[axis - 2]
        else:
            raise EngineError(
                f"input {name} of {entry.name}",
                expected="a batch in front and an image's sides behind as its only dynamic axes",
                got=str(tuple(shape)),
                fix="Export it with that axis fixed.",
            )
        smallest[axis], usual[axis], largest[axis] = choice
    return Profile(name, tuple(smallest), tuple(usual), tuple(largest))


def usual_sides_px(entry: ManifestEntry) -> tuple[int, int]:
    """Height and width of a 4:3 image in a detector of any size: its long side, filled up to a multiple of 32."""
    long = (
        -(-int(numeric_parameter(entry, "long_side_px", _DEFAULT_LONG_SIDE_PX)) // _SMALLEST_SIDE_PX)
        * _SMALLEST_SIDE_PX
    )
    return max(long * 3 // 4 // _SMALLEST_SIDE_PX, 1) * _SMALLEST_SIDE_PX, long


def _sides_px(entry: ManifestEntry) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Height and width: smallest, usual, largest. A camera's image is 4:3 or wider; a portrait is as long upwards."""
    if entry.input_size_px is not None:
        width, height = entry.input_size_px
        return (height,) * 3, (width,) * 3
    usual_height, long = usual_sides_px(entry)
    return (_SMALLEST_SIDE_PX, usual_height, long), (_SMALLEST_SIDE_PX, long, long)
