"""Accuracy of lifters on motions and bodies that none was trained on: `python -m pose3d_training.tasks.lifting_check`.

    python -m pose3d_training.tasks.lifting_check --assets assets --engines ENGINES ...

Each engine is run as the pipeline runs it, frame after frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines import ManifestEntry, RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import similarity_align
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.lift.lift_decoders import LiftNet, LiftSizes, lift_net
from pose3d_ros.types import Array
from pose3d_training.tasks.lifting import IN_FEATURES
from pose3d_training.tasks.lifting_samples import LiftSamples, held_out_tracks

_BODIES = range(1_000_000, 1_000_006)
"""Seeds of bodies; training takes the first ones."""
_SEED = 77
_FRAMES = 40


@dataclass(frozen=True)
class LiftError:
    """Over all frames and joints but the root, millimetres: after moving the roots together, after a similarity too."""

    mpjpe_mm: float
    pa_mpjpe_mm: float


@dataclass(frozen=True, eq=False)
class HeldOutPeople:
    """features (P, T, J_in, 3) and target_m (P, T, J_out, 3), see `LiftSample`."""

    features: Array
    target_m: Array


def held_out_people(samples: LiftSamples, people: int) -> HeldOutPeople:
    """The same people for the same seed."""
    made = list(islice(samples, people))
    return HeldOutPeople(np.stack([s.features for s in made]), np.stack([s.target_m for s in made]))


def lift_error(predicted_m: Array, target_m: Array, root: int) -> LiftError:
    """Errors of joints (..., J, 3). The root counts in neither mean."""
    relative = predicted_m - predicted_m[..., [root], :]
    others = [j for j in range(target_m.shape[-2]) if j != root]
    aligned = similarity_align(relative, target_m)
    off, off_aligned = (np.linalg.norm(p - target_m, axis=-1)[..., others].mean() for p in (relative, aligned))
    return LiftError(1000 * float(off), 1000 * float(off_aligned))


def run_lifter(net: LiftNet, features: npt.NDArray[np.floating]) -> Array:
    """Joints (P, T, J_out, 3) of P people, a frame at a time, all of them at once."""
    frames = features.astype(np.float32)
    past, found = net.begin(frames[:, 0]), []
    for frame in frames.transpose(1, 0, 2, 3):
        joints, past = net.lift(frame, past)
        found.append(joints)
    return np.stack(found, axis=1)


def check_engine(entry: ManifestEntry, exact: HeldOutPeople, noisy: HeldOutPeople) -> tuple[LiftError, LiftError]:
    """With exact and with noisy 2D joints. Raises EngineError for a lifter of other features than `person`."""
    if entry.parameters.get("input") != "person" or entry.parameters.get("input_features") != IN_FEATURES:
        raise EngineError(
            f"engine {entry.name}",
            expected=f"a lifter with input person and input_features {IN_FEATURES}, as `pose3d train` makes them",
            got=f"input {entry.parameters.get('input')}, {entry.parameters.get('input_features')} features",
            fix="This check has the people of that training; evaluate other lifters on a bag.",
        )
    skeleton = get_skeleton(str(entry.skeleton))
    sizes = LiftSizes(exact.features.shape[2], IN_FEATURES, len(skeleton))
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        net = lift_net(RoleEngine(engine, entry), sizes)
        first, second = (lift_error(run_lifter(net, p.features), p.target_m, skeleton.root) for p in (exact, noisy))
    return first, second


def mean_pose(samples: LiftSamples, people: int) -> Array:
    """The mean target (J_out, 3), which needs no input."""
    return np.asarray(held_out_people(samples, people).target_m.mean(axis=(0, 1)))


def _samples(tracks: list[Array], entry: ManifestEntry, noisy: bool, given: Skeleton | None) -> LiftSamples:
    return LiftSamples(tracks, *_skeletons(entry), _FRAMES, _SEED, noisy, given)


def _skeletons(entry: ManifestEntry) -> tuple[Skeleton, Skeleton]:
    return get_skeleton(str(entry.parameters.get("input_skeleton"))), get_skeleton(str(entry.skeleton))


def _rows(
    folders: list[Path], tracks: list[Array], people: int, given: Skeleton | None
) -> Iterator[tuple[str, LiftError, LiftError]]:
    for folder in folders:
        entry = load_manifest(folder).for_role("lifter")
        exact, noisy = (held_out_people(_samples(tracks, entry, n, given), people) for n in (False, True))
        guess = np.broadcast_to(mean_pose(_samples(tracks, entry, False, given), people), exact.target_m.shape)
        root = get_skeleton(str(entry.skeleton)).root
        if folder == folders[0]:
            yield "mean pose", lift_error(guess, exact.target_m, root), lift_error(guess, noisy.target_m, root)
        yield (entry.name, *check_engine(entry, exact, noisy))


def main(arguments: list[str] | None = None) -> int:
    """Print a table of the engines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR", help="bodies and recorded motions")
    parser.add_argument("--engines", type=Path, required=True, metavar="DIR", nargs="+", help="folders with a lifter")
    parser.add_argument("--people", type=int, default=200, help=f"of {_FRAMES} frames each (%(default)s)")
    parser.add_argument(
        "--given",
        type=get_skeleton,
        metavar="SKELETON",
        help="2D joints from which those that the engine reads are made (default: those that it reads)",
    )
    parsed = parser.parse_args(arguments)
    tracks = held_out_tracks(parsed.assets, _BODIES)
    print(f"{'lifter':36} {'exact 2D: MPJPE':>16} {'PA':>6} {'noisy 2D: MPJPE':>16} {'PA':>6}   mm")
    for name, exact, noisy in _rows(parsed.engines, tracks, parsed.people, parsed.given):
        print(
            f"{name:36} {exact.mpjpe_mm:16.1f} {exact.pa_mpjpe_mm:6.1f} {noisy.mpjpe_mm:16.1f} {noisy.pa_mpjpe_mm:6.1f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
