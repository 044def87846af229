"""The smoother's training task: a causal temporal net that turns measured tracks into true ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.pose_follower import FOLLOWING_FRAMES, FOLLOWING_S
from pose3d_ros.stages.smooth.smooth_features import NOMINAL_DT_S, feature_size
from pose3d_ros.types import Array
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Loss, Task, loaded
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.tasks.motion_runs import MotionRun
from pose3d_training.tasks.noisy_tracks import TrackSamples

_WINDOW_FRAMES = 72
_SMOOTHNESS_WEIGHTS, _FULL_RATE_HZ = (1.0, 2.0, 10.0), 15.0
"""Of the errors of position, of first and of second differences. Smoothness is the smoother's purpose: second
differences' errors are four times smaller than positions', and count here more than they. At a higher rate than
`_FULL_RATE_HZ` they count less, as the differences of a motion are smaller: else the net lags to be smoother."""


def build_smoother(recipe: Recipe) -> TemporalModel:
    """The untrained causal net: features of one frame in, corrections of J relative joints out."""
    skeleton = get_skeleton(recipe.skeleton)
    model = TemporalModel(
        1,
        feature_size(len(skeleton)),
        len(skeleton),
        recipe.filter_widths,
        causal=True,
        dropout=0.0,
        channels=recipe.channels,
    )
    nn.init.zeros_(model.shrink.weight)  # no correction to begin with
    return model


def apply_corrections(relative_m: Tensor, corrections: Tensor, cam2ray: Tensor, root: int) -> Tensor:
    """Smoothed joints (N, T, J, 3) from the root: measured ones plus corrections (N, T, J·3).

    The corrections are in the rays' frames, cam2ray (N, T, 3, 3), see `smooth_features`.
    """
    moved = corrections.reshape(relative_m.shape) @ cam2ray
    return relative_m + moved - moved[:, :, root : root + 1]


def followed(relative_m: Tensor, dt_s: Tensor, present: Tensor) -> Tensor:
    """What `stages.smooth.pose_follower` makes of the net's poses (N, T, K, 3), frame by frame.

    dt_s (N, T): since the frame before; present (N, T, K): 1 for joints that are measured.
    """
    keep = torch.exp(-(dt_s / FOLLOWING_S).clamp(min=1 / FOLLOWING_FRAMES))[..., None, None]
    gain, push = 1 - keep**2, (1 - keep) ** 2 / dt_s[..., None, None]
    position, velocity = relative_m[:, 0], torch.zeros_like(relative_m[:, 0])
    out = [position]
    for t in range(1, relative_m.shape[1]):
        ahead = position + velocity * dt_s[:, t, None, None]
        error, stays = relative_m[:, t] - ahead, present[:, t - 1, :, None]
        position = relative_m[:, t] + stays * (gain[:, t] - 1) * error
        velocity = stays * (velocity + push[:, t] * error)
        out.append(position)
    return torch.stack(out, dim=1)


class SmootherTask(Task):
    """L1 on joints from the root, and on their first and second differences, behind the follower."""

    def __init__(self, recipe: Recipe, tracks: Sequence[Array], runs: Sequence[MotionRun] = ()) -> None:
        self.recipe, self.tracks, self.runs = recipe, tracks, runs
        self.skeleton: Skeleton = get_skeleton(recipe.skeleton)
        self.module: TemporalModel = build_smoother(recipe)

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        samples = TrackSamples(self.tracks, self.skeleton, _WINDOW_FRAMES, seed, self.runs)
        return loaded(samples, self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        root, present, features = self.skeleton.root, batch["present"], batch["features"]
        measured, true = _centered(batch["measured_m"], root), _centered(batch["true_m"], root)
        out = self.module.forward_sequence(features).float()
        corrected = apply_corrections(measured, out, batch["cam2ray"], root)
        dt_s = features[..., -1] * NOMINAL_DT_S
        smoothed = followed(corrected, dt_s, present)
        after, before = _errors(smoothed, true, present), _errors(measured, true, present)
        names = ("joint_mm", "step_mm", "acceleration_mm")
        logged = {name: 1000 * value.detach() for name, value in zip(names, after, strict=True)}
        logged |= {f"{name}_before": 1000 * value for name, value in zip(names, before, strict=True)}
        return 10 * _weighted(smoothed, true, present, dt_s), logged


def _weighted(smoothed_m: Tensor, true_m: Tensor, present: Tensor, dt_s: Tensor) -> Tensor:
    """The errors of joints and of their differences in one number; dt_s (N, T)."""
    slow = (dt_s.median(dim=1).values * _FULL_RATE_HZ).clamp(max=1.0)[:, None, None, None]
    total = torch.zeros(())
    for order, weight in enumerate(_SMOOTHNESS_WEIGHTS):
        total = total + weight * _errors(smoothed_m * slow**order, true_m * slow**order, present)[order]
    return total


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
