"""`pose3d import`: third-party models and published checkpoints as engines.

Models that their authors export to ONNX need nothing more; checkpoints need pose3d_training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pose3d_ros.cli import import_onnx
from pose3d_ros.cli.extensions import extension, has_extension
from pose3d_ros.engines import Manifest
from pose3d_ros.engines.spec.engine_folder import Placed
from pose3d_ros.engines.spec.presets import PRESETS
from pose3d_ros.stages.pose.placement import needed_roles, skeleton_of_people

_CHECKPOINTS = "import-checkpoint"
CHECKPOINT_KINDS = ("3dmppe-rootnet", "3dmppe-posenet", "videopose3d", "semgcn", "martinez")
"""What the training package imports."""
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    if has_extension(_CHECKPOINTS):
        extension(_CHECKPOINTS).add_kinds(kinds)
    else:
        for kind in CHECKPOINT_KINDS:
            kinds.add_parser(kind, help="a published checkpoint: needs the package pose3d_training")
    import_onnx.add_arguments(kinds)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    if args.kind in PRESETS:
        _report(f"a model of the preset {args.kind}", import_onnx.execute(args), args.output)
        return 0
    imported = extension(_CHECKPOINTS).import_kind(args)
    _report(imported.net, imported.placed, args.output)
    return 0


def _report(net: str, placed: Placed, folder: Path) -> None:
    size = placed.entry.file.stat().st_size / _MIB
    print(f"found:    {net}")
    if placed.difference is None:
        print(f"checked:  inputs and outputs are those of the decoder {placed.entry.decoder}")
    else:
        print(f"checked:  ONNX Runtime and torch differ by {placed.difference:.1e} at most (relative)")
    for change in placed.changes:
        print(f"changed:  {change}")
    print(f"written:  {placed.entry.file} ({size:.1f} MiB), the {placed.entry.roles[0]} of {folder}")
    print(f"license:  {placed.entry.license}")
    lacking = [role for role in needed_roles(placed.manifest) if not placed.manifest.has_role(role)]
    if placed.entry.roles == ("lifter",):
        print("note:     the nodes run it behind a pose net that reads these 2D joints; see docs/models_poses.md")
    elif lacking:
        print(f"lacking:  {', '.join(lacking)}, which pose_node needs in the same folder")
    _report_smoother(placed.manifest)


def _report_smoother(manifest: Manifest) -> None:
    """Say so where the smoother is for people in another skeleton than theirs."""
    people = skeleton_of_people(manifest)
    reads = manifest.for_role("smoother").skeleton if manifest.has_role("smoother") else people
    if people is not None and reads != people:
        print(f"note:     the smoother is for {reads}, not {people}: launch with smoother:=false")
