"""The lifters' training task: 3D joints of people whose 2D joints a net has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.loss_term import Critic, Lifted, Weight, weight_at
from pose3d_training.learning.recorded_landmarks import RecordedLandmarks
from pose3d_training.learning.recorded_people import MixedSamples, RecordedPeople
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.learning.registry import DEFAULT_LOSSES, make_terms
from pose3d_training.learning.weak_samples import WeakLiftSamples
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Loss, Task, loaded
from pose3d_training.nets.lifter_nets import FrameLifter, LeakyLifter, ResidualLifter
from pose3d_training.nets.sem_gcn import SkeletonLifter
from pose3d_training.nets.stereo_lifter import StereoLifter
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.synthetic.body_points import LANDMARKS
from pose3d_training.tasks.landmark_errors import LandmarkErrors
from pose3d_training.tasks.landmark_samples import LandmarkSamples
from pose3d_training.tasks.lifting_samples import LiftSamples

IN_FEATURES = 3
"""x, y and the score of each joint."""
_WINDOW_FRAMES = 40


def build_lifter(recipe: Recipe) -> FrameLifter | TemporalModel:
    """The untrained net of a recipe."""
    seen, skeleton = get_skeleton(recipe.input_skeleton), get_skeleton(recipe.skeleton)
    sizes = len(LANDMARKS if recipe.lifter_input == "region" else seen), IN_FEATURES, len(skeleton)
    layers: dict[str, Any] = {"channels": recipe.channels, "blocks": recipe.blocks, "dropout": recipe.dropout}
    if recipe.architecture in ("residual", "stereo"):
        net = ResidualLifter(*sizes, **layers) if recipe.architecture == "residual" else StereoLifter(*sizes, **layers)
        for part in net.modules():
            if isinstance(part, ResidualLifter):
                nn.init.zeros_(part.w2.weight)  # poses of metres to begin with would take long to unlearn
        return net
    if recipe.architecture == "repnet":
        return LeakyLifter(*sizes, channels=recipe.channels, blocks=recipe.blocks)
    if recipe.architecture == "sem_gcn":
        return SkeletonLifter(seen, skeleton, IN_FEATURES, channels=recipe.channels, layers=recipe.blocks)
    widths, causal = recipe.filter_widths, recipe.causal
    return TemporalModel(*sizes, widths, causal=causal, dropout=recipe.dropout, channels=recipe.channels)


def lifted(module: nn.Module, features: Tensor) -> Tensor:
    """Joints (N, T, J_out, 3) of every frame of features (N, T, J_in, F).

    A temporal net sees the first frame repeated before a sequence and, if it is symmetric, the last one behind it.
    """
    if isinstance(module, TemporalModel):
        before = module.receptive_field - 1 if module.causal else module.receptive_field // 2
        after = module.receptive_field - 1 - before
        ends = features[:, :1].expand(-1, before, -1, -1), features[:, -1:].expand(-1, after, -1, -1)
        joints: Tensor = module(torch.cat((ends[0], features, ends[1]), dim=1))
        return joints
    frames: Tensor = module(features.flatten(0, 1))
    return frames.reshape(*features.shape[:2], *frames.shape[1:])


def _views(module: nn.Module, features: Tensor) -> tuple[Tensor, Tensor | None]:
    """As `lifted`, and the right view (N, T, J_out, 2) of a net that synthesizes one; both in float32."""
    if not isinstance(module, StereoLifter):
        return lifted(module, features).float(), None
    right, joints = module.views(features.flatten(0, 1))
    shape = features.shape[:2]
    return joints.float().reshape(*shape, *joints.shape[1:]), right.float().reshape(*shape, *right.shape[1:])


def center_outputs(model: TemporalModel, root: int) -> None:
    """Make a temporal net's joints relative to the joint of index `root`, in place: its last layer is linear."""
    with torch.no_grad():
        for parameter in model.shrink.parameters():
            joints = parameter.view(model.num_joints_out, 3, -1)
            joints -= joints[root].clone()


