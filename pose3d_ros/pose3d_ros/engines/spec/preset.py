"""What a preset is: the fields of a manifest entry that follow from how a network was exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pose3d_ros.engines.spec.entry import Normalization, Parameter

_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

BGR_255 = Normalization(1.0, _ZERO, _ONE, "bgr")
"""Pixels as OpenCV reads them, 0–255."""
RGB_1 = Normalization(1 / 255, _ZERO, _ONE, "rgb")
"""Pixels in 0–1."""


@dataclass(frozen=True, eq=False)
class Preset:
    """A kind of network, of any role.

    roles, decoder, input_size_px, normalization, units, skeleton, parameters: as in ManifestEntry, and what it is
    given unless said otherwise. source: where the convention is written down.
    """

    roles: tuple[str, ...]
    decoder: str
    input_size_px: tuple[int, int] | None
    normalization: Normalization | None
    units: str
    source: str
    skeleton: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
