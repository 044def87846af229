"""Scores of joints and standard deviations of roots, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import (
    ManifestEntry,
    RoleEngine,
    choose_backend,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.landmarks.body_joints import (
    BODY,
    LANDMARKS,
    MUCO,
    RegionLifter,
    is_region_lifter,
    landmark_body,
)
from pose3d_ros.stages.landmarks.landmark_calibration import (
    SCORE_INPUTS,
    SIGMA_INPUTS,
    LandmarkCalibration,
    part_of,
    score_inputs,
    sigma_inputs,
)
from pose3d_ros.types import Array

from ...conftest import manifest_entry
from .conftest import reading, standing_m

PARTS = sorted({part_of(joint) for joint in BODY.joints})


def entry(**changes: Any) -> ManifestEntry:
    parameters = {
        "score_parts": PARTS, "score_offsets": [0.1 * i for i in range(len(PARTS))],
        "score_weights": [0.5, 0.25, -0.5], "sigma_weights": [-2.0, 0.5, 1.0, 2.0, 0.25],
    } | changes  # fmt: skip
    return manifest_entry("lifter_frame", roles=("lifter",), skeleton="muco21", parameters=parameters)


def calibration() -> LandmarkCalibration:
    found = LandmarkCalibration.of(entry())
    assert found is not None
    return found


def agreeing_m() -> Array:
    """A lifter's joints (1, 21, 3) that are those of the landmarks."""
    body = landmark_body(standing_m()[None])
    return np.asarray((body - body[:, BODY.root, None])[:, [BODY.index_of[joint] for joint in MUCO.joints]])


def at(values: Array, joint: str) -> float:
    return float(values[0, BODY.index_of[joint]])


def test_score_inputs_are_odds_and_the_distance_between_landmarks_and_lifter() -> None:
    lifted = agreeing_m()
    lifted[0, MUCO.index_of["L_Wrist"]] += [0.0, 0.28, 0.0]
    inputs = score_inputs(reading((300.0, 200.0), certainty=0.5), lifted)
    assert inputs.shape == (1, 40, len(SCORE_INPUTS))
    np.testing.assert_allclose(inputs[0, BODY.index_of["L_Wrist"]], [np.log(9), 0, np.log(0.3)])
    np.testing.assert_allclose(inputs[0, BODY.index_of["R_Wrist"]], [np.log(9), 0, np.log(0.02)])


def test_landmarks_the_lifter_lacks_take_the_distance_of_their_neighbor() -> None:
    lifted = agreeing_m()
    for joint in ("L_Hand", "R_Ankle", "Head"):
        lifted[0, MUCO.index_of[joint]] += [0.18, 0.0, 0.0]
    apart = score_inputs(reading((300.0, 200.0)), lifted)[..., 2]
    assert at(apart, "L_Thumb") == at(apart, "R_Heel") == at(apart, "Nose") == pytest.approx(np.log(0.2))
    assert at(apart, "R_Thumb") == pytest.approx(np.log(0.02))


def test_scores_by_hand() -> None:
    people = reading((300.0, 200.0), certainty=0.5)
    scores = calibration().scores(people, agreeing_m())
    knee = 0.1 * PARTS.index("Knee") + 0.5 * np.log(9) - 0.5 * np.log(0.02)
    assert at(scores, "L_Knee") == at(scores, "R_Knee") == pytest.approx(1 / (1 + np.exp(-knee)))
    hidden = replace(people, visibility=0 * people.visibility)
    assert np.isfinite(calibration().scores(hidden, agreeing_m())).all()
    assert (calibration().scores(hidden, agreeing_m()) < scores).all()


