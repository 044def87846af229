"""`pose3d train`: train one net from a recipe, or print what it costs."""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.files import is_file, is_folder

if TYPE_CHECKING:
    from pose3d_ros.types import Array
    from pose3d_training.loop.recipe import Recipe
    from pose3d_training.loop.training_loop import Task
    from pose3d_training.tasks.landmark_errors import LandmarkErrors

_NEEDED = {"torch": "torch", "lightning_fabric": "lightning-fabric"}
"""Modules, and the names that pip knows them by."""
_SMOOTHER_BODIES = 6
"""Bodies on which the smoother sees every recorded motion."""
_LIFTER_BODIES = 12
"""The same of lifters, which learn how large people can be."""
_POOL_BODIES = 300
"""Bodies that take the poses which a lifter of landmarks learns from."""


@dataclass(frozen=True)
class TrainingFolders:
    """Where things are: the run's output, rendered people, bodies and motions, backgrounds without people.

    landmarks: what a landmark net said of rendered people, see `tasks.landmark_runs`. motion_runs: what the chains said
    of rendered motions, see `tasks.motion_runs`. photographs: a COCO file of people with 2D joints.
    recordings: bags of your own, seen by the chain `engines`.
    """

    output: Path
    bank: Path | None = None
    assets: Path | None = None
    backgrounds: tuple[Path, ...] = ()
    landmarks: Path | None = None
    motion_runs: Path | None = None
    photographs: Path | None = None
    recordings: tuple[Path, ...] = ()
    engines: str = "auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("recipe", help="the name of a shipped recipe, such as root_pose, or a .yaml file")
    parser.add_argument("--bank", type=Path, metavar="DIR", help="rendered people (detector, root_pose)")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="bodies and recorded motions (smoother, lifter)")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", nargs="*", default=[], help="images without people")
    parser.add_argument(
        "--photographs", type=Path, metavar="FILE", help="COCO keypoints of photographs, to learn from too (root_pose)"
    )
    parser.add_argument(
        "--photographs-share", type=float, metavar="SHARE", help="of the samples; instead of the recipe's"
    )
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="a net's landmarks (lifter_landmarks)")
    parser.add_argument(
        "--motion-runs", type=Path, metavar="FILE", help="what the chains say of rendered motions (smoother)"
    )
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="BAG",
        nargs="+",
        default=[],
        help="recordings whose people are learned from, too; 3D labels where they have ground truth (lifter)",
    )
    parser.add_argument(
        "--engines", default="auto", metavar="NAME", help="the models that see people in recordings (%(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="checkpoints and curves; an unfinished run there is resumed"
    )
    parser.add_argument(
        "--engine",
        type=Path,
        metavar="FILE",
        help="start from a delivered .onnx or from the checkpoint.pt of another run of the same net (fine-tuning)",
    )
    parser.add_argument(
        "--describe", action="store_true", help="print the net's parameters and multiply-adds, and train nothing"
    )
    parser.add_argument("--device", default="", help="cpu, cuda, cuda:1; empty: a GPU where there is one")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the net, 0 = all")


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    missing = [pip for module, pip in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigError(
            "training",
            expected=" and ".join(_NEEDED.values()),
            got=f"no {' and no '.join(missing)}",
            fix=f"Run `make setup`, or pip install {' '.join(missing)}.",
        )
    from pose3d_training.loop.recipe import find_recipe, load_recipe

    recipe = load_recipe(find_recipe(args.recipe))
    if args.describe:
        from pose3d_training.commands.describe import describe

        print(describe(recipe))
        return 0
    if args.output is None:
        raise ConfigError("option --output", expected="a folder for the run", got="none", fix="Add --output runs/NAME.")
    if args.photographs_share is not None:
        recipe = replace(recipe, photographs_share=args.photographs_share)
    folders = TrainingFolders(
        args.output, args.bank, args.assets, tuple(args.backgrounds), args.landmarks, args.motion_runs,
        args.photographs, tuple(args.recordings), args.engines,
    )  # fmt: skip
    train(recipe, folders, args.device, args.threads, args.engine)
    return 0


def train(
    recipe: Recipe, folders: TrainingFolders, device: str = "", threads: int = 0, engine: Path | None = None
) -> None:
    """Train to the end of the recipe, or resume from the output folder's checkpoint.

    engine: a delivered graph of the same net, or a run's checkpoint, whose weights a new run starts with. torchrun's
    environment variables make this process one of several. Raises ConfigError for a missing folder, EngineError for an
    engine of another net.
    """
    import torch

    from pose3d_training.loop.fabric import open_fabric
    from pose3d_training.loop.training_loop import Trainer

    # Of a graph of these, normalizations are folded into layers that they can't be taken out of again.
    if recipe.architecture in ("sem_gcn", "temporal") and engine is not None and engine.suffix != ".pt":
        raise ConfigError(
            "option --engine",
            expected=f"a run's checkpoint.pt, for a lifter of architecture {recipe.architecture}",
            got=str(engine),
            fix="Name the checkpoint.pt of the run that the engine was delivered from.",
        )
    recipe = replace(recipe, recordings=len(folders.recordings))
    torch.manual_seed(recipe.seed)
    fabric = open_fabric(recipe.bfloat16, device)
    if threads:
        torch.set_num_threads(threads)
    trainer = Trainer(build_task(recipe, folders), recipe, folders.output, fabric)
    if engine is not None:
        trainer.start_from(engine)
    trainer.run()


def build_task(recipe: Recipe, folders: TrainingFolders) -> Task:
    """Build the recipe's task over the folders. Raises ConfigError when the one it needs is missing."""
    if folders.photographs is not None and recipe.net != "root_pose":
        got = f"the net {recipe.net}"
        raise ConfigError("option --photographs", expected="net: root_pose", got=got, fix="Leave the option out.")
    if recipe.net == "smoother":
        from pose3d_training.tasks.lifting_samples import lifting_tracks
        from pose3d_training.tasks.motion_runs import load_runs
        from pose3d_training.tasks.posture_tracks import posture_tracks
        from pose3d_training.tasks.smoothing import SmootherTask

        assets = _needed(folders.assets, "--assets", "the folder with the recorded motions and the bodies")
        bodies = range(_SMOOTHER_BODIES)
        runs = [] if folders.motion_runs is None else load_runs(folders.motion_runs)
        return SmootherTask(recipe, [*lifting_tracks(assets, bodies), *posture_tracks(assets, bodies)], runs)
    if recipe.net == "lifter":
        return _landmark_task(recipe, folders) if recipe.lifter_input == "region" else _lifter_task(recipe, folders)
    from pose3d_training.tasks.image_tasks import DetectorTask, RootPoseTask, composer

    scenes = composer(_needed(folders.bank, "--bank", "the folder of rendered people"), folders.backgrounds)
    if recipe.net == "detector":
        return DetectorTask(recipe, scenes)
    if folders.photographs is None:
        return RootPoseTask(recipe, scenes)
    from pose3d_ros.skeletons import get_skeleton
    from pose3d_training.tasks.photographed_people import read_photographs

    return RootPoseTask(recipe, scenes, read_photographs(folders.photographs, get_skeleton(recipe.skeleton)))


def _lifter_task(recipe: Recipe, folders: TrainingFolders) -> Task:
    from pose3d_ros.skeletons import get_skeleton
    from pose3d_training.learning.recorded_people import recorded_tracks
    from pose3d_training.tasks.lifting import LifterTask
    from pose3d_training.tasks.lifting_samples import lifting_tracks

    skeletons = get_skeleton(recipe.input_skeleton), get_skeleton(recipe.skeleton)
    tracks = []
    if folders.assets is not None or not folders.recordings or recipe.losses:
        assets = _needed(folders.assets, "--assets", "the folder with the recorded motions and the bodies")
        tracks = lifting_tracks(assets, range(_LIFTER_BODIES))
    recorded = recorded_tracks(folders.recordings, folders.engines, *skeletons) if folders.recordings else []
    return LifterTask(recipe, tracks, recorded)


def _landmark_task(recipe: Recipe, folders: TrainingFolders) -> Task:
    from pose3d_training.learning.recorded_landmarks import recorded_landmarks
    from pose3d_training.tasks.lifting import LandmarkLifterTask

    recorded = recorded_landmarks(folders.recordings, folders.engines) if folders.recordings else None
    if recorded is not None and folders.assets is None:
        return LandmarkLifterTask(recipe, None, recorded)
    assets = _needed(folders.assets, "--assets", "the folder with the recorded motions and the bodies")
    return LandmarkLifterTask(recipe, _posed_bodies(assets, folders.landmarks), recorded)


def _posed_bodies(assets: Path, landmarks: Path | None) -> tuple[Array, LandmarkErrors]:
    from pose3d_training.synthetic.motion import training_clips
    from pose3d_training.tasks.landmark_errors import LandmarkErrors
    from pose3d_training.tasks.landmark_pool import make_pool
    from pose3d_training.tasks.landmark_runs import LandmarkRuns

    if landmarks is None or not is_file(landmarks):
        meaning = "the file that `python -m pose3d_training.tasks.landmark_runs` wrote"
        raise ConfigError("option --landmarks", expected=meaning, got=str(landmarks), fix="See docs/train.md.")
    errors = LandmarkErrors.of(LandmarkRuns.load(landmarks))
    return make_pool(assets, training_clips(assets), range(_POOL_BODIES)), errors


def _needed(folder: Path | None, option: str, meaning: str) -> Path:
    if folder is None or not is_folder(folder):
        raise ConfigError(f"option {option}", expected=meaning, got=str(folder), fix="See docs/train.md.")
    return folder
