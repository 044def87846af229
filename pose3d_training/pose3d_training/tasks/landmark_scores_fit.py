"""Fit joint scores and the root's standard deviation of people from landmarks, on rendered ones.

    python -m pose3d_training.tasks.landmark_scores_fit --runs held_out.npz --engines ENGINES

writes them into the manifest of the lifter in ENGINES and prints held-out figures; --runs: of `landmark_runs --split
eval`, people whom the lifter has not learned from. See `stages.landmarks.landmark_calibration` for what is fitted.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import attr
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from pose3d_ros.engines import ManifestEntry, RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.evaluation.metrics.reliability import reliability
from pose3d_ros.geometry import Camera, similarity_align, solve_root
from pose3d_ros.geometry.region_views import RegionViews
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS, MUCO, RegionLifter, body_joints_m, landmark_body
from pose3d_ros.stages.landmarks.landmark_calibration import (
    SIGMA_INPUTS,
    LandmarkCalibration,
    part_of,
    score_inputs,
    sigma_inputs,
)
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS
from pose3d_training.tasks.landmark_errors import regions_of
from pose3d_training.tasks.landmark_runs import SIZE_PX, LandmarkRuns
from pose3d_training.tasks.losses import CLOSE_M

Mask = npt.NDArray[np.bool_]
REAL_SHARE = 0.73
"""Errors on real people by those on rendered ones: 126 over 172 mm, the mean of landmarks and lifter on photographs
with ground truth and on rendered people. Fitted to rendered errors as they are, scores would be too low for real ones.
"""
_MIN_PERSON = 0.5
_SHRINK = 1e-3
_LIMB_PARTS = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")


@dataclass(frozen=True, eq=False)
class ReadPeople:
    """N people: what the net and the lifter say, and errors.

    lifted_m, (N, 21, 3). relative_m (N, 40, 3) and true_m (N, 40, 3), from the pelvis, NaN of joints that bodies lack.
    ln_distance (N,): error of ln of the root's distance. size_px (N, 2).
    """

    people: Landmarks
    lifted_m: Array
    relative_m: Array
    true_m: Array
    ln_distance: Array
    size_px: Array
    kinds: Array

    def errors_m(self) -> Array:
        """(N, 40), NaN of the pelvis, which is right by definition."""
        off = np.linalg.norm(self.relative_m - self.true_m, axis=-1)
        off[:, BODY.root] = np.nan
        return np.asarray(off)


def read_people(runs: LandmarkRuns, lifter: RegionLifter) -> ReadPeople:
    """The people whom the net knows for some, placed as the pipeline places them."""
    kept = np.flatnonzero(runs.person >= _MIN_PERSON)
    rows = [_landmarks(runs, int(i)) for i in kept]
    people = Landmarks.concatenated([row for row, _ in rows])
    lifted = lifter(people)
    relative = body_joints_m(people.relative_m, lifted)
    hips = people.relative_m[:, [LANDMARKS.index_of["L_Hip"], LANDMARKS.index_of["R_Hip"]]].mean(axis=1)
    roots = np.concatenate([_root(row, camera) for row, camera in rows]) + hips
    points = runs.points_cam_m[kept]
    true_root = points[:, BODY_POINTS.index("Pelvis")]
    true = np.full((len(kept), len(BODY), 3), np.nan)
    for i, joint in enumerate(BODY.joints):
        if joint in BODY_POINTS:
            true[:, i] = points[:, BODY_POINTS.index(joint)] - true_root
    distance = np.linalg.norm(roots, axis=1) / np.linalg.norm(true_root, axis=1)
    return ReadPeople(people, lifted, relative, true, np.log(distance), runs.size_px[kept], runs.kinds[kept])


def _landmarks(runs: LandmarkRuns, i: int) -> tuple[Landmarks, Camera]:
    camera = Camera(runs.K[i], int(runs.size_px[i, 0]), int(runs.size_px[i, 1]))
    region = regions_of(runs.region[[i]])
    points = RegionViews.of(camera, region, SIZE_PX).crop2img(runs.landmarks_crop_px[[i]])
    found = Landmarks(
        points, region, runs.relative_m[[i]], runs.visibility[[i]], runs.certainty[[i]], runs.person[[i]],
        runs.view2cam[[i]], runs.landmarks_crop_px[[i]],
    )  # fmt: skip
    return found, camera


def _root(people: Landmarks, camera: Camera) -> Array:
    rays = camera.rays(people.points_img_px)[..., :2]
    return solve_root(people.relative_m, rays, people.visibility).root_cam_m


def fit(read: ReadPeople) -> LandmarkCalibration:
    """The calibration that makes what was seen most likely."""
    inputs, errors = score_inputs(read.people, read.lifted_m), read.errors_m() * REAL_SHARE
    known = np.isfinite(errors)
    parts = sorted({part_of(joint) for joint in BODY.joints})
    index = np.array([parts.index(part_of(joint)) for joint in BODY.joints])
    columns = np.eye(len(parts))[np.broadcast_to(index, errors.shape)[known]]
    columns = np.concatenate([columns, inputs[known]], axis=1)
    found = _logistic(columns, errors[known] < CLOSE_M)
    offsets, weights = found[: len(parts)], found[len(parts) :]
    unseen = np.array([not known[:, index == p].any() for p in range(len(parts))])
    offsets[unseen] = offsets[~unseen].mean()
    return LandmarkCalibration(offsets[index], weights, _fit_sigma(read))


def _logistic(columns: Array, right: Mask) -> Array:
    """Weights (K,) of columns (N, K) that make what was right most likely, shrunk a little."""

    def loss(weights: Array) -> tuple[float, Array]:
        z = columns @ weights
        p = 1 / (1 + np.exp(-np.clip(z, -50, 50)))
        value = np.mean(np.logaddexp(0, z) - right * z) + _SHRINK * float(weights @ weights)
        return float(value), columns.T @ (p - right) / len(right) + 2 * _SHRINK * weights

    return np.asarray(minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x)


def _fit_sigma(read: ReadPeople) -> Array:
    """Weights (5,) of SIGMA_INPUTS: sigma is sqrt(2) times the scale of a Laplace distribution of the error."""
    inputs, error = _sigma_inputs(read), np.abs(read.ln_distance)

    def loss(weights: Array) -> tuple[float, Array]:
        log_scale = inputs @ weights
        ratio = error * np.exp(-np.clip(log_scale, -10, 10))
        gradient = inputs.T @ (1 - ratio) / len(error)
        spread = np.append(0.0, weights[1:])
        return float(np.mean(ratio + log_scale) + _SHRINK * spread @ spread), gradient + 2 * _SHRINK * spread

    start = np.zeros(len(SIGMA_INPUTS))
    start[0] = np.log(error.mean())
    weights = np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)
    weights[0] += np.log(np.sqrt(2))
    return weights


def _sigma_inputs(read: ReadPeople) -> Array:
    return np.concatenate(
        [
            sigma_inputs(read.people.chosen(np.array([i])), read.lifted_m[[i]], int(w), int(h))
            for i, (w, h) in enumerate(read.size_px)
        ]
    )


def with_calibration(entry: ManifestEntry, calibration: LandmarkCalibration) -> ManifestEntry:
    """The lifter's entry with these parameters."""
    parts = sorted({part_of(joint) for joint in BODY.joints})
    at = [next(i for i, joint in enumerate(BODY.joints) if part_of(joint) == part) for part in parts]

    def rounded(values: Array) -> list[float]:
        return [round(float(value), 4) for value in values]

    parameters = {
        "score_parts": parts,
        "score_offsets": rounded(calibration.offsets[at]),
        "score_weights": rounded(calibration.weights),
        "sigma_weights": rounded(calibration.sigma_weights),
    }
    return attr.evolve(entry, parameters={**entry.parameters, **parameters})


