"""Training from a recipe: `python -m pose3d_ros.training.train RECIPE --bank DIR --output DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.training.loop import Task, Trainer
from pose3d_ros.training.recipe import Recipe, load_recipe
from pose3d_ros.training.smoothing import SmootherTask
from pose3d_ros.training.tasks import DetectorTask, RootPoseTask, composer
from pose3d_ros.training.tracks import training_tracks

_BODIES = 6
"""Bodies on which the smoother sees every recorded motion."""


def build_task(recipe: Recipe, arguments: argparse.Namespace) -> Task:
    """The recipe's task over the folders named on the command line."""
    if recipe.net == "smoother":
        if arguments.assets is None:
            raise _missing("--assets", "the folder with the recorded motions and the bodies")
        return SmootherTask(recipe, training_tracks(arguments.assets, get_skeleton(recipe.skeleton), range(_BODIES)))
    if arguments.bank is None:
        raise _missing("--bank", "the folder of rendered people")
    scenes = composer(arguments.bank, arguments.backgrounds)
    return DetectorTask(recipe, scenes) if recipe.net == "detector" else RootPoseTask(recipe, scenes)


def _missing(option: str, meaning: str) -> ConfigError:
    return ConfigError(f"option {option}", expected=meaning, got="nothing", fix="See docs/training.md.")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line of a training run."""
    parser = argparse.ArgumentParser(prog="pose3d train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a file of engines/recipes")
    parser.add_argument("--bank", type=Path, help="folder of rendered people (detector, root_pose)")
    parser.add_argument("--assets", type=Path, help="folder of bodies and recorded motions (smoother)")
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[], help="folders of pictures without people")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints; an unfinished run goes on")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the net, 0 = all")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train one net to the end of its recipe."""
    parsed = parse(arguments)
    recipe = load_recipe(parsed.recipe)
    torch.manual_seed(recipe.seed)
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    Trainer(build_task(recipe, parsed), recipe, parsed.output, parsed.device).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
