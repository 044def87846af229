"""Calibration of scores and sigmas on made-up errors, and its folding into nets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

pytest.importorskip("moderngl")

from training_fixtures import Composer, person, scene

from pose3d_ros.engines.spec.entry import Normalization
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.tasks import score_calibration as calibration
from pose3d_training.tasks.image_tasks import MEAN_RGB, STD_RGB
from pose3d_training.tasks.score_calibration import (
    Platt,
    calibrate_detector,
    calibrate_root_pose,
    fit_platt,
    usable_platt,
)

NORMALIZATION = Normalization(scale=1 / 255, mean=MEAN_RGB, std=STD_RGB, channel_order="rgb")


def test_platt_scale_and_offset_are_recovered() -> None:
    rng = np.random.default_rng(0)
    logits = np.asarray(rng.normal(-1, 2, 40_000), np.float64)
    right = rng.random(len(logits)) < 1 / (1 + np.exp(-(2.5 * logits + 0.7)))
    found = fit_platt(np.asarray(logits, np.float64), right)
    assert found.scale == pytest.approx(2.5, rel=0.05)
    assert found.offset == pytest.approx(0.7, abs=0.08)


def test_platt_of_separable_scores_is_finite() -> None:
    logits = np.linspace(-2, 2, 50)
    found = fit_platt(np.asarray(logits, np.float64), logits > 0)
    assert np.isfinite([found.scale, found.offset]).all()
    assert 1 / (1 + np.exp(-(found.scale * 2 + found.offset))) > 0.8


@pytest.mark.parametrize(
    ("logits", "right"),
    [
        (np.linspace(-2, 2, 100), np.ones(100, bool)),
        (np.linspace(-2, 2, 100), np.linspace(-2, 2, 100) < 0),
        (np.zeros(0), np.zeros(0, bool)),
    ],
    ids=["all right", "the wrong way round", "nothing seen"],
)
def test_useless_fit_is_an_error(logits: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> None:
    with pytest.raises(EngineError, match="calibration of scores"):
        usable_platt("scores", logits, right)


def test_detector_calibration_changes_scores_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SCENES", 3)
    monkeypatch.setattr(calibration, "usable_platt", lambda what, logits, right: Platt(3.0, -0.5))
    monkeypatch.setattr(calibration, "_MIN_SCORE", 0.0)
    torch.manual_seed(0)
    net = PersonDetector("resnet10w8", 8).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = net(image)
        calibrate_detector(net, Composer(scene(person(1))), NORMALIZATION, 96)
        after = net(image)
    torch.testing.assert_close(after.heat_logits, 3.0 * before.heat_logits - 0.5, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.ltrb_px, before.ltrb_px)


def test_root_pose_calibration_changes_scores_and_sigma_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "CROPS", 64)
    torch.manual_seed(0)
    net = RootPoseNet("resnet10w8", get_skeleton("muco21"), 64, num_deconv=1, deconv_channels=8, depth_bins=0).eval()
    image, k_m = torch.randn(2, 3, 64, 64), torch.tensor([3.0, 4.0])
    with torch.no_grad():
        before = net(image, k_m)
        platt, factor = calibrate_root_pose(net, Composer(scene(person(1), person(2, 0.8))))
        after = net(image, k_m)
    torch.testing.assert_close(after.score_logits, platt.scale * before.score_logits + platt.offset)
    torch.testing.assert_close(after.root_log_sigma.exp(), factor * before.root_log_sigma.exp())
    torch.testing.assert_close(after.joints_crop_px, before.joints_crop_px)
    torch.testing.assert_close(after.root_depth_m, before.root_depth_m)


def test_calibrated_sigma_is_the_observed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "CROPS", 128)
    torch.manual_seed(0)
    composer = Composer(scene(person(1), person(2, 0.8)))
    net = RootPoseNet("resnet10w8", get_skeleton("muco21"), 64, num_deconv=1, deconv_channels=8, depth_bins=0).eval()
    with torch.no_grad():
        calibrate_root_pose(net, composer)
        again = calibrate_root_pose(net, composer)[1]
    assert again == pytest.approx(1.0, rel=1e-3)
