"""`pose3d import PRESET FILE.onnx`: a network of others, as its authors export it, into a folder of engines."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pose3d_ros.cli.common_options import parse_parameters
from pose3d_ros.engines import BackendChoice, ManifestEntry, default_manifest_dir, load_manifest, open_engine
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.engines.spec.manifest import Parameter
from pose3d_ros.engines.spec.presets import PRESETS, get_preset, preset_entry
from pose3d_ros.errors import ConfigError, EngineError
from pose3d_ros.geometry import Camera, crop_places
from pose3d_ros.records import Frame
from pose3d_ros.stages.decoding import read_pose_settings
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.entry_checks import crop_size_px, real_parameter, skeleton_of
from pose3d_ros.stages.pose.crop_engine import crop_engine
from pose3d_ros.stages.pose.placement import root_solver
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS

if TYPE_CHECKING:
    from pose3d_ros.engines.spec.engine_folder import Placed

_CPU = BackendChoice("onnxruntime", "a look at its inputs and outputs")
_TRIAL_PX = (640, 480)

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "detector": ("person_class", "image_input", "outputs", "long_side_px", "strides", "activation"),
        "pose": (
            "box_scale",
            "image_input",
            "outputs",
            "joints",
            "root",
            "ahead",
            "metres_per_unit",
            "split_ratio",
            "z_range_m",
            "depth_range_m",
        ),
    }
)
"""Role → the parameters that its networks' manifest entries have, as docs/models.md and docs/models_poses.md say."""


def add_arguments(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """A subcommand for each preset."""
    for name, preset in PRESETS.items():
        parser = kinds.add_parser(name, help=f"a network for the role {preset.roles[0]} ({preset.source})")
        parser.add_argument("file", type=Path, help="the exported network")
        parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder of engines")
        parser.add_argument(
            "--license", "--licence", required=True, metavar="TEXT", help="of the weights, for the manifest"
        )
        parser.add_argument("--training-data", metavar="TEXT", default="not stated", help="what they were trained on")
        parser.add_argument("--name", metavar="NAME", help="of the engine (the file's)")
        parser.add_argument("--skeleton", metavar="NAME", help="order of the joints, where the preset has another")
        parser.add_argument("--input-size", type=int, nargs=2, metavar="PX", help="width and height of the input")
        parser.add_argument(
            "--parameter", action="append", default=[], metavar="NAME=VALUE", help="for the manifest; may be repeated"
        )
        parser.add_argument(
            "--with-default", action="store_true", help="let the default engines fill a new folder's other roles"
        )
        parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")


def execute(args: argparse.Namespace) -> Placed:
    """Check that the file is what the preset says, and put it into the folder's manifest.

    Raises EngineError for a file that does not fit; the folder is then as it was.
    """
    from pose3d_ros.engines.spec.engine_folder import EngineFolder

    entry = preset_entry(
        args.kind,
        args.file,
        name=args.name or args.file.stem,
        license=args.license,
        training_data=args.training_data,
        skeleton=args.skeleton,
        input_size_px=tuple(args.input_size) if args.input_size else None,
        parameters=_parameters(args.parameter, get_preset(args.kind).roles[0]),
    )
    _check(entry)
    others = load_manifest(default_manifest_dir()).entries if args.with_default else ()
    return EngineFolder(args.output).take(entry, others)


def _parameters(assignments: Sequence[str], role: str) -> dict[str, Parameter]:
    """Raises ConfigError for a name that the role's networks do not know and a value that a manifest can't hold."""
    found: dict[str, Parameter] = {}
    for name, value in parse_parameters(assignments, "--parameter").items():
        if name not in PARAMETERS[role]:
            page = "docs/models.md" if role == "detector" else "docs/models_poses.md"
            raise ConfigError(
                "--parameter", expected="one of " + ", ".join(PARAMETERS[role]), got=name, fix=f"See {page}."
            )
        if isinstance(value, bool) or not isinstance(value, (int, float, str, list)):
            raise ConfigError(
                f"--parameter {name}", expected="a number, a word or a list", got=repr(value), fix="See docs/models.md."
            )
        found[name] = value
    return found


def _check(entry: ManifestEntry) -> None:
    """Raises EngineError unless the decoder can read what the engine says of a black image."""
    width_px, height_px = _TRIAL_PX
    frame = Frame(np.zeros((height_px, width_px, 3), np.uint8), Camera.from_hfov(60.0, width_px, height_px), 0)
    with open_engine(entry, _CPU) as engine:
        if "detector" in entry.roles:
            Detector(engine, entry)(frame)
            return
        decoder, skeleton = POSE_DECODERS[entry.decoder], skeleton_of(entry)
        settings = read_pose_settings(entry, decoder, crop_size_px(entry, square=decoder.square))
        net = crop_engine(engine, entry, decoder.outputs, decoder.k_input)
        box = [[0.0, 0.0, width_px / 2, height_px / 2]]
        # The entry stands for a root net: whether there is one beside it is the pipeline's question.
        root_solver(entry, decoder, entry, lifted=True)
        scale = real_parameter(entry, "box_scale", 1.0)
        places = crop_places(box, width_px, height_px, (settings.width_px, settings.height_px), scale)
        raw = net.infer(HostImage(frame.image_bgr), places, np.ones(1))
        joints = decoder.decode(raw, settings).chosen(settings.joints).scores.shape[1]
    if joints != len(skeleton):
        raise EngineError(
            f"joints of {entry.name}",
            expected=f"the {len(skeleton)} of {skeleton.name}",
            got=str(joints),
            fix="Name their order (--skeleton), or which of them to take (--parameter joints=[0, 1, …]).",
        )
