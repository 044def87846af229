"""`pose3d import`: third-party ONNX models and published checkpoints into a folder of engines.

Models that their authors export to ONNX need nothing more; checkpoints need pose3d_training.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pose3d_ros.cli.common_options import parse_parameters
from pose3d_ros.cli.exported_file import whole_file
from pose3d_ros.cli.extensions import extension, has_extension
from pose3d_ros.engines import BackendChoice, Manifest, ManifestEntry, default_manifest_dir, load_manifest, open_engine
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.guarded_trial import try_apart
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.engines.spec.engine_folder import EngineFolder, StoredModel
from pose3d_ros.engines.spec.manifest import Parameter
from pose3d_ros.engines.spec.presets import PRESETS, get_preset, preset_entry
from pose3d_ros.errors import ConfigError, EngineError, shown
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.entry_checks import skeleton_of
from pose3d_ros.stages.keypoint_finder import KeypointFinder
from pose3d_ros.stages.lift_sources import feeding_presets
from pose3d_ros.stages.pose.crop_net import CropNet
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.pose_decoding import read_pose_settings
from pose3d_ros.stages.pose.root_localization import needed_roles, root_solver, skeleton_of_people
from pose3d_ros.stages.smooth.smoother import why_unsmoothed

_CHECKPOINTS = "import-checkpoint"
CHECKPOINT_KINDS = ("3dmppe-rootnet", "3dmppe-posenet", "videopose3d", "semgcn", "martinez", "depthpose")
"""What the training package imports."""
_MIB = 1 << 20
_CPU = BackendChoice("onnxruntime", "check of inputs and outputs")
_TRIAL_PX = (640, 480)

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        role: tuple(names.split())
        for role, names in {
            "detector": "person_class image_input outputs long_side_px strides activation",
            "pose": "box_scale image_input outputs joints root ahead metres_per_unit split_ratio z_range_m "
            "depth_range_m refine blur_cells bones_m",
        }.items()
    }
)
"""Role → the parameters that its models' manifest entries have, as docs/models.md say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    if has_extension(_CHECKPOINTS):
        extension(_CHECKPOINTS).add_kinds(kinds)
    else:
        for kind in CHECKPOINT_KINDS:
            one = kinds.add_parser(kind, help="a published checkpoint: needs the package pose3d_training")
            one.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    _add_presets(kinds)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    if args.kind in PRESETS:
        _report(f"a model of the preset {args.kind}", _import_preset(args), args.output)
        return 0
    imported = extension(_CHECKPOINTS).import_kind(args)
    _report(imported.net, imported.stored, args.output)
    return 0


