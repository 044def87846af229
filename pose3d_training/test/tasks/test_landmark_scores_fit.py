"""The fit of joint scores and of the root's standard deviation, on made-up people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.engines import ManifestEntry
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.landmarks.body_joints import BODY, MUCO
from pose3d_ros.stages.landmarks.landmark_calibration import LandmarkCalibration, score_inputs
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS
from pose3d_training.tasks import landmark_scores_fit
from pose3d_training.tasks.landmark_scores_fit import ReadPeople, figures, fit, read_people, with_calibration

from .landmark_people import made_runs

MEDIAPIPE = get_skeleton("mediapipe33")
COUNT = 1500


class TruthfulLifter:
    """Gives the pelvis for every joint."""

    def __call__(self, people: Landmarks) -> Array:
        return np.zeros((len(people), 21, 3))


def entry(**parameters: object) -> ManifestEntry:
    return ManifestEntry(
        name="lifter", roles=("lifter",), file=Path("lifter.onnx"), sha256="0" * 64, decoder="lifter_frame",
        input_size_px=None, normalization=None, skeleton="muco21", units="metres", license="Apache-2.0",
        training_data="none", parameters=parameters,
    )  # fmt: skip


def read(rng: np.random.Generator) -> ReadPeople:
    """Joints are right by a known chance; the root's error is Laplace of scale 0.05, or 0.1 of who is half hidden."""
    runs = made_runs(COUNT)
    found = read_people(runs, TruthfulLifter())  # type: ignore[arg-type]
    visibility = rng.uniform(0.02, 0.98, found.people.visibility.shape)
    hidden = rng.random(COUNT) < 0.5
    visibility = np.where(hidden[:, None], 0.1 + 0 * visibility, visibility * 0 + 0.9)
    people = Landmarks(**{**vars(found.people), "visibility": visibility})
    right = rng.random((COUNT, 40)) < np.where(hidden, 0.2, 0.7)[:, None]
    true = found.relative_m + np.where(right, 0.0, 1.0)[..., None]
    true[:, BODY.index_of["L_Thumb"]] = np.nan
    error = rng.laplace(0, np.where(hidden, 0.1, 0.05))
    return ReadPeople(people, found.lifted_m, found.relative_m, true, error, found.size_px, found.kinds)


def test_fit_finds_the_share_that_is_right_and_the_spread() -> None:
    people = read(np.random.default_rng(0))
    made = fit(people)
    scores = made.scores(people.people, people.lifted_m)
    hidden = people.people.visibility[:, 0] < 0.5
    known = np.isfinite(people.errors_m())
    assert scores[hidden][known[hidden]].mean() == pytest.approx(0.2, abs=0.03)
    assert scores[~hidden][known[~hidden]].mean() == pytest.approx(0.7, abs=0.03)
    sigma = made.root_sigmas(people.people, people.lifted_m, 640, 480)
    assert np.median(sigma[hidden]) == pytest.approx(np.sqrt(2) * 0.1, rel=0.15)
    assert np.median(sigma[~hidden]) == pytest.approx(np.sqrt(2) * 0.05, rel=0.15)


def test_calibration_survives_the_manifest() -> None:
    people = read(np.random.default_rng(1))
    made = fit(people)
    again = LandmarkCalibration.of(with_calibration(entry(input="region"), made))
    assert again is not None
    np.testing.assert_allclose(again.offsets, made.offsets, atol=1e-4)
    np.testing.assert_allclose(again.weights, made.weights, atol=1e-4)
    np.testing.assert_allclose(again.sigma_weights, made.sigma_weights, atol=1e-4)
    assert with_calibration(entry(input="region"), made).parameters["input"] == "region"
    assert score_inputs(people.people, people.lifted_m).shape == (COUNT, 40, 3)


def test_people_are_read_in_the_cameras_axes_and_unknown_ones_left_out() -> None:
    runs = made_runs(6)
    runs.person[2] = 0.1
    found = read_people(runs, TruthfulLifter())  # type: ignore[arg-type]
    assert len(found.people) == len(found.true_m) == 5
    thorax = runs.points_cam_m[0, BODY_POINTS.index("Thorax")] - runs.points_cam_m[0, BODY_POINTS.index("Pelvis")]
    np.testing.assert_allclose(found.true_m[0, BODY.index_of["Thorax"]], thorax)
    assert np.isnan(found.true_m[0, BODY.index_of["L_Pinky"]]).all()
    assert np.isnan(found.errors_m()[:, BODY.root]).all()
    # Landmarks and lifter both say that everything is at the pelvis.
    wanted = np.linalg.norm(found.true_m[:, [BODY.index_of[j] for j in MUCO.joints if j != "Pelvis"]], axis=-1)
    got = found.errors_m()[:, [BODY.index_of[j] for j in MUCO.joints if j != "Pelvis"]]
    np.testing.assert_allclose(got, wanted)


def test_figures_have_a_pair_each() -> None:
    people = read(np.random.default_rng(2))
    text = figures(people, np.arange(COUNT) < 10)
    assert text.count("/") == 3
    assert landmark_scores_fit.REAL_SHARE < 1
