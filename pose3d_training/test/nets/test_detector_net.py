"""PersonDetector: map sizes, initial outputs, and translation by whole cells."""

from __future__ import annotations

import pytest
import torch

from pose3d_ros.errors import EngineError
from pose3d_training.nets.detector_net import PersonDetector


def _detector() -> PersonDetector:
    torch.manual_seed(0)
    return PersonDetector("resnet10w8", 8).eval()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (256, 320), (96, 160)])
def test_maps_have_stride_eight_for_any_multiple_of_32(height: int, width: int) -> None:
    with torch.no_grad():
        out = _detector()(torch.randn(2, 3, height, width))
    assert tuple(out.heat_logits.shape) == (2, 1, height // 8, width // 8)
    assert tuple(out.ltrb_px.shape) == (2, 4, height // 8, width // 8)
    assert bool((out.ltrb_px > 0).all())


def test_untrained_detector_has_the_prior_of_one_person_in_100_cells() -> None:
    with torch.no_grad():
        out = _detector()(torch.zeros(1, 3, 64, 64))
    assert float(torch.sigmoid(out.heat_logits).mean()) == pytest.approx(0.01, rel=0.1)
    assert float(out.ltrb_px.mean()) == pytest.approx(4 * 8, rel=0.1)


def test_box_distances_are_finite_for_large_activations() -> None:
    detector = _detector()
    torch.nn.init.constant_(detector.ltrb_layer.weight, 1e6)
    with torch.no_grad():
        ltrb = detector(torch.randn(1, 3, 32, 32)).ltrb_px
    assert bool(torch.isfinite(ltrb).all())


def test_moving_the_image_by_32_px_moves_the_heat_by_4_cells() -> None:
    detector = _detector()
    image = torch.zeros(1, 3, 384, 384)
    image[..., 160:200, 160:200] = 2.0
    with torch.no_grad():
        here = detector(image).heat_logits
        there = detector(image.roll((32, 32), dims=(2, 3))).heat_logits
    center = slice(20, 25)
    moved = slice(24, 29)
    torch.testing.assert_close(there[..., moved, moved], here[..., center, center], atol=1e-5, rtol=0)
    assert float(here.std()) > 0


def test_outputs_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        out = _detector()(torch.zeros(1, 3, 64, 64))
    assert out.heat_logits.dtype == out.ltrb_px.dtype == torch.float32


def test_zero_channels_is_an_error() -> None:
    with pytest.raises(EngineError, match="PersonDetector channels"):
        PersonDetector("resnet10w8", 0)
