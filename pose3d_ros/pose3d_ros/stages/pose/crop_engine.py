"""An engine that reads crops: which of its inputs and outputs are which, one run for all people, or one for each.

The image input is `image`, or the only one of four axes, and outputs have their documented names. Where that is not so,
the manifest's parameters `image_input` (a name) and `outputs` (names in the documented order) say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.engines.base import Engine, TensorSpec, listed
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.engines.spec.manifest import ManifestEntry, Normalization
from pose3d_ros.engines.tensors import Feed, on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import CropPlaces
from pose3d_ros.stages.decoding import RawOutputs
from pose3d_ros.stages.entry_checks import names_parameter, normalization_of
from pose3d_ros.types import Array

_FLOATS = ("float32", "float16")
_FIX = "Correct the manifest, or export the network anew; see docs/models.md."
_IDENTITY = (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True, eq=False)
class CropEngine:
    """image: the input of the crops, float (N, 3, H, W) or uint8 (N, H, W, 3). k_input: that of Moon's k, if any.

    renamed: documented name → name in the graph, for the outputs that have another.
    """

    engine: Engine
    normalization: Normalization
    image: TensorSpec
    k_input: str | None
    renamed: dict[str, str]

    def infer(self, image: FrameImage, places: CropPlaces, k: Array, *, mirrored: bool = False) -> RawOutputs:
        """The outputs under their documented names, for N crops, or for them and their mirror images: 2N.

        k: (N,), in the graph's unit. One run, or one for each crop where the graph takes no more. Raises EngineError
        when the engine fails.
        """
        feeds: dict[str, Feed] = {self.image.name: self._crops(image, places, mirrored)}
        if self.k_input is not None:
            feeds[self.k_input] = np.concatenate([k, k] if mirrored else [k]).astype(np.float32)
        count = len(places) * (1 + mirrored)
        alone = self.image.shape[0] == 1 and count > 1
        raw = self._one_by_one(feeds, count) if alone else self.engine.infer(feeds)
        return {**raw, **{name: raw[given] for name, given in self.renamed.items()}}

    def _crops(self, image: FrameImage, places: CropPlaces, mirrored: bool) -> Feed:
        at, size_px = places.img2crop, places.size_px
        if self.image.dtype not in _FLOATS:
            rgb = self.normalization.channel_order == "rgb"
            return image.raw_crops(at, size_px, rgb=rgb, mirrored=mirrored)
        crops = image.crops(at, size_px, self.normalization, mirrored=mirrored)
        return crops if self.image.dtype == "float32" else on_host(crops).astype(self.image.dtype)

    def _one_by_one(self, feeds: dict[str, Feed], count: int) -> RawOutputs:
        arrays = {name: on_host(feed) for name, feed in feeds.items()}
        runs = [self.engine.infer({name: array[i : i + 1] for name, array in arrays.items()}) for i in range(count)]
        return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def crop_engine(engine: Engine, entry: ManifestEntry, outputs: tuple[str, ...], k_input: str | None) -> CropEngine:
    """An engine bound to an entry.

    outputs: documented names, of the decoder. Raises EngineError for an engine without a fitting image input or with an
    output that the entry names and it lacks, and for an entry of another size than the engine's.
    """
    normalization = normalization_of(entry)
    image = _image_input(engine, entry, normalization)
    given = names_parameter(entry, "outputs", len(outputs)) or outputs
    if given != outputs and not set(given) <= {spec.name for spec in engine.outputs}:
        raise _misfit("parameter outputs", engine, entry, ", ".join(given), listed(engine.outputs))
    renamed = {name: other for name, other in zip(outputs, given, strict=True) if name != other}
    return CropEngine(engine, normalization, image, k_input, renamed)


def _image_input(engine: Engine, entry: ManifestEntry, normalization: Normalization) -> TensorSpec:
    wanted = entry.parameters.get("image_input", "image")
    named = [spec for spec in engine.inputs if spec.name == wanted]
    found = named or [spec for spec in engine.inputs if len(spec.shape) == 4 and "image_input" not in entry.parameters]
    if len(found) != 1 or len(found[0].shape) != 4:
        raise _misfit("inputs", engine, entry, f"an image input {wanted} of four axes", listed(engine.inputs))
    _check_image(found[0], engine, entry, normalization)
    return found[0]


def _check_image(image: TensorSpec, engine: Engine, entry: ManifestEntry, normalization: Normalization) -> None:
    whole = image.dtype == "uint8"
    height, width, channels = image.shape[1:] if whole else (*image.shape[2:], image.shape[1])
    if not (whole or image.dtype in _FLOATS) or not _takes(image.shape[0], 1) or not _takes(channels, 3):
        expected = "float (1 or any, 3, height, width) or uint8 (1 or any, height, width, 3)"
        raise _misfit("image input", engine, entry, expected, str(image))
    if whole and (normalization.scale, normalization.mean, normalization.std) != _IDENTITY:
        raise _misfit("normalization", engine, entry, "scale 1, mean 0 and std 1 for uint8", str(normalization))
    size = entry.input_size_px or (0, 0)
    if not (_takes(width, size[0]) and _takes(height, size[1])):
        raise _misfit("input_size_px", engine, entry, f"[{width}, {height}], the size of {image}", str(list(size)))


def _takes(axis: int | str, length: int) -> bool:
    """Whether an axis, of fixed length or named, can have that length."""
    return isinstance(axis, str) or axis == length


def _misfit(what: str, engine: Engine, entry: ManifestEntry, expected: str, got: str) -> EngineError:
    subject = f"{what} of {entry.name} ({engine.name}, decoder {entry.decoder})"
    return EngineError(subject, expected=expected, got=got, fix=_FIX)
