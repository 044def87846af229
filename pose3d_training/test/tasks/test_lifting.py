"""The lifters' training task, without assets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.loop.recipe import Recipe
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep
from pose3d_training.tasks.lifting import LifterTask, build_lifter, center_outputs, lifted

pytest.importorskip("moderngl")


COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")
RECIPE = Recipe(
    net="lifter", architecture="residual", steps=3, batch_size=4, learning_rate=1e-3, channels=8, blocks=1,
    filter_widths=(3, 3), warmup_steps=1, bfloat16=False, workers=0, log_every=1, save_every=3,
)  # fmt: skip
NETS = {
    "lifter_frame": RECIPE,
    "lifter_frame without normalization": replace(RECIPE, architecture="repnet"),
    "lifter_frame of graphs": replace(RECIPE, architecture="sem_gcn"),
    "videopose3d_step": replace(RECIPE, architecture="temporal"),
    "videopose3d": replace(RECIPE, architecture="temporal", causal=False),
}


def test_causal_lifter_repeats_the_first_frame() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d_step"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(2, 5, 17, 3)
    step = TemporalStep(model)
    states, found = list(step.initial_states(2)), []
    for frame in [features[:, 0]] * (model.receptive_field - 1) + list(features.unbind(1)):
        y, *states = step(frame.flatten(1), *states)
        found.append(y)
    wanted = torch.stack(found[-5:], dim=1).reshape(2, 5, 21, 3)
    torch.testing.assert_close(lifted(model, features), wanted, rtol=1e-4, atol=1e-5)


def test_symmetric_lifter_pads_both_ends() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(1, 20, 17, 3)
    found = lifted(model, features)
    assert found.shape == (1, 20, 21, 3)
    torch.testing.assert_close(found[:, 4:16], model(features))  # 9 frames: 4 on either side


def test_centered_outputs_are_relative_to_the_root() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d_step"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(1, 9, 17, 3)
    before = model(features)
    center_outputs(model, MUCO.root)
    torch.testing.assert_close(model(features), before - before[:, :, [MUCO.root]], rtol=1e-4, atol=1e-5)


def test_stereo_lifter_learns_the_right_view_of_its_samples(tracks: list[Array]) -> None:
    torch.manual_seed(0)
    recipe = replace(RECIPE, architecture="stereo", losses={"right_view": 1.0}, channels=32, batch_size=16)
    task = LifterTask(recipe, tracks)
    batch = next(task.batches(1))
    optimizer = torch.optim.Adam(task.module.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss, logged = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(logged["right_view"]))
    assert losses[0] > 0.5  # spreads: it starts at nothing
    assert losses[-1] < 0.3 * losses[0]


def test_recipe_says_from_where_recorded_people_are_seen() -> None:
    joints = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 21, 3)) + [0.0, 0.0, 4.0]
    keypoints = (joints[..., :2] / joints[..., 2:])[:, :17]
    track = RecordedTrack(keypoints, np.ones((1, 17)), joints)

    def views(recipe: Recipe) -> int:
        """How many different poses a batch has."""
        batch = next(LifterTask(recipe, [], [track]).batches(1))
        return len({tuple(pose.round(decimals=4).flatten().tolist()) for pose in batch["target_m"]})

    recipe = replace(RECIPE, batch_size=120)
    assert views(recipe) == 2  # mirrored or not
    assert views(replace(recipe, second_view_deg=60.0)) == 10


def test_lifter_loss_is_the_mean_distance(tracks: list[Array]) -> None:
    task = LifterTask(RECIPE, tracks)
    with torch.no_grad():
        for parameter in task.module.parameters():
            parameter.zero_()
    target = torch.zeros(2, 1, 21, 3)
    target[:, :, 0] = torch.tensor([0.3, 0.0, 0.4])  # one joint of 21 is half a metre from where it is put
    loss, logged = task.loss({"features": torch.zeros(2, 1, 17, 3), "target_m": target})
    assert float(logged["joint_mm"]) == pytest.approx(500 / 21)
    assert float(loss.detach()) == pytest.approx(10 * 0.5 / 21)
