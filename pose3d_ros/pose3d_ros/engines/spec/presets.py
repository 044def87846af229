"""Manifest entries for networks that others publish: a preset knows what follows from how a network was exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pose3d_ros.engines.spec.detector_presets import DETECTOR_PRESETS
from pose3d_ros.engines.spec.entry import ManifestEntry, Parameter
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.engines.spec.pose_presets import POSE_PRESETS
from pose3d_ros.engines.spec.preset import Preset
from pose3d_ros.errors import EngineError

PRESETS: Mapping[str, Preset] = MappingProxyType({**DETECTOR_PRESETS, **POSE_PRESETS})
"""Name → preset, of every role."""


def preset_entry(
    preset: str,
    file: Path,
    *,
    name: str,
    license: str,
    training_data: str,
    roles: tuple[str, ...] | None = None,
    skeleton: str | None = None,
    input_size_px: tuple[int, int] | None = None,
    parameters: Mapping[str, Parameter] | None = None,
    accuracy: Mapping[str, float | str] | None = None,
) -> ManifestEntry:
    """The manifest entry of a file, for `write_manifest`. Of the file only the sha256 is taken.

    preset: a name of PRESETS. name, license, training_data, accuracy: as in ManifestEntry; they are the weights', no
    preset knows them. roles, skeleton, input_size_px: in place of the preset's. parameters: added to the preset's, or
    in place of those of the same key. Raises EngineError for an unknown preset and a file that can't be read.
    """
    found = get_preset(preset)
    return ManifestEntry(
        name=name,
        roles=found.roles if roles is None else roles,
        file=file,
        sha256=sha256_of(file),
        decoder=found.decoder,
        input_size_px=found.input_size_px if input_size_px is None else input_size_px,
        normalization=found.normalization,
        skeleton=found.skeleton if skeleton is None else skeleton,
        units=found.units,
        license=license,
        training_data=training_data,
        accuracy=dict(accuracy or {}),
        parameters={**found.parameters, **(parameters or {})},
    )


def get_preset(name: str) -> Preset:
    """The preset of that name. Raises EngineError, listing the known ones."""
    if name not in PRESETS:
        raise EngineError(
            "preset",
            expected="one of " + ", ".join(PRESETS),
            got=repr(name),
            fix="Name one of these, or write the manifest entry yourself; see engines/README.md.",
        )
    return PRESETS[name]
