"""The kinds of `pose3d import` that are published checkpoints. They need torch and onnx."""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.errors import ConfigError

if TYPE_CHECKING:
    from pose3d_training.importing.checkpoint_import import Imported

_NEEDED = ("torch", "onnx")


def add_kinds(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """A subcommand for each kind of checkpoint."""
    _add_crops(_add(kinds.add_parser("3dmppe-rootnet", help="RootNet of 3DMPPE: the role root")))
    posenet = _add(kinds.add_parser("3dmppe-posenet", help="PoseNet of 3DMPPE: the role pose"))
    _add_crops(posenet)
    posenet.add_argument("--skeleton", metavar="NAME", help="the joints' order, unless there are 17, 18 or 21")
    _add_lifter(_add(kinds.add_parser("videopose3d", help="VideoPose3D: the role lifter")))
    for kind, about in (("semgcn", "SemGCN, with non-local blocks or without"), ("martinez", "SemGCN's ckpt_linear")):
        single = _add(kinds.add_parser(kind, help=f"{about}: the role lifter"))
        single.add_argument("--skeleton", metavar="NAME", help="the order of 2D and 3D joints, unless it is h36m16")
    depthpose = _add(kinds.add_parser("depthpose", help="Véges and Lőrincz 2019: the role lifter, with the root"))
    depthpose.add_argument(
        "--statistics",
        type=Path,
        metavar="FILE",
        help="their means and deviations (default: the file beside the checkpoint)",
    )


def _add(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("checkpoint", type=Path, help="the authors' file: snapshot_24.pth.tar, pretrained_h36m_cpn.bin")
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder of engines, made or extended")
    parser.add_argument("--training-data", metavar="TEXT", default="", help="what it was trained on, for the manifest")
    # Left out, it must not undo what stands before the name of the kind.
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")
    return parser


def _add_crops(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input-size",
        dest="input_size_px",
        type=int,
        default=256,
        metavar="PX",
        help="side of the crops (%(default)s)",
    )


def _add_lifter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input-skeleton", metavar="NAME", help="the 2D joints' order: h36m17, coco17 (needed)")
    parser.add_argument("--skeleton", metavar="NAME", help="the 3D joints' order, unless there are 17")
    parser.add_argument("--causal", action="store_true", help="it was trained with --causal")
    parser.add_argument(
        "--units", choices=("metres", "millimetres"), default="metres", help="of the training's 3D joints (%(default)s)"
    )


def import_kind(args: argparse.Namespace) -> Imported:
    """Import the checkpoint that the arguments name. Raises ConfigError without torch or onnx."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            "import of weights",
            expected=" and ".join(_NEEDED),
            got=f"no {' and no '.join(missing)}",
            fix="Run `make setup`, or pip install them.",
        )
    from pose3d_training.importing.checkpoint_import import Importer, ImportOptions, import_posenet, import_rootnet
    from pose3d_training.importing.depthpose_import import import_depthpose
    from pose3d_training.importing.lifter_import import import_martinez, import_semgcn, import_videopose3d

    importers: dict[str, Importer] = {
        "3dmppe-rootnet": import_rootnet,
        "3dmppe-posenet": import_posenet,
        "videopose3d": import_videopose3d,
        "semgcn": import_semgcn,
        "martinez": import_martinez,
        "depthpose": import_depthpose,
    }
    given = {field.name: getattr(args, field.name) for field in fields(ImportOptions) if hasattr(args, field.name)}
    return importers[args.kind](args.checkpoint, args.output, ImportOptions(**given))