class LifterTask(Task):
    """Joints from 2D joints, by the recipe's losses: without any, their mean distance from the labels (MPJPE).

    recorded: people of recordings, who are the recipe's `recorded_share` of the samples; all of them without tracks.
    """

    def __init__(self, recipe: Recipe, tracks: Sequence[Array], recorded: Sequence[RecordedTrack] = ()) -> None:
        self.recipe, self.tracks, self.recorded = recipe, tracks, recorded
        self.module: nn.Module = build_lifter(recipe)
        self.input_skeleton, self.skeleton = get_skeleton(recipe.input_skeleton), get_skeleton(recipe.skeleton)
        self._weights: Mapping[str, Weight] = recipe.losses or DEFAULT_LOSSES
        self.terms = make_terms(self._weights, self.input_skeleton, self.skeleton)
        critics = [term for term in self.terms.values() if isinstance(term, Critic)]
        self.auxiliary = nn.ModuleList(term for term in self.terms.values() if not isinstance(term, Critic))
        if critics:
            self.critic = nn.ModuleList(critics)
            self.critic_learning_rate = min(critic.learning_rate for critic in critics)

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        frames = self.recipe.window_frames or (_WINDOW_FRAMES if self.recipe.architecture == "temporal" else 1)
        made = (self.tracks, self.input_skeleton, self.skeleton, frames, seed)
        weak = bool(self.recipe.losses)
        samples: LiftSamples | None = None
        if weak:
            samples = WeakLiftSamples(*made, labeled_share=self.recipe.labeled_share)
        elif self.tracks:
            samples = LiftSamples(*made)
        if not self.recorded:
            return loaded(samples or LiftSamples(*made), self.recipe)
        people = RecordedPeople(
            self.recorded,
            self.input_skeleton,
            self.skeleton,
            frames,
            labeled=not weak,
            second_view_deg=self.recipe.second_view_deg,
            hidden_share=self.recipe.hidden_share,
        )
        return loaded(MixedSamples(samples, people, self.recipe.recorded_share, seed), self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        seen = self._lifted(batch)
        total, logged = seen.joints_m.new_zeros(()), {}
        for name, term in self.terms.items():
            value: Tensor = term(seen)
            total = total + weight_at(self._weights[name], self.progress) * value
            logged[name] = value.detach()
        if "joints" in logged:
            logged["joint_mm"] = logged.pop("joints") * 1000
        return total, logged

    def critic_loss(self, batch: Batch) -> Loss:
        """See `Task.critic_loss`."""
        with torch.no_grad():
            seen = self._lifted(batch)
        named = [(name, term) for name, term in self.terms.items() if isinstance(term, Critic)]
        losses = {f"{name}_critic": critic.critic_loss(seen) for name, critic in named}
        return torch.stack(list(losses.values())).sum(), {name: value.detach() for name, value in losses.items()}

    def _lifted(self, batch: Batch) -> Lifted:
        joints, right = _views(self.module, batch["features"])
        root = self.skeleton.root
        relative = joints - joints[:, :, root : root + 1]
        batch = _with_gaps(batch)
        return Lifted(relative, batch, self.input_skeleton, self.skeleton, self.progress, right)


def _with_gaps(batch: Batch) -> Batch:
    """A batch whose `target_m` may have NaN, where a recording does not know a joint, as losses read it."""
    known = batch["target_m"].isfinite().all(dim=-1)
    if bool(known.all()):
        return batch
    in_target = known.to(batch["features"].dtype)
    labeled = batch["labeled"] if "labeled" in batch else in_target.new_ones(len(in_target))
    more = {"in_target": in_target, "labeled_joints": labeled[:, None, None] * in_target}
    more["labeled"] = labeled * in_target.amin(dim=(1, 2))
    return {**batch, "target_m": batch["target_m"].nan_to_num(), **more}


class LandmarkLifterTask(LifterTask):
    """The same of people as a landmark net sees them.

    made: for samples of posed bodies, see `make_pool`, and the net's errors. recorded: of recordings. One of both may
    be None.
    """

    def __init__(
        self, recipe: Recipe, made: tuple[Array, LandmarkErrors] | None, recorded: RecordedLandmarks | None = None
    ) -> None:
        super().__init__(recipe, [])
        self.made, self.landmarks = made, recorded

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        samples = None if self.made is None else LandmarkSamples(*self.made, seed)
        if self.landmarks is not None:
            return loaded(MixedSamples(samples, self.landmarks, self.recipe.recorded_share, seed), self.recipe)
        assert samples is not None, "samples of posed bodies, or of recordings"
        return loaded(samples, self.recipe)
