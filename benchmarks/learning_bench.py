"""What cases of `learning.py` share: lifters trained on the same motions, and their errors on people that none saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning_pool import SamplePool
from torch import nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.loss_term import LossTerm
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Trainer
from pose3d_training.tasks.lifting import LifterTask, lifted
from pose3d_training.tasks.lifting_check import HeldOutPeople, LiftError, held_out_people, lift_error
from pose3d_training.tasks.lifting_samples import LiftSamples, held_out_tracks, lifting_tracks

RECIPE = Recipe(
    net="lifter", architecture="residual", steps=3000, batch_size=256, learning_rate=1e-3, channels=160,
    bfloat16=False, workers=0, log_every=500, save_every=500, warmup_steps=100,
)  # fmt: skip
"""Of every arm of a case, but for what the case is about."""

_BODIES, _HELD_OUT_BODIES = range(12), range(1_000_000, 1_000_006)
_HELD_OUT_SEED = 77


@dataclass(frozen=True)
class Case:
    """A method with and without.

    question: what it shows, in a line. unit: of the figures. run: (bench, seed) → figure by the name of its arm, the
    first without the method.
    """

    name: str
    paper: str
    question: str
    unit: str
    run: Callable[[LearningBench, int], Mapping[str, float]]


class _PooledTask(LifterTask):
    def __init__(self, recipe: Recipe, tracks: list[Array], pool: SamplePool) -> None:
        super().__init__(recipe, tracks)
        self._pool = pool

    def batches(self, seed: int) -> Iterator[Batch]:
        return self._pool.batches(self.recipe, seed)


class LearningBench:
    """Trains arms in folders of `output`, where a finished one is not trained again.

    assets: bodies and recorded motions. scale: of the number of steps. terms: of the arm that was trained last.
    """

    def __init__(self, assets: Path, output: Path, scale: float = 1.0) -> None:
        self.assets, self.output, self.scale = assets, output, scale
        self.terms: Mapping[str, LossTerm] = {}
        self._pools: dict[tuple[str, str, int, bool], SamplePool] = {}

    @cached_property
    def tracks(self) -> list[Array]:
        """Motions on bodies to train on, (T, 27, 3) each."""
        return self._kept("tracks", lambda: lifting_tracks(self.assets, _BODIES))

    @cached_property
    def held_out_tracks(self) -> list[Array]:
        """Motions on bodies that nothing is trained on."""
        return self._kept("held_out_tracks", lambda: held_out_tracks(self.assets, _HELD_OUT_BODIES))

    def _kept(self, name: str, make: Callable[[], list[Array]]) -> list[Array]:
        """Made once, since skinning takes a minute: tracks in a file of the output folder."""
        path = self.output / f"{name}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, *[track.astype(np.float32) for track in make()])
        with np.load(path) as kept:
            return [kept[key].astype(np.float64) for key in kept.files]

    def train(self, case: str, arm: str, seed: int, noisy: bool = True, **changes: Any) -> nn.Module:
        """The averaged net of an arm, in eval mode. noisy: 2D joints as a model sees them. changes: to `RECIPE`."""
        recipe = self._recipe(seed, changes)
        torch.manual_seed(seed)
        task = _PooledTask(recipe, self.tracks, self.pool(recipe, noisy))
        self.terms = task.terms
        return self._trained(task, case, arm)

    def train_recorded(
        self, case: str, arm: str, seed: int, recorded: Sequence[RecordedTrack], **changes: Any
    ) -> nn.Module:
        """The same of an arm that learns from recordings alone."""
        recipe = self._recipe(seed, changes)
        torch.manual_seed(seed)
        return self._trained(LifterTask(recipe, [], recorded), case, arm)

    def _recipe(self, seed: int, changes: Mapping[str, Any]) -> Recipe:
        recipe = replace(RECIPE, seed=seed, **changes)
        return replace(recipe, steps=max(2, round(recipe.steps * self.scale)))

    def _trained(self, task: LifterTask, case: str, arm: str) -> nn.Module:
        folder = self.folder(case, arm, task.recipe.seed)
        return Trainer(task, task.recipe, folder, open_fabric(device="cpu")).run().eval()

    def pool(self, recipe: Recipe, noisy: bool = True) -> SamplePool:
        """Samples for a recipe, the same for all of its skeletons and windows."""
        key = recipe.input_skeleton, recipe.skeleton, max(recipe.window_frames, 1), noisy
        if key not in self._pools:
            self._pools[key] = SamplePool(self.tracks, recipe, self.output, noisy)
        return self._pools[key]

    def folder(self, case: str, arm: str, seed: int) -> Path:
        """Where an arm's run is."""
        return self.output / case / f"{arm}_s{seed}"

    def people(self, count: int = 200, frames: int = 8, noisy: bool = True, recipe: Recipe = RECIPE) -> HeldOutPeople:
        """The same held-out people each time, features (P, T, J_in, 3) and joints (P, T, J_out, 3)."""
        skeletons = get_skeleton(recipe.input_skeleton), get_skeleton(recipe.skeleton)
        return held_out_people(LiftSamples(self.held_out_tracks, *skeletons, frames, _HELD_OUT_SEED, noisy), count)

    def joints_m(self, net: nn.Module, people: HeldOutPeople) -> Array:
        """What a net says of people, (P, T, J_out, 3)."""
        with torch.no_grad():
            return lifted(net, torch.from_numpy(people.features).float()).double().numpy()

    def error(self, net: nn.Module, people: HeldOutPeople, recipe: Recipe = RECIPE) -> LiftError:
        """Errors of a net on people."""
        return lift_error(self.joints_m(net, people), people.target_m, get_skeleton(recipe.skeleton).root)