def test_sigma_inputs_by_hand() -> None:
    people = reading((300.0, 200.0))
    inputs = sigma_inputs(people, agreeing_m(), 640, 480)
    wide = np.ptp(people.points_crop_px[0, :, 0]) / np.ptp(people.points_crop_px[0, :, 1])
    np.testing.assert_allclose(inputs, [[1.0, 0.1, 0.0, 0.0, np.log(wide)]], atol=1e-9)
    # The image ends at the middle of the hips: wrists, knees and ankles are below its edge.
    inputs = sigma_inputs(people, agreeing_m(), 640, 201)
    assert inputs[0, SIGMA_INPUTS.index("outside")] == pytest.approx(6 / 12)


def test_root_sigmas_grow_with_what_is_hidden_and_stay_in_bounds() -> None:
    people = reading((300.0, 200.0))
    inputs = sigma_inputs(people, agreeing_m(), 640, 480)
    sigma = calibration().root_sigmas(people, agreeing_m(), 640, 480)
    np.testing.assert_allclose(sigma, np.exp(inputs @ [-2.0, 0.5, 1.0, 2.0, 0.25]))
    hidden = replace(people, visibility=0 * people.visibility)
    assert calibration().root_sigmas(hidden, agreeing_m(), 640, 480)[0] > sigma[0]
    far_off = agreeing_m() + np.where(np.arange(21)[:, None] == MUCO.root, 0.0, 50.0)
    assert calibration().root_sigmas(people, far_off, 640, 480)[0] == 0.5


def test_nobody_has_no_scores() -> None:
    nobody = reading()
    assert calibration().scores(nobody, np.zeros((0, 21, 3))).shape == (0, 40)
    assert calibration().root_sigmas(nobody, np.zeros((0, 21, 3)), 640, 480).shape == (0,)


def test_lifter_without_a_calibration_has_none() -> None:
    assert LandmarkCalibration.of(manifest_entry("lifter_frame", parameters={})) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_parts": PARTS[1:]}, "parameter score_parts .*expected a list of Ankle, "),
        ({"score_offsets": [1.0]}, f"parameter score_offsets .*expected a list of {len(PARTS)} numbers"),
        ({"score_weights": [1.0, 2.0, "three"]}, "parameter score_weights"),
        ({"sigma_weights": 3.0}, "parameter sigma_weights .*expected a list of 5 numbers"),
    ],
)
def test_parameters_that_do_not_fit_are_an_error(changes: dict[str, Any], message: str) -> None:
    wrong = manifest_entry("lifter_frame", parameters={})
    object.__setattr__(wrong, "parameters", {**entry().parameters, **changes})
    with pytest.raises(EngineError, match=message):
        LandmarkCalibration.of(wrong)


def test_shipped_lifter_fits_the_landmark_stage_and_is_calibrated() -> None:
    shipped = load_manifest(default_manifest_dir().parent / "landmarks").for_role("lifter")
    assert is_region_lifter(shipped)
    people = replace(reading((300.0, 200.0)), visibility=np.full((1, 33), 0.995))
    with open_engine(shipped, choose_backend("onnxruntime")) as engine:
        lifted = RegionLifter(RoleEngine(engine, shipped))(people)
    calibrated = LandmarkCalibration.of(shipped)
    assert calibrated is not None
    # Somebody who stands before the camera: upright, knees below hips, the left on the left.
    hip, knee, shoulder = (lifted[0, MUCO.index_of[f"L_{name}"]] for name in ("Hip", "Knee", "Shoulder"))
    assert knee[1] - hip[1] > 0.25 > -0.25 > shoulder[1] - hip[1]
    assert lifted[0, MUCO.index_of["L_Shoulder"], 0] > 0.1 > -0.1 > lifted[0, MUCO.index_of["R_Shoulder"], 0]
    scores = calibrated.scores(people, lifted)
    assert ((scores > 0.3) & (scores < 1)).all()
    assert 0.03 < calibrated.root_sigmas(people, lifted, 640, 480)[0] < 0.25


def test_every_joint_has_a_part() -> None:
    assert {part_of(joint) for joint in LANDMARKS.joints} <= set(PARTS)
    assert part_of("R_Eye_Inner") == "Eye"
    assert part_of("Pelvis") == "Hip"
