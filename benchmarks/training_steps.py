"""Training steps of the default recipes on made-up tensors; needs torch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import feature_size
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe, load_recipe, shipped_recipes
from pose3d_training.loop.training_loop import Batch, Task, Trainer
from pose3d_training.nets.detector_net import STRIDE_PX
from pose3d_training.tasks.image_tasks import DetectorTask, RootPoseTask, build_detector, build_root_pose
from pose3d_training.tasks.smoothing import SmootherTask

NETS = ("detector", "root_pose", "smoother")
_WARM_UP = 2
_WINDOW_FRAMES = 72


@dataclass(frozen=True)
class TrainingRate:
    """Of one recipe: samples learned in a second of one core, and how many the recipe has."""

    samples_per_s: float
    samples: int


class _Clock:
    """One batch again and again, with the processor time at which each was asked for."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.asked_s: list[float] = []

    def batches(self) -> Iterator[Batch]:
        while True:
            self.asked_s.append(time.process_time())
            yield self.batch

    @property
    def step_s(self) -> float:
        """Median time from one batch to the next, without the first ones."""
        return statistics.median(
            b - a for a, b in zip(self.asked_s[_WARM_UP:], self.asked_s[_WARM_UP + 1 :], strict=False)
        )


class _PoseSteps(RootPoseTask):
    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.module, self.clock = recipe, build_root_pose(recipe), _Clock(pose_batch(recipe))

    def batches(self, seed: int) -> Iterator[Batch]:
        return self.clock.batches()


class _DetectorSteps(DetectorTask):
    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.module, self.clock = recipe, build_detector(recipe), _Clock(detector_batch(recipe))

    def batches(self, seed: int) -> Iterator[Batch]:
        return self.clock.batches()


class _SmootherSteps(SmootherTask):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe, [])
        self.clock = _Clock(smoother_batch(recipe))

    def batches(self, seed: int) -> Iterator[Batch]:
        return self.clock.batches()


def use_one_core() -> None:
    """No threads of torch's or OpenCV's own."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def training_rates(steps: int, folder: Path) -> dict[str, TrainingRate]:
    """Run a few steps of each default recipe with the training loop itself, in `folder`."""
    return {net: _rate(load_recipe(shipped_recipes()[net]), steps + _WARM_UP, folder / net) for net in NETS}


def _rate(recipe: Recipe, steps: int, folder: Path) -> TrainingRate:
    made: dict[str, type[_DetectorSteps | _PoseSteps | _SmootherSteps]] = {
        "detector": _DetectorSteps,
        "root_pose": _PoseSteps,
        "smoother": _SmootherSteps,
    }
    task = made[recipe.net](recipe)
    _run(task, replace(recipe, steps=steps, log_every=steps + 1, save_every=steps + 1), folder)
    return TrainingRate(recipe.batch_size / task.clock.step_s, recipe.steps * recipe.batch_size)


def _run(task: Task, recipe: Recipe, folder: Path) -> None:
    Trainer(task, recipe, folder, open_fabric(recipe.bfloat16, "cpu", {})).run()


def pose_batch(recipe: Recipe) -> Batch:
    """Noise in the shapes of `PoseSample`."""
    count, joints, side = recipe.batch_size, len(get_skeleton(recipe.skeleton)), recipe.input_width_px
    return {
        "image": torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8),
        "k_m": 2 + 6 * torch.rand(count),
        "joints_crop_px": side * torch.rand(count, joints, 2),
        "relative_depth_m": torch.rand(count, joints) - 0.5,
        "root_depth_m": 2 + 4 * torch.rand(count),
        "inside": torch.ones(count, joints),
    }


def detector_batch(recipe: Recipe) -> Batch:
    """Noise in the shapes of `DetectionSample`, one person an image."""
    count, width, height = recipe.batch_size, recipe.input_width_px, recipe.input_height_px
    grid = (height // STRIDE_PX, width // STRIDE_PX)
    heat = torch.rand(count, 1, *grid) ** 8
    heat[:, 0, grid[0] // 2, grid[1] // 2] = 1
    return {
        "image": torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8),
        "heat": heat,
        "heat_weight": torch.ones(count, 1, *grid),
        "ltrb_px": 10 + 50 * torch.rand(count, 4, *grid),
        "box_weight": (heat > 0.5).float(),
    }


def smoother_batch(recipe: Recipe) -> Batch:
    """Noise in the shapes of `TrackSample`."""
    joints = len(get_skeleton(recipe.skeleton))
    shape = (recipe.batch_size, _WINDOW_FRAMES)
    true = torch.randn(*shape, joints, 3)
    return {
        "measured_m": true + 0.02 * torch.randn(*shape, joints, 3),
        "true_m": true,
        "present": torch.ones(*shape, joints),
        "features": _features(shape, joints),
        "cam2ray": torch.eye(3).expand(*shape, 3, 3).clone(),
    }


def _features(shape: tuple[int, int], joints: int) -> torch.Tensor:
    features = torch.randn(*shape, feature_size(joints))
    features[..., -1] = 1.0  # the time between frames
    return features
