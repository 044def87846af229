"""Finished training runs to engines: `python -m pose3d_training.commands.deliver --runs DIR --output DIR`.

Every net's averaged weights are exported and checked against torch; the manifest names what each was trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import attr
from torch import nn

from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization, Parameter
from pose3d_ros.engines.spec.manifest import MANIFEST_NAME, load_manifest, sha256_of, write_manifest
from pose3d_ros.errors import InputError
from pose3d_ros.reading.files import is_there
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.commands.describe import build_net
from pose3d_training.loop.recipe import Recipe, load_recipe
from pose3d_training.loop.run_checkpoints import averaged_weights, read_checkpoint, samples_seen
from pose3d_training.nets.detector_net import STRIDE_PX, PersonDetector
from pose3d_training.nets.exported_graphs import (
    export_detector,
    export_frame_lifter,
    export_root_pose,
    export_temporal_step,
    export_temporal_windows,
)
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.synthetic.body_points import LANDMARKS
from pose3d_training.synthetic.compose import SceneComposer
from pose3d_training.tasks.image_tasks import MEAN_RGB, STD_RGB, composer
from pose3d_training.tasks.lifting import IN_FEATURES, center_outputs
from pose3d_training.tasks.score_calibration import calibrate_detector, calibrate_root_pose

_DETECTOR_LONG_SIDE_PX = 448
"""Longer than the images it was trained on (whose people are zoomed by up to 1.5): on the grid of the detector those
who cross stay apart. At 320 px 2% fewer people of the sample bag are found, at 512 px 4% fewer."""
_LICENSE = "Apache-2.0"
_RENDERED = (
    "people rendered from MakeHuman bodies (CC0) in CMU motion-capture poses, over procedural and free backgrounds"
)
_MOTIONS = "CMU motions and made postures on MakeHuman bodies (CC0), with errors of image nets, simulated and rendered"
_LIFTED = "CMU motion-capture sequences on MakeHuman bodies (CC0), as a 2D net sees them"
_LANDMARKS = "MakeHuman bodies (CC0) in CMU and made poses, with a landmark net's errors on rendered people"
_LEAST_JOINTS = 8
"""Of its own that a smoother needs of people in another skeleton: fewer are hardly ever all that a sample has."""
_NETS = ("detector", "root_pose", "smoother", "lifter")
_NORMALIZATION = Normalization(scale=1 / 255, mean=MEAN_RGB, std=STD_RGB, channel_order="rgb")


def deliver(run: Path, folder: Path, scenes: SceneComposer | None = None) -> ManifestEntry:
    """Export one run's averaged net into `folder` and describe it. scenes: what its scores are calibrated on."""
    recipe = load_recipe(run / "recipe.yaml")
    module = build_net(recipe)
    checkpoint = run / "checkpoint.pt"
    module.load_state_dict(averaged_weights(checkpoint))
    path = folder / f"{recipe.net}.onnx"
    module.eval()
    if scenes is not None:
        _calibrate(module, scenes)
    difference = _export(module, path, recipe)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, torch and ONNX Runtime differ by {difference:.1e}")
    return _entry(recipe, module, path, samples_seen(read_checkpoint(checkpoint), recipe.batch_size))


def _calibrate(module: nn.Module, scenes: SceneComposer) -> None:
    if isinstance(module, PersonDetector):
        platt = calibrate_detector(module, scenes, _NORMALIZATION, _DETECTOR_LONG_SIDE_PX)
        print(f"detector scores: logit x {platt.scale:.3f} {platt.offset:+.3f}")
    elif isinstance(module, RootPoseNet):
        platt, factor = calibrate_root_pose(module, scenes)
        print(f"joint scores: logit x {platt.scale:.3f} {platt.offset:+.3f}; root's sigma x {factor:.3f}")


def _export(module: nn.Module, path: Path, recipe: Recipe) -> float:
    if isinstance(module, PersonDetector):
        return export_detector(module, path)
    if isinstance(module, RootPoseNet):
        return export_root_pose(module, path)
    if isinstance(module, FrameLifter):
        return export_frame_lifter(module, path, get_skeleton(recipe.skeleton).root)
    if isinstance(module, TemporalModel):
        if recipe.net == "lifter":
            center_outputs(module, get_skeleton(recipe.skeleton).root)
        return export_temporal_step(module, path) if module.causal else export_temporal_windows(module, path)
    raise TypeError(f"no exporter for {type(module).__name__}")