def figures(read: ReadPeople, rows: Mask) -> str:
    """Mean errors in mm, MPJPE / PA-MPJPE over the limbs' joints, of the landmarks, the lifter and their mean."""
    joints = [f"{s}_{part}" for s in "LR" for part in _LIMB_PARTS]
    at, muco = [BODY.index_of[j] for j in joints], [MUCO.index_of[j] for j in joints]
    body = landmark_body(read.people.relative_m)
    found = (body - body[:, BODY.root, None])[:, at], read.lifted_m[:, muco], read.relative_m[:, at]
    texts = []
    for joints_m in found:
        true = read.true_m[:, at][rows]
        off = np.linalg.norm(joints_m[rows] - true, axis=-1).mean()
        aligned = np.linalg.norm(similarity_align(joints_m[rows], true) - true, axis=-1).mean()
        texts.append(f"{1000 * off:4.0f} / {1000 * aligned:3.0f}")
    return "   ".join(texts)


def main(arguments: list[str] | None = None) -> int:
    """Fit on every other person, print figures of the rest, and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="FILE", help="of landmark_runs --split eval")
    parser.add_argument("--engines", type=Path, required=True, metavar="DIR", help="folder with the lifter")
    parsed = parser.parse_args(arguments)
    manifest = load_manifest(parsed.engines)
    entry = manifest.for_role("lifter")
    runs = LandmarkRuns.load(parsed.runs)
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        lifter = RegionLifter(RoleEngine(engine, entry))
        halves = [read_people(runs.chosen(np.arange(len(runs)) % 2 == k), lifter) for k in (0, 1)]
        everybody = read_people(runs, lifter)
    calibration = fit(halves[0])
    print(_checked(halves[1], calibration))
    print("people, mm MPJPE / PA: landmarks, lifter, mean")
    for kind in ("all", *sorted(set(everybody.kinds.tolist()))):
        rows = np.array([kind in ("all", k) for k in everybody.kinds], dtype=np.bool_)
        print(f"{kind:14} {rows.sum():5}   {figures(everybody, rows)}")
    fitted = with_calibration(entry, fit(everybody))
    write_manifest(parsed.engines, [fitted if e.name == entry.name else e for e in manifest.entries])
    return 0


def _checked(read: ReadPeople, calibration: LandmarkCalibration) -> str:
    scores, errors = calibration.scores(read.people, read.lifted_m), read.errors_m() * REAL_SHARE
    known = np.isfinite(errors)
    found = reliability(scores[known], errors[known] < CLOSE_M)
    sigma = np.exp(_sigma_inputs(read) @ calibration.sigma_weights)
    ratio = np.abs(read.ln_distance) / sigma
    return (
        f"held out: joint scores' expected calibration error {found.expected_calibration_error:.3f}, mean score "
        f"{scores[known].mean():.2f}; root's error within 1 sigma {np.mean(ratio <= 1):.2f}, within 2 "
        f"{np.mean(ratio <= 2):.2f} (Laplace: 0.76, 0.94), median sigma {np.median(sigma):.3f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
