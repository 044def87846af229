"""The smoother's training task: a causal temporal net that turns measured tracks into true ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smooth_features import feature_size
from pose3d_ros.types import Array
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Loss, Task, loaded
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.tasks.noisy_tracks import TrackSamples

_WINDOW_FRAMES = 72
_SMOOTHNESS_WEIGHTS = (1.0, 2.0, 2.0)
"""Of the errors of position, of first and of second differences. Smoothness is the smoother's purpose: a difference's
error is a few times smaller than a position's, and counts here about as much."""


def build_smoother(recipe: Recipe) -> TemporalModel:
    """The untrained causal net: features of one frame in, corrections of J relative joints and of the root out."""
    skeleton = get_skeleton(recipe.skeleton)
    model = TemporalModel(
        1,
        feature_size(len(skeleton)),
        len(skeleton) + 1,
        recipe.filter_widths,
        causal=True,
        dropout=0.0,
        channels=recipe.channels,
    )
    nn.init.zeros_(model.shrink.weight)  # no correction to begin with
    return model


def apply_corrections(measured_m: Tensor, corrections: Tensor, cam2ray: Tensor, root: int) -> Tensor:
    """Smoothed joints (N, T, J, 3): measured ones plus (N, T, (J + 1)·3) corrections of pose and root.

    The corrections are in the rays' frames, cam2ray (N, T, 3, 3), see `smooth_features`.
    """
    joints = measured_m.shape[2]
    moved = corrections.reshape(*corrections.shape[:2], joints + 1, 3) @ cam2ray
    pose, root_shift = moved[:, :, :joints], moved[:, :, joints:]
    smoothed: Tensor = measured_m + (pose - pose[:, :, root : root + 1]) + root_shift
    return smoothed


class SmootherTask(Task):
    """L1 on joints, root-relative and absolute, and on their first and second differences."""

    def __init__(self, recipe: Recipe, tracks: Sequence[Array]) -> None:
        self.recipe, self.tracks = recipe, tracks
        self.skeleton: Skeleton = get_skeleton(recipe.skeleton)
        self.module: TemporalModel = build_smoother(recipe)

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        samples = TrackSamples(self.tracks, self.skeleton, _WINDOW_FRAMES, seed)
        return loaded(samples, self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        measured, true, root = batch["measured_m"], batch["true_m"], self.skeleton.root
        out = self.module.forward_sequence(batch["features"]).float()
        smoothed = apply_corrections(measured, out, batch["cam2ray"], root)
        present = batch["present"]
        pose = _errors(_centered(smoothed, root), _centered(true, root), present)
        at_root = present[:, :, root : root + 1]
        root_error = _errors(smoothed[:, :, root : root + 1], true[:, :, root : root + 1], at_root)
        before = _errors(_centered(measured, root), _centered(true, root), present)
        logged = {"joint_mm": pose[0], "joint_mm_before": before[0], "step_mm": pose[1], "step_mm_before": before[1]}
        root_before = _errors(measured[:, :, root : root + 1], true[:, :, root : root + 1], at_root)
        logged |= {"root_mm": root_error[0], "root_mm_before": root_before[0]}
        total = sum(w * (a + 0.5 * b) for w, a, b in zip(_SMOOTHNESS_WEIGHTS, pose, root_error, strict=True))
        return torch.as_tensor(total) * 10, {k: v.detach() * 1000 for k, v in logged.items()}


def _centered(joints_m: Tensor, root: int) -> Tensor:
    return joints_m - joints_m[:, :, root : root + 1]


def _errors(predicted_m: Tensor, true_m: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean norms of the error and of its first and second differences over time, metres a frame.

    present (N, T, K): 1 for the joints that count; a difference counts where all of its frames do.
    """
    error, counts, means = predicted_m - true_m, present, []
    for n in range(3):
        norm = error.norm(dim=-1)
        means.append((norm * counts).sum() / counts.sum().clamp(min=1))
        error, counts = torch.diff(error, dim=1), counts[:, 1:] * present[:, : -n - 1]
    return means[0], means[1], means[2]