def _entry(recipe: Recipe, module: nn.Module, path: Path, samples: int) -> ManifestEntry:
    size = (recipe.input_width_px, recipe.input_height_px) if recipe.net == "root_pose" else None
    skeleton = None if recipe.net == "detector" else recipe.skeleton
    about = {
        "detector": (("detector",), "centre_ltrb", "pixels"),
        "root_pose": (("root", "pose"), "root_pose_metric", "metres"),
        "smoother": (("smoother",), "temporal_step", "metres"),
        "lifter": (("lifter",), _lifter_decoder(module), "metres, relative to the root"),
    }
    roles, decoder, units = about[recipe.net]
    kind = f"{recipe.net}-{recipe.architecture}" if recipe.architecture else recipe.net
    kind = f"{kind}-landmarks" if recipe.lifter_input == "region" else kind
    return ManifestEntry(
        name=f"{kind}-{recipe.backbone or recipe.channels}-{'recorded' if recipe.recordings else 'synthetic'}",
        roles=roles,
        file=path,
        sha256=sha256_of(path),
        decoder=decoder,
        input_size_px=size,
        normalization=_NORMALIZATION if recipe.net in ("detector", "root_pose") else None,
        skeleton=skeleton,
        units=units,
        license=_LICENSE,
        training_data=_training_data(recipe),
        accuracy={"training_samples": float(samples)},
        parameters=_parameters(recipe, module),
    )


def _training_data(recipe: Recipe) -> str:
    lifted = _LANDMARKS if recipe.lifter_input == "region" else _LIFTED
    data = {"smoother": _MOTIONS, "lifter": lifted}.get(recipe.net, _RENDERED)
    return f"{data}; {recipe.recordings} recordings of the user's own" if recipe.recordings else data


def _lifter_decoder(module: nn.Module) -> str:
    if isinstance(module, TemporalModel):
        return "videopose3d_step" if module.causal else "videopose3d"
    return "lifter_frame"


def _parameters(recipe: Recipe, module: nn.Module) -> dict[str, Parameter]:
    frames = module.receptive_field if isinstance(module, TemporalModel) else 1
    if recipe.net == "detector":
        return {"stride": STRIDE_PX, "long_side_px": _DETECTOR_LONG_SIDE_PX}
    if recipe.net == "smoother":
        return {"window": frames, "least_joints": _LEAST_JOINTS}
    if recipe.lifter_input == "region":
        return {"input": "region", "landmarks": list(LANDMARKS), "input_features": IN_FEATURES}
    if recipe.net == "lifter":
        return {
            "input_skeleton": recipe.input_skeleton,
            "input_features": IN_FEATURES,
            "receptive_field": frames,
            "input": "person",
            "ahead": "crop",
        }
    return {}


def _with_kept(made: list[ManifestEntry], folder: Path) -> list[ManifestEntry]:
    """Entries of the folder's manifest, those made anew in the places of the old ones, the others at the end."""
    new = {entry.file.name: entry for entry in made}
    before = load_manifest(folder).entries if is_there(folder / MANIFEST_NAME) else ()
    return [new.pop(entry.file.name, entry) for entry in before] + list(new.values())


def _with_scores_of(entry: ManifestEntry, folder: Path) -> ManifestEntry:
    """A lifter of landmarks with what was fitted for the scores of another one's joints, if both are such lifters."""
    other = load_manifest(folder).for_role("lifter")
    fitted = {name: value for name, value in other.parameters.items() if name.startswith(("score_", "sigma_"))}
    alike = entry.parameters.get("input") == other.parameters.get("input") == "region"
    return attr.evolve(entry, parameters={**entry.parameters, **fitted}) if alike else entry


def main(arguments: list[str] | None = None) -> int:
    """Export the runs `detector`, `root_pose`, `smoother` and `lifter` below a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with one run a net")
    parser.add_argument("--output", type=Path, required=True, help="folder for the engines and their manifest")
    parser.add_argument("--bank", type=Path, metavar="DIR", help="rendered people to calibrate the scores on")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", nargs="*", default=[])
    parser.add_argument("--scores-of", type=Path, metavar="DIR", help="engines whose landmark lifter's scores to keep")
    parsed = parser.parse_args(arguments)
    parsed.output.mkdir(parents=True, exist_ok=True)
    runs = [parsed.runs / name for name in _NETS]
    scenes = composer(parsed.bank, parsed.backgrounds) if parsed.bank else None
    made = [deliver(run, parsed.output, scenes) for run in runs if is_there(run / "checkpoint.pt")]
    if not made:
        raise InputError(
            "--runs",
            expected="a folder with detector/, root_pose/, smoother/ or lifter/, a checkpoint.pt in each",
            got=str(parsed.runs),
            fix="Name the folder that `pose3d train --output` wrote its runs below.",
        )
    if parsed.scores_of is not None:
        made = [_with_scores_of(entry, parsed.scores_of) for entry in made]
    if scenes is None and any(entry.normalization is not None for entry in made):
        print("scores are not calibrated: no --bank")
    write_manifest(parsed.output, _with_kept(made, parsed.output))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
