"""Samples of weak supervision made once for all arms of `learning.py`: making them costs more than training on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.weak_samples import WeakLiftSamples
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch

_FRAMES = 131_072
"""Of all samples of a pool together."""
_SEED = 11


class SamplePool:
    """The fields of `WeakLiftSample` of many people, and their tracks; kept in a file.

    noisy: as a 2D model sees them, else 2D joints are exact.
    """

    def __init__(self, tracks: Sequence[Array], recipe: Recipe, folder: Path, noisy: bool = True) -> None:
        frames = max(recipe.window_frames, 1)
        skeletons = get_skeleton(recipe.input_skeleton), get_skeleton(recipe.skeleton)
        self._samples = WeakLiftSamples(tracks, *skeletons, frames, _SEED, noisy)
        name = f"pool_{recipe.input_skeleton}_{recipe.skeleton}_{frames}"
        path = folder / f"{name}{'' if noisy else '_exact'}.npz"
        if not path.exists():
            np.savez(path, **self._made(_FRAMES // frames))
        with np.load(path) as kept:
            self._fields = {name: kept[name] for name in kept.files}

    def _made(self, count: int) -> dict[str, Any]:
        rng, made, done = np.random.default_rng(_SEED), list[dict[str, Any]](), 0
        while done < count:
            people = self._samples.people(rng)
            weak = ("labeled", "root_m", "center", "spread", "cam_from_person")
            fields = dict(zip(weak, self._samples.weak_fields(people), strict=True))
            root = people.joints_cam_m[:, :, self._samples.root].astype(np.float32)
            known: dict[str, Any] = {"features": people.features, "target_m": people.target_m, "track": people.track}
            made.append({**fields, **known, "root_cam_m": root})
            done += len(people.track)
        return {name: np.concatenate([one[name] for one in made]) for name in made[0]}

    def labeled_people(self, share: float) -> tuple[Array, Array]:
        """2D joints (N, T, J, 3) and 3D joints (N, T, J, 3), metres, float32, if a share of the motions is labeled."""
        labeled = self._samples.labeled_motions(share)[self._fields["track"]]
        return self._fields["features"][labeled], self._fields["target_m"][labeled]

    def batches(self, recipe: Recipe, seed: int) -> Iterator[Batch]:
        """Endless batches, with the recipe's share of labels; poses without an image are other samples' labels."""
        labeled = self._samples.labeled_motions(recipe.labeled_share)[self._fields["track"]]
        names = ("features", "target_m", "root_m", "center", "spread", "cam_from_person")
        whole = {name: torch.from_numpy(self._fields[name]) for name in names}
        whole["labeled"] = torch.from_numpy(labeled.astype(np.float32))
        root, true = torch.from_numpy(self._fields["root_cam_m"]), torch.from_numpy(np.flatnonzero(labeled))
        generator = torch.Generator().manual_seed(seed)
        while True:
            at = torch.randint(len(labeled), (recipe.batch_size,), generator=generator)
            other = true[torch.randint(len(true), (recipe.batch_size,), generator=generator)]
            batch = {name: values[at] for name, values in whole.items()}
            yield {**batch, "prior_m": whole["target_m"][other], "prior_root_m": root[other]}
