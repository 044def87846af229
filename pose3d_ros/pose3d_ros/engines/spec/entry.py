"""What a manifest says about one engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError
from pose3d_ros.types import ImageArray

ROLES = ("detector", "root", "pose", "smoother", "lifter")
"""A `lifter` makes 3D joints of a person's 2D joints, for pose engines that say no more than where joints are seen."""
IMAGE_ROLES = frozenset({"detector", "root", "pose"})

Parameter = float | int | str | list[float] | list[int] | list[str]


@dataclass(frozen=True)
class Normalization:
    """How pixels become a network's input: (pixel * scale - mean) / std, a channel at a time.

    channel_order: `rgb` or `bgr`, the order of the network's channels and of mean and std. The official 3DMPPE
    networks have scale 1 with the ImageNet mean and std: their pixels are not divided by 255.
    """

    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channel_order: str

    def apply(self, images_bgr: ImageArray, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """The network's input. images_bgr: (N, H, W, 3) uint8. Returns (N, 3, H, W) float32: `out`, or a new array."""
        images = np.empty((len(images_bgr), 3, *images_bgr.shape[1:3]), dtype=np.float32) if out is None else out
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            source = channel if self.channel_order == "bgr" else 2 - channel
            np.multiply(images_bgr[..., source], np.float32(self.scale / std), out=images[:, channel])
            images[:, channel] -= np.float32(mean / std)
        return images


@dataclass(frozen=True, eq=False)
class ManifestEntry:
    """One engine.

    roles: what it does, of `ROLES`. file: its path. sha256: of the file, 64 hex digits. decoder: the name of what its
    inputs and outputs mean, known to the stage. input_size_px: (width, height) of its image, None for one of any size
    or without an image. normalization: None without an image. skeleton: name of its joints' order, None without
    joints. accuracy: what was measured. parameters: what its decoder needs besides.
    """

    name: str
    roles: tuple[str, ...]
    file: Path
    sha256: str
    decoder: str
    input_size_px: tuple[int, int] | None
    normalization: Normalization | None
    skeleton: str | None
    units: str
    license: str
    training_data: str
    accuracy: Mapping[str, float | str] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def number(self, parameter: str, default: float | None = None) -> float:
        """A numeric parameter. Raises EngineError when it is absent without a default, or no number."""
        value = self.parameters.get(parameter, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise EngineError(
                f"parameter {parameter} of engine {self.name}",
                expected=f"a number, which its decoder {self.decoder} needs",
                got="nothing" if value is None else repr(value),
                fix="Add it to the engine's parameters in the manifest.",
            )
        return float(value)
