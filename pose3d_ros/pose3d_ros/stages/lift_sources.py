"""Which 2D pose models can feed a lifter, asked before it is put into a folder."""

from __future__ import annotations

from collections.abc import Mapping

from pose3d_ros.engines.spec.manifest import Manifest, ManifestEntry
from pose3d_ros.engines.spec.presets import POSE_PRESETS
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton
from pose3d_ros.stages.lift.joint_mapping import JointMap, read_skeleton
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.root_localization import gives_pixels


def preset_sources() -> Mapping[str, Skeleton]:
    """Preset → skeleton, of the pose presets whose joints are in the image alone, so that a lifter reads them."""
    pixels = {
        name: preset.skeleton
        for name, preset in POSE_PRESETS.items()
        if preset.decoder in POSE_DECODERS and POSE_DECODERS[preset.decoder].gives == "pixels"
    }
    return {name: SKELETONS[skeleton] for name, skeleton in pixels.items() if skeleton is not None}


def feeding_presets(entry: ManifestEntry) -> tuple[str, ...]:
    """The pose presets that give a lifter all joints that it reads. Raises EngineError for an unknown skeleton."""
    wanted = read_skeleton(entry)
    return tuple(name for name, given in preset_sources().items() if not JointMap.in_image(given, wanted).missing)


def check_sources(entry: ManifestEntry, folder: Manifest | None) -> None:
    """Raise EngineError for a lifter that no 2D pose model can feed, neither a preset's nor the folder's own."""
    if feeding_presets(entry) or (folder is not None and _feeds(folder, entry)):
        return
    wanted = read_skeleton(entry)
    lacking = {name: JointMap.in_image(given, wanted).missing for name, given in preset_sources().items()}
    nearest = min(lacking, key=lambda name: len(lacking[name]))
    raise EngineError(
        f"2D joints for the lifter {entry.name}",
        expected="joints that a 2D pose model gives, or that can be derived from them",
        got=f"{wanted.name}, of which {nearest} ({preset_sources()[nearest].name}), the nearest preset, "
        f"lacks {', '.join(lacking[nearest])}",
        fix=f"Import a 2D pose model with these joints into the same folder first (`pose3d import {nearest} FILE "
        f"--skeleton {wanted.name}`), or a lifter that reads other joints.",
    )


def _feeds(folder: Manifest, entry: ManifestEntry) -> bool:
    """Whether the folder's pose model gives pixels, and with them what the lifter reads."""
    if not folder.has_role("pose") or not gives_pixels(folder.for_role("pose")):
        return False
    given = SKELETONS.get(str(folder.for_role("pose").skeleton))
    return given is not None and not JointMap.in_image(given, read_skeleton(entry)).missing
