"""Network input and losses of the tasks that take images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("moderngl")

from training_fixtures import Composer, person, scene

from pose3d_ros.engines.spec.entry import Normalization
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch
from pose3d_training.tasks.image_tasks import MEAN_RGB, STD_RGB, RootPoseTask, normalize

RECIPE = Recipe(
    net="root_pose", backbone="resnet10w8", steps=10, batch_size=2, learning_rate=1e-3, input_width_px=64,
    deconv_channels=8, workers=0,
)  # fmt: skip


def test_normalized_batch_is_that_of_the_manifest_entry() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    expected = Normalization(1 / 255, MEAN_RGB, STD_RGB, "rgb").apply(images)
    np.testing.assert_allclose(normalize(torch.from_numpy(images)).numpy(), expected, atol=1e-5)


def task_and_batch(**changes: object) -> tuple[RootPoseTask, Batch]:
    task = RootPoseTask(replace(RECIPE, **changes), Composer(scene(person(1))))  # type: ignore[arg-type]
    return task, next(task.batches(0))


def depth_gradient(task: RootPoseTask, batch: Batch) -> float:
    """Of the volume's depths and the root's depth together: how much the loss asks them to change."""
    with torch.no_grad():
        out = task.module(normalize(batch["image"]), batch["k_m"])
    free = {
        name: getattr(out, name).detach().requires_grad_() for name in ("relative_depth_m", "root_depth_m", "depth")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.module, "forward", lambda *_: out._replace(**free))
        task.loss(batch)[0].backward()  # type: ignore[no-untyped-call]
    return float(sum(value.grad.abs().sum() for value in free.values() if value.grad is not None))


def test_photographs_teach_no_depth() -> None:
    task, batch = task_and_batch()
    assert depth_gradient(task, batch) > 0
    task, batch = task_and_batch()
    batch |= {"has_depth": torch.zeros(2), "known": batch["inside"]}
    assert depth_gradient(task, batch) == 0
    assert np.isfinite(task.loss(batch)[0].item())


def test_depth_weight_of_a_recipe_turns_the_joints_depths_off() -> None:
    task, batch = task_and_batch(losses={"depth": [[0.0, 0.0], [0.5, 1.0]], "root": 0.0})
    assert depth_gradient(task, batch) == 0
    task.progress = 0.5
    assert depth_gradient(task, batch) > 0


def test_terms_of_a_recipe_are_added_with_their_weights() -> None:
    task, batch = task_and_batch()
    with torch.no_grad():
        plain, _ = task.loss(batch)
        weighted = RootPoseTask(replace(RECIPE, losses={"root_coordinates": 2.0}), task.scenes)
        weighted.module = task.module
        total, logged = weighted.loss(batch)
    assert float(total - plain) == pytest.approx(2 * float(logged["root_coordinates"]), rel=1e-4)
