"""Samples for weak supervision: some without a 3D label, and poses without an image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.lifting_samples import LiftPeople, LiftSample, LiftSamples, placed

_LABEL_SEED, _PRIOR_SEED = 20180101, 7919


@dataclass(frozen=True, eq=False)
class WeakLiftSample(LiftSample):
    """One person over T frames, with what losses without 3D labels read. All float32.

    labeled (): 0 where the 3D label is withheld: losses that read `target_m` or `root_m` must leave such samples out.
    root_m (T, 3): the root in the person's frame, metres. center (T, 2), spread (T,): x/z and y/z of the 2D joints in
    the person's frame are `features · spread + center`. prior_m (T, J_out, 3): another person, relative to the root, in
    the person's frame of another camera: a pose that belongs to no image; prior_root_m (T, 3): its root in that
    camera's frame. cam_from_person (T, 3, 3): p_cam = R @ p_person.
    """

    labeled: npt.NDArray[np.float32]
    root_m: npt.NDArray[np.float32]
    center: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    cam_from_person: npt.NDArray[np.float32]
    prior_m: npt.NDArray[np.float32]
    prior_root_m: npt.NDArray[np.float32]


class WeakLiftSamples(LiftSamples):
    """As `LiftSamples`; of a share of the motions, always the same ones, samples are labeled.

    Tracks of one length are one motion on several bodies. labeled_share: above 0, up to 1. Poses without an image are
    of labeled motions only.
    """

    def __init__(
        self,
        tracks: Sequence[Array],
        input_skeleton: Skeleton,
        skeleton: Skeleton,
        frames: int,
        seed: int,
        noisy: bool = True,
        labeled_share: float = 1.0,
    ) -> None:
        super().__init__(tracks, input_skeleton, skeleton, frames, seed, noisy)
        self.labeled = self.labeled_motions(labeled_share)

    def __iter__(self) -> Iterator[WeakLiftSample]:
        rng, prior_rng = worker_rng(self.seed), worker_rng(self.seed + _PRIOR_SEED)
        while True:
            made = self.people(rng)
            fields = made.features, made.target_m, *self.weak_fields(made), *self._prior(prior_rng)
            for sample in zip(*fields, strict=True):
                yield WeakLiftSample(*sample)

    def labeled_motions(self, share: float) -> npt.NDArray[np.bool_]:
        """Which tracks are of labeled motions, if a share of the motions is."""
        motions = np.random.default_rng(_LABEL_SEED).permutation(np.unique(self.lengths))
        return np.isin(self.lengths, motions[: math.ceil(share * len(motions))])

    def weak_fields(self, made: LiftPeople) -> tuple[npt.NDArray[np.float32], ...]:
        """`labeled`, `root_m`, `center`, `spread` and `cam_from_person` of people, (P, …) each."""
        people, frames = made.features.shape[:2]
        root = made.joints_cam_m[:, :, self.root].reshape(-1, 1, 3) @ made.view.cam_from_person
        of_frames = root[:, 0], made.view.center, made.view.spread, made.view.cam_from_person
        shaped = (value.reshape(people, frames, *value.shape[1:]).astype(np.float32) for value in of_frames)
        return self.labeled[made.track].astype(np.float32), *shaped

    def _prior(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        windows, _, _ = self.windows(rng, self.labeled)
        joints = placed(windows, rng)[:, :, self.order]
        rays = joints / np.linalg.norm(joints, axis=-1, keepdims=True)
        turn = rotation_to_rays(rays.sum(axis=2).reshape(-1, 3)).reshape(*joints.shape[:2], 3, 3)
        relative = (joints - joints[:, :, [self.root]]) @ turn
        return relative.astype(np.float32), joints[:, :, self.root].astype(np.float32)
