"""Which inputs and outputs of an engine play the roles that a detector's decoder knows; checked once.

An image input is found by its shape, outputs by their documented names or else by their order, kind and axes. Where
that is not enough, the manifest's parameters `image_input` (a name) and `outputs` (names in the documented order) say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose3d_ros.engines.base import Engine, TensorSpec, listed
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.engines.tensors import Feed, on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.stages.decoding import RawOutputs
from pose3d_ros.stages.detect.box_decoding import DetectorDecoder, OutputRole

_IMAGE_DTYPES = ("float32", "float16")
_SIZE_DTYPES = ("int64", "int32")
_WHOLE_DTYPES = ("int64", "int32", "uint8", "int8", "uint16", "int16")
_FIX = "Name the decoder of this export in the manifest; see docs/models.md."


@dataclass(frozen=True)
class DetectorRoles:
    """image, size: the inputs. outputs: role of the decoder → name in the graph."""

    image: TensorSpec
    size: TensorSpec | None
    outputs: Mapping[str, str]

    def feeds(self, image: Feed, letterbox: Letterbox) -> dict[str, Feed]:
        """What the engine is given for an image. image: (1, 3, H, W) float32, see `FrameImage.letterboxed`."""
        found: dict[str, Feed] = {self.image.name: image}
        if self.image.dtype != "float32" or len(self.image.shape) != 4:
            # Half-precision images and those without a batch axis are converted in the host's memory: few graphs ask.
            host = on_host(image) if len(self.image.shape) == 4 else on_host(image)[0]
            found[self.image.name] = host.astype(self.image.dtype, copy=False)
        if self.size is not None:
            size = [[letterbox.width_px, letterbox.height_px]]
            found[self.size.name] = np.array(size, dtype=self.size.dtype)
        return found

    def by_role(self, results: RawOutputs) -> RawOutputs:
        """The engine's answer under the names that the decoder knows."""
        return {role: results[name] for role, name in self.outputs.items()}


def detector_roles(engine: Engine, entry: ManifestEntry, decoder: DetectorDecoder) -> DetectorRoles:
    """The roles in an engine.

    Raises EngineError for an engine without a fitting image input or outputs, with an input that the decoder can't
    fill, or made for another size than the entry's.
    """
    image = _image_input(engine, entry, decoder)
    others = [spec for spec in engine.inputs if spec.name != image.name]
    size = _size_input(others) if decoder.size_input else None
    if decoder.size_input != (size is not None) or any(spec is not size for spec in others):
        wanted = " and a size, int64 (1, 2)" if decoder.size_input else ""
        raise _misfit("inputs", engine, entry, f"an image{wanted}, and nothing else", listed(engine.inputs))
    _check_image(image, engine, entry)
    return DetectorRoles(image, size, _output_names(engine, entry, decoder.outputs))


def _image_input(engine: Engine, entry: ManifestEntry, decoder: DetectorDecoder) -> TensorSpec:
    name = entry.parameters.get("image_input")
    axes = " or ".join(str(rank) for rank in decoder.image_ranks)
    if name is None:
        found = [spec for spec in engine.inputs if len(spec.shape) in decoder.image_ranks]
        expected = f"one image input, of {axes} axes (the parameter image_input names one of several)"
    else:
        named = [spec for spec in engine.inputs if spec.name == name]
        found = [spec for spec in named if len(spec.shape) in decoder.image_ranks]
        expected = f"an input {name} of {axes} axes, as the parameter image_input says"
    if len(found) != 1:
        raise _misfit("inputs", engine, entry, expected, listed(engine.inputs))
    return found[0]


def _size_input(others: list[TensorSpec]) -> TensorSpec | None:
    """The first (batch, 2) of whole numbers."""
    for spec in others:
        tail = spec.shape[1:]
        if spec.dtype in _SIZE_DTYPES and len(tail) == 1 and (tail[0] == 2 or isinstance(tail[0], str)):
            return spec
    return None


def _check_image(image: TensorSpec, engine: Engine, entry: ManifestEntry) -> None:
    *batch, channels, height, width = image.shape
    fixed = [axis for axis in batch if isinstance(axis, int) and axis != 1]
    if image.dtype not in _IMAGE_DTYPES or fixed or (isinstance(channels, int) and channels != 3):
        raise _misfit("image input", engine, entry, "float32 (1 or any, 3, height, width)", str(image))
    size = entry.input_size_px
    wanted = (None, None) if size is None else size
    # An axis of fixed length takes this length only; a named one takes every length.
    if any(isinstance(axis, int) and axis != side for axis, side in zip((width, height), wanted, strict=True)):
        raise EngineError(
            f"input_size_px of {entry.name}",
            expected=f"[{width}, {height}], the size of {image} in {engine.name}",
            got="none" if size is None else str(list(size)),
            fix="Correct the manifest, or export the network for another size.",
        )


def _output_names(engine: Engine, entry: ManifestEntry, roles: tuple[OutputRole, ...]) -> dict[str, str]:
    names = [spec.name for spec in engine.outputs]
    given = entry.parameters.get("outputs")
    if given is None and all(role.name in names for role in roles):
        return {role.name: role.name for role in roles}
    found = _by_kind(engine.outputs, roles) if given is None else given
    if not isinstance(found, list) or len(found) != len(roles) or any(name not in names for name in found):
        expected = ", ".join(f"{role.name} of {role.rank} axes" for role in roles)
        if given is not None:
            expected = f"the names of {expected} in the parameter outputs, not {given!r}"
        raise _misfit("outputs", engine, entry, expected, listed(engine.outputs))
    return {role.name: str(name) for role, name in zip(roles, found, strict=True)}


def _by_kind(outputs: tuple[TensorSpec, ...], roles: tuple[OutputRole, ...]) -> list[str]:
    """For each role the first output of its kind that no role before has; those without one are left out."""
    left, found = list(outputs), []
    for role in roles:
        fitting = (s for s in left if len(s.shape) == role.rank and (s.dtype in _WHOLE_DTYPES) == role.whole)
        if (spec := next(fitting, None)) is not None:
            left.remove(spec)
            found.append(spec.name)
    return found


def _misfit(what: str, engine: Engine, entry: ManifestEntry, expected: str, got: str) -> EngineError:
    subject = f"{what} of {engine.name} for the decoder {entry.decoder}"
    return EngineError(subject, expected=expected, got=got, fix=_FIX)
