"""`pose3d import`: published checkpoints and exported networks as engines.

Checkpoints need torch and onnx, which the set-up for tests installs; presets need neither.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.cli import import_onnx
from pose3d_ros.engines import Manifest
from pose3d_ros.engines.presets import PRESETS
from pose3d_ros.errors import ConfigError
from pose3d_ros.stages.pose_place import needed_roles, skeleton_of_people

if TYPE_CHECKING:
    from pose3d_ros.nets.import_folder import Placed
    from pose3d_ros.nets.importing import Imported

_NEEDED = ("torch", "onnx")
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    _add_crops(_add(kinds.add_parser("3dmppe-rootnet", help="RootNet of 3DMPPE: the role root")))
    posenet = _add(kinds.add_parser("3dmppe-posenet", help="PoseNet of 3DMPPE: the role pose"))
    _add_crops(posenet)
    posenet.add_argument("--skeleton", metavar="NAME", help="the joints' order, unless there are 17, 18 or 21")
    _add_lifter(_add(kinds.add_parser("videopose3d", help="VideoPose3D: the role lifter")))
    for kind, about in (("semgcn", "SemGCN, with non-local blocks or without"), ("martinez", "SemGCN's ckpt_linear")):
        single = _add(kinds.add_parser(kind, help=f"{about}: the role lifter"))
        single.add_argument("--skeleton", metavar="NAME", help="the order of 2D and 3D joints, unless it is h36m16")
    import_onnx.add_arguments(kinds)


def _add(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("checkpoint", type=Path, help="the authors' file: snapshot_24.pth.tar, pretrained_h36m_cpn.bin")
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder of engines, made or extended")
    parser.add_argument("--training-data", metavar="TEXT", default="", help="what it was trained on, for the manifest")
    # Left out, it must not undo what stands before the name of the kind.
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")
    return parser


def _add_crops(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input-size", type=int, default=256, metavar="PX", help="side of the crops (%(default)s)")


def _add_lifter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input-skeleton", metavar="NAME", help="the 2D joints' order: h36m17, coco17 (needed)")
    parser.add_argument("--skeleton", metavar="NAME", help="the 3D joints' order, unless there are 17")
    parser.add_argument("--causal", action="store_true", help="it was trained with --causal")
    parser.add_argument(
        "--units", choices=("metres", "millimetres"), default="metres", help="of the training's 3D joints (%(default)s)"
    )


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    if args.kind in PRESETS:
        _report(f"a network of the preset {args.kind}", import_onnx.execute(args), args.output)
        return 0
    _require_torch()
    imported = _import(args)
    _report(imported.net, imported.placed, args.output)
    return 0


def _require_torch() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            "import of weights",
            expected=" and ".join(_NEEDED),
            got=f"no {' and no '.join(missing)}",
            fix="Run `make setup`, or pip install them.",
        )


def _import(args: argparse.Namespace) -> Imported:
    from pose3d_ros.nets import importing

    about = args.training_data
    if args.kind == "videopose3d":
        options = importing.LifterOptions(args.input_skeleton, args.skeleton, args.units, args.causal)
        return importing.import_videopose3d(args.checkpoint, args.output, options, training_data=about)
    if args.kind in ("semgcn", "martinez"):
        from pose3d_ros.nets.import_lifters import import_martinez, import_semgcn

        single = import_semgcn if args.kind == "semgcn" else import_martinez
        return single(args.checkpoint, args.output, skeleton=args.skeleton, training_data=about)
    if args.kind == "3dmppe-posenet":
        return importing.import_posenet(
            args.checkpoint, args.output, skeleton=args.skeleton, input_size_px=args.input_size, training_data=about
        )
    return importing.import_rootnet(args.checkpoint, args.output, input_size_px=args.input_size, training_data=about)


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
    print(f"licence:  {placed.entry.licence}")
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
