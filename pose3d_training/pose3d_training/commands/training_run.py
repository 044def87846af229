"""Training one net from a recipe: what `pose3d train` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.loop.distributed import joined
from pose3d_training.loop.recipe import Recipe, load_recipe
from pose3d_training.loop.training_loop import Task, Trainer

_BODIES = 6
"""Bodies on which the smoother sees every recorded motion."""
_LIFTED_BODIES = 12
"""The same of lifters, which learn what a person's size can be."""


@dataclass(frozen=True)
class Folders:
    """Where things are: checkpoints, rendered people, bodies and motions, pictures without people."""

    output: Path
    bank: Path | None = None
    assets: Path | None = None
    backgrounds: tuple[Path, ...] = ()


def train(
    recipe_path: Path,
    folders: Folders,
    device: str = "",
    threads: int = 0,
    engine: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Train to the end of the recipe, or go on from the output folder's checkpoint.

    engine: a delivered graph of the same net, or a run's checkpoint, whose weights a new run starts with. environment:
    of the process; torchrun's variables in it make this one of several. Raises ConfigError for a wrong recipe or a
    missing folder, EngineError for an engine of another net.
    """
    recipe = load_recipe(recipe_path)
    _check_start(recipe, engine)
    torch.manual_seed(recipe.seed)
    if threads:
        torch.set_num_threads(threads)
    with joined(environment or {}, device) as processes:
        task = build_task(recipe, folders)
        trainer = Trainer(task, recipe, folders.output, processes.device(device), processes)
        if engine is not None:
            trainer.start_from(engine)
        trainer.run()


def build_task(recipe: Recipe, folders: Folders) -> Task:
    """The recipe's task over the folders. Raises ConfigError when it lacks the one it needs."""
    if recipe.net == "smoother":
        from pose3d_training.tasks.noisy_tracks import training_tracks
        from pose3d_training.tasks.smoothing import SmootherTask

        assets = _needed(folders.assets, "--assets", "the folder with the recorded motions and the bodies")
        return SmootherTask(recipe, training_tracks(assets, get_skeleton(recipe.skeleton), range(_BODIES)))
    if recipe.net == "lifter":
        from pose3d_training.tasks.lifting import LifterTask
        from pose3d_training.tasks.lifting_samples import lifting_tracks

        assets = _needed(folders.assets, "--assets", "the folder with the recorded motions and the bodies")
        return LifterTask(recipe, lifting_tracks(assets, range(_LIFTED_BODIES)))
    from pose3d_training.tasks.image_tasks import DetectorTask, RootPoseTask, composer

    scenes = composer(_needed(folders.bank, "--bank", "the folder of rendered people"), folders.backgrounds)
    return DetectorTask(recipe, scenes) if recipe.net == "detector" else RootPoseTask(recipe, scenes)


def _check_start(recipe: Recipe, engine: Path | None) -> None:
    """The normalizations of a lifter's graph are folded into layers that a training can't take them out of again."""
    if recipe.net == "lifter" and engine is not None and engine.suffix != ".pt":
        raise ConfigError(
            "option --engine",
            expected="a run's checkpoint.pt, for a lifter",
            got=str(engine),
            fix="Name the checkpoint.pt of the run that the engine was delivered from.",
        )


def _needed(folder: Path | None, option: str, meaning: str) -> Path:
    if folder is None or not folder.is_dir():
        raise ConfigError(f"option {option}", expected=meaning, got=str(folder), fix="See docs/train.md.")
    return folder
