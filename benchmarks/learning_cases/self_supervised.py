"""No 3D label, two views: cameras whose places are not known label each other's people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from learning_bench import RECIPE, Case, LearningBench
from torch import nn

from pose3d_ros.errors import InputError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.pose_refiner import trained_refiner
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.multiview.labels import labels_of
from pose3d_training.multiview.metric_scale import KnownLength
from pose3d_training.multiview.view_tracks import ViewPeople, ViewTrack
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks.lifting import lifted
from pose3d_training.tasks.lifting_noise import Detected, detect
from pose3d_training.tasks.lifting_samples import LiftSamples, placed

_H36M = get_skeleton("h36m17")
_PELVIS = SYNTH_JOINTS.index("Pelvis")
_SKELETONS: dict[str, Any] = {"input_skeleton": "h36m17", "skeleton": "h36m17"}
_RECIPE = replace(RECIPE, **_SKELETONS)
_RIGS, _FRAMES, _PEOPLE = 64, 60, 8
_HIDDEN, _HIDDEN_SHARE = ", joints hidden", 0.75
"""Arms that are trained with joints hidden; in how many of the samples."""
_SHARE = 0.05
"""Of the motions are labeled for refinement."""
_AWAY_M = 1.5
"""Two cameras see that many people one after the other, this far about the middle of what both see."""


@cache
def _scenes(bench: LearningBench) -> tuple[list[RecordedTrack], list[RecordedTrack]]:
    """Both views of people with labels by triangulation, and the same with true ones."""
    samples = LiftSamples(bench.tracks, _H36M, _H36M, _FRAMES, 0)
    rng = np.random.default_rng(2019)
    made: list[RecordedTrack] = []
    true: list[RecordedTrack] = []
    rigs = refused = 0
    while rigs < _RIGS:
        windows, rate_hz, _ = samples.windows(rng)
        sequences = _one_after_the_other(windows, rng)
        joints = [placed(sequences, rng)[:, :, samples.order].reshape(-1, _FRAMES, 17, 3) for _ in range(2)]
        found = [detect(one[..., :2] / one[..., 2:], _H36M, rate_hz, rng) for one in joints]
        for first in range(0, len(windows), _PEOPLE):
            people = range(first, first + _PEOPLE)
            views = [ViewPeople(str(at), _tracks(one, people, rate_hz)) for at, one in enumerate(found)]
            try:
                labels = labels_of(views, _H36M, KnownLength(mean_bones_m=_mean_bones_m(bench)), reach_s=0.0)
            except InputError as error:
                refused += 1
                print(f"two_views, rig {rigs}: {error}")
                continue
            rigs += 1
            for view, labeled, exact in zip(views, labels.people, joints, strict=True):
                for one in labeled:
                    track = view.tracks[one.track]
                    made.append(RecordedTrack(track.keypoints, track.scores, one.joints_cam_m))
                    true.append(replace(made[-1], joints_cam_m=exact[first + one.track]))
    print(f"two_views: {refused} of {rigs + refused} rigs refused")
    return made, true


def _tracks(found: Detected, people: Sequence[int], rate_hz: Array) -> tuple[ViewTrack, ...]:
    """People, each as long after the others as both views agree on."""
    times_s = np.arange(_FRAMES)
    return tuple(
        ViewTrack(one, times_s / rate_hz[one] + 60.0 * one, found.keypoints[one], found.scores[one]) for one in people
    )


def _one_after_the_other(windows: Array, rng: np.random.Generator) -> Array:
    """Windows (P, T, 27, 3), each somewhere on the floor, as sequences of _PEOPLE of them."""
    about = windows[:, :, [_PELVIS]].mean(axis=(1, 2), keepdims=True)
    moves = rng.uniform(-_AWAY_M, _AWAY_M, (len(windows), 1, 1, 3))
    joints = windows + (moves - about) * [1.0, 0.0, 1.0]
    return np.asarray(joints.reshape(-1, _PEOPLE * windows.shape[1], *windows.shape[2:]))


@cache
def _mean_bones_m(bench: LearningBench) -> tuple[float, ...]:
    """Of bones, over all people: what a table of body measures says."""
    order = LiftSamples(bench.tracks, _H36M, _H36M, 1, 0).order
    joints = np.concatenate([track[::30, order] for track in bench.tracks])
    parents, children = (list(column) for column in zip(*_H36M.edges, strict=True))
    return tuple(np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1).mean(axis=0).tolist())


def _trained(bench: LearningBench, arm: str, seed: int, tracks: list[RecordedTrack]) -> nn.Module:
    folder, share = arm.replace(",", "").replace(" ", "_"), _HIDDEN_SHARE if arm.endswith(_HIDDEN) else 0.0
    return bench.train_recorded("two_views", folder, seed, tracks, hidden_share=share, **_SKELETONS)


def _run(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """N-MPJPE: each pose is scaled to fit, as two views without a known distance do not tell the size."""
    made, true = _scenes(bench)
    people = bench.people(recipe=_RECIPE)
    arms = {"3D labels": true, "two views": made, f"3D labels{_HIDDEN}": true, f"two views{_HIDDEN}": made}
    nets = {arm: _trained(bench, arm, seed, tracks) for arm, tracks in arms.items()}
    found = {arm: bench.joints_m(net, people) for arm, net in nets.items()}
    return {arm: _scaled_error_mm(joints, people.target_m) for arm, joints in found.items()}


def _refinement(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """A few labels: for the unit behind nets of two views, for a lifter, and for both of these."""
    people, figures = bench.people(recipe=_RECIPE), dict[str, float]()
    features, true = map(torch.from_numpy, bench.pool(_RECIPE).labeled_people(_SHARE))
    few = bench.train("refinement", "few", seed, losses={"joints": 10.0}, labeled_share=_SHARE, **_SKELETONS)
    nets = {arm: _trained(bench, arm, seed, _scenes(bench)[0]) for arm in ("two views", f"two views{_HIDDEN}")}
    nets[f"{_SHARE:.0%} of the labels"] = few
    for arm, net in nets.items():
        found, seen = _relative(net, features), _relative(net, torch.from_numpy(people.features).float())
        refiner = trained_refiner(found, true.flatten(0, 1), steps=max(2, round(3000 * bench.scale)), seed=seed)
        with torch.no_grad():
            refined = refiner(seen).reshape(people.target_m.shape)
        before = seen.reshape(refined.shape).double().numpy()
        figures[arm] = _scaled_error_mm(before, people.target_m)
        figures[f"{arm}, refined"] = _scaled_error_mm(refined.double().numpy(), people.target_m)
    return figures


def _relative(net: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Joints (N, J, 3) from the root that a net says of 2D joints (P, T, J, 3)."""
    with torch.no_grad():
        joints = lifted(net, features).flatten(0, 1)
    return joints - joints[:, [_H36M.root]]


def _scaled_error_mm(found_m: Array, true_m: Array) -> float:
    """N-MPJPE (Rhodin 2018): from the root, each pose multiplied by what fits best; the root does not count."""
    found = found_m - found_m[..., [_H36M.root], :]
    scale = (found * true_m).sum(axis=(-2, -1)) / np.square(found).sum(axis=(-2, -1))
    off = np.linalg.norm(scale[..., None, None] * found - true_m, axis=-1)
    return float(1000 * np.delete(off, _H36M.root, axis=-1).mean())


CASES = (
    Case(
        "two_views",
        "Kocabas 2019 (EpipolarPose)",
        "How far do labels from two views without known places reach?",
        "mm N-MPJPE",
        _run,
    ),
    Case(
        "refinement",
        "Kocabas 2019 (EpipolarPose)",
        "Does a unit that a few labels train better a frozen net's poses?",
        "mm N-MPJPE",
        _refinement,
    ),
)