def _add_presets(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, preset in PRESETS.items():
        parser = kinds.add_parser(name, help=f"a model for the role {preset.roles[0]} ({preset.source})")
        parser.add_argument("file", type=Path, help="the exported ONNX model")
        parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder of models")
        parser.add_argument(
            "--license", "--licence", required=True, metavar="TEXT", help="license of the weights, for the manifest"
        )
        parser.add_argument(
            "--training-data",
            metavar="TEXT",
            default="not stated",
            help="training data of the weights, for the manifest",
        )
        parser.add_argument("--name", metavar="NAME", help="name in the manifest (default: the file's)")
        parser.add_argument("--skeleton", metavar="NAME", help="joint order of the model (default: the preset's)")
        parser.add_argument(
            "--input-size",
            type=int,
            nargs=2,
            metavar="PX",
            help="width and height of the model's input (default: the file's where it fixes them, else the preset's)",
        )
        parser.add_argument(
            "--parameter", action="append", default=[], metavar="NAME=VALUE", help="manifest parameter; may be repeated"
        )
        parser.add_argument(
            "--with-default", action="store_true", help="fill the other roles of a new folder with the default models"
        )
        parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")


def _import_preset(args: argparse.Namespace) -> StoredModel:
    """Check that the file is what the preset says, and put it into the folder's manifest.

    Raises EngineError for a file that does not fit; the folder is then as it was.
    """
    parameters = _parameters(args.parameter, get_preset(args.kind).roles)
    size_px = (args.input_size[0], args.input_size[1]) if args.input_size else None
    with whole_file(args.file) as exported:
        exported.check_preset(args.kind, size_px)
        entry = preset_entry(
            args.kind,
            exported.file,
            name=args.name or args.file.stem,
            license=args.license,
            training_data=args.training_data,
            skeleton=args.skeleton,
            input_size_px=size_px or exported.image_size_px,
            parameters=parameters,
        )
        try_apart(entry.file, entry.input_size_px or _TRIAL_PX)
        _check_model(entry)
        if exported.joined:
            print(f"joined:   the weights beside {args.file.name} are in the copy")
        others = load_manifest(default_manifest_dir()).entries if args.with_default else ()
        return EngineFolder(args.output).take(entry, others, renamed=args.name is None)


def _parameters(assignments: Sequence[str], roles: Sequence[str]) -> dict[str, Parameter]:
    """Raises ConfigError for a name that the roles' models do not have, and for a value that a manifest can't hold."""
    found: dict[str, Parameter] = {}
    known = list(dict.fromkeys(name for role in roles for name in PARAMETERS[role]))
    for name, value in parse_parameters(assignments, "--parameter").items():
        if name not in known:
            raise ConfigError("--parameter", expected="one of " + ", ".join(known), got=name, fix="See docs/models.md.")
        if isinstance(value, bool) or not isinstance(value, (int, float, str, list)):
            raise ConfigError(
                f"--parameter {name}",
                expected="a number, a string or a list",
                got=shown(value),
                fix="See docs/models.md.",
            )
        found[name] = value
    return found


def _check_model(entry: ManifestEntry) -> None:
    """Raises EngineError unless the decoder can read what the model gives for a black image."""
    width_px, height_px = _TRIAL_PX
    frame = Frame(np.zeros((height_px, width_px, 3), np.uint8), Camera.from_hfov(60.0, width_px, height_px), 0)
    with open_engine(entry, _CPU) as engine:
        model = RoleEngine(engine, entry)
        if "detector" in entry.roles:
            (KeypointFinder if "pose" in entry.roles else Detector)(model)(frame)
            return
        decoder, skeleton = POSE_DECODERS[entry.decoder], skeleton_of(entry)
        net = CropNet(model, decoder, square=decoder.square)
        settings = read_pose_settings(entry, decoder, net.size_px)
        # The entry stands for a root net: whether there is one beside it is the pipeline's question.
        root_solver(entry, decoder, entry, lifted=True)
        crops = net.person_crops(frame.camera, [[0.0, 0.0, width_px / 2, height_px / 2]])
        raw = net.bound.infer(net.feeds(HostImage(frame.image_bgr), crops))
        joints = decoder.decode(raw, settings).chosen(settings.joints).scores.shape[1]
    if joints != len(skeleton):
        raise EngineError(
            f"joints of {entry.name}",
            expected=f"the {len(skeleton)} of {skeleton.name}",
            got=str(joints),
            fix="Name their order (--skeleton), or which of them to take (--parameter joints=[0, 1, …]).",
        )


def _report(net: str, stored: StoredModel, folder: Path) -> None:
    size = stored.entry.file.stat().st_size / _MIB
    print(f"found:    {net}")
    if stored.difference is None:
        print(f"checked:  inputs and outputs are those of the decoder {stored.entry.decoder}")
    else:
        print(f"checked:  ONNX Runtime and torch differ by {stored.difference:.1e} at most (relative)")
    for change in stored.changes:
        print(f"changed:  {change}")
    print(f"written:  {stored.entry.file} ({size:.1f} MiB), the {', '.join(stored.entry.roles)} of {folder}")
    print(f"license:  {stored.entry.license}")
    missing = [role for role in needed_roles(stored.manifest) if not stored.manifest.has_role(role)]
    if stored.entry.roles == ("lifter",):
        print(f"note:     it reads the 2D joints of the presets {', '.join(feeding_presets(stored.entry)) or 'none'}")
    elif missing:
        print(f"missing:  {', '.join(missing)}, which pose_node needs in the same folder")
    _report_smoother(stored.manifest)


def _report_smoother(manifest: Manifest) -> None:
    """Print a note where the smoother can't be used for people of the pose net's skeleton."""
    people = skeleton_of_people(manifest)
    if people is not None and manifest.has_role("smoother"):
        problem = why_unsmoothed(manifest.for_role("smoother"), get_skeleton(people))
        if problem is not None:
            print(f"note:     people are smoothed without it: {problem}")
