"""Weights of joints that 2D nets do not give: `python -m pose3d_training.tasks.derived_joints_fit --assets assets`.

Prints the table `WEIGHTED` of `pose3d_ros.stages.lift.derived_joints`, fitted to people of the trainings' motions as a
2D net sees them, and its errors for motions and bodies that are never trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.skeletons import DERIVED
from pose3d_ros.stages.lift.derived_joints import PAIRS
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks.lifting_noise import detect
from pose3d_training.tasks.lifting_samples import LiftSamples, all_joints, held_out_tracks, lifting_tracks, placed

SUMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Spine": (("Pelvis", "Thorax"),),
    "Neck": (
        ("Thorax", "Ears", "Nose", "Pelvis"),
        ("Thorax", "Head", "Pelvis"),
        ("Thorax", "Pelvis"),
    ),
    "Head": (
        ("Thorax", "Ears", "Eyes", "Nose"),
        ("Thorax", "Ears", "Nose"),
        ("Neck", "Head_top", "Thorax"),
        ("Thorax", "Nose", "Pelvis"),
    ),
    "Head_top": (("Thorax", "Ears", "Eyes", "Nose"), ("Thorax", "Ears", "Nose"), ("Thorax", "Nose", "Pelvis")),
    "Nose": (("Head", "Head_top", "Thorax", "Pelvis"), ("Neck", "Head_top", "Thorax", "Pelvis")),
}
"""Joint → what it may be a sum of."""
_SURE = 0.5
"""Score from which a detection has no gross error."""
_CHUNKS, _SEED = 40, 11
_TRAIN_BODIES, _HELD_OUT_BODIES = range(4), range(1_000_000, 1_000_006)


@dataclass(frozen=True, eq=False)
class SeenPeople:
    """Joints of N people in SYNTH_JOINTS' order.

    exact, seen (N, 27, 2): on the plane z = 1, and as a 2D net gives them, NaN for none. sure (N, 27): seen without a
    gross error. depth_m (N, 27): distances along the optical axis.
    """

    exact: Array
    seen: Array
    sure: Array
    depth_m: Array


def seen_people(tracks: Sequence[Array], seed: int, chunks: int = _CHUNKS) -> SeenPeople:
    """People of the tracks in single frames, before random cameras: 64 in each chunk."""
    rng, skeleton = np.random.default_rng(seed), all_joints()
    samples = LiftSamples(tracks, skeleton, skeleton, frames=1, seed=seed)
    parts = []
    for _ in range(chunks):
        windows, rate_hz, _ = samples.windows(rng)
        joints = placed(windows, rng)
        exact = joints[..., :2] / joints[..., 2:]
        found = detect(exact, skeleton, rate_hz, rng)
        parts.append((exact[:, 0], found.keypoints[:, 0], found.scores[:, 0] > _SURE, joints[:, 0, :, 2]))
    return SeenPeople(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def anchor(name: str, joints: Array) -> Array:
    """A joint or a mean of two of them, (N, 27, …) → (N, …)."""
    names = (name,) if name in SYNTH_JOINTS and name not in DERIVED else DERIVED.get(name) or PAIRS[name]
    return np.asarray(joints[:, [SYNTH_JOINTS.index(one) for one in names]].mean(axis=1))


def fit(joint: str, names: Sequence[str], people: SeenPeople) -> dict[str, float]:
    """Weights of the sum, which add up to 1: least squares of the error in metres at the person's distance."""
    index = SYNTH_JOINTS.index(joint)
    sure = np.all([anchor(name, people.sure.astype(float)) == 1 for name in names], axis=0)
    points = np.stack([anchor(name, people.seen[sure]) for name in names], axis=-1)
    scale = people.depth_m[sure, index][:, None]
    target = (people.exact[sure, index] - points[..., 0]) * scale
    matrix = (points[..., 1:] - points[..., :1]) * scale[..., None]
    rest = np.linalg.lstsq(matrix.reshape(-1, len(names) - 1), target.ravel(), rcond=None)[0]
    rounded = [round(float(weight), 3) for weight in rest]
    return {names[0]: round(1.0 - sum(rounded), 3), **dict(zip(names[1:], rounded, strict=True))}


def errors_mm(joint: str, weights: Mapping[str, float], people: SeenPeople, *, noisy: bool) -> Array:
    """Errors (N,) in the image, as millimetres at the person's distance; noisy: of what a 2D net gives, where sure."""
    index = SYNTH_JOINTS.index(joint)
    points = people.seen if noisy else people.exact
    found = np.sum([weight * anchor(name, points) for name, weight in weights.items()], axis=0)
    off_mm = 1000 * np.linalg.norm(found - people.exact[:, index], axis=-1) * people.depth_m[:, index]
    sure = np.all([anchor(name, people.sure.astype(float)) == 1 for name in weights], axis=0)
    return np.asarray(off_mm[sure] if noisy else off_mm)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and its errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR", help="bodies and recorded motions")
    parsed = parser.parse_args(arguments)
    people = seen_people(lifting_tracks(parsed.assets, _TRAIN_BODIES), _SEED)
    held_out = seen_people(held_out_tracks(parsed.assets, _HELD_OUT_BODIES), _SEED + 1)
    print_table(people, held_out)
    return 0


def print_table(people: SeenPeople, held_out: SeenPeople) -> None:
    """Weights, and mean and 90th percentile of the errors of exact and of noisy joints, millimetres."""
    for joint, sums in SUMS.items():
        for names in sums:
            weights = fit(joint, names, people)
            exact, noisy = (errors_mm(joint, weights, held_out, noisy=noisy) for noisy in (False, True))
            off = [f"{of.mean():.0f} ({np.percentile(of, 90):.0f})" for of in (exact, noisy)]
            print(f"{joint}: {weights},  # {off[0]} mm, noisy {off[1]}")


if __name__ == "__main__":
    raise SystemExit(main())
