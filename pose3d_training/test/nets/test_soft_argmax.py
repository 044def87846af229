"""Soft-argmax: peaks, means and marginals against the definition, in FP32 under autocast too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_training.nets.soft_argmax import SoftArgmax2d, SoftArgmax3d

SHARP = 60.0


def test_sharp_peak_is_its_bin() -> None:
    logits = torch.zeros(1, 2, 4, 6)
    logits[0, 0, 1, 5] = SHARP
    logits[0, 1, 3, 0] = SHARP
    torch.testing.assert_close(SoftArgmax2d(4, 6)(logits), torch.tensor([[[5.0, 1.0], [0.0, 3.0]]]))


def test_volume_channels_are_ordered_by_joint_then_slice() -> None:
    logits = torch.zeros(1, 2 * 5, 4, 6)
    logits[0, 0 * 5 + 4, 1, 2] = SHARP
    logits[0, 1 * 5 + 3, 2, 5] = SHARP
    expected = torch.tensor([[[2.0, 1.0, 4.0], [5.0, 2.0, 3.0]]])
    torch.testing.assert_close(SoftArgmax3d(2, 5, 4, 6)(logits), expected)


def test_two_equal_peaks_and_a_flat_map_give_the_mean() -> None:
    logits = torch.zeros(1, 2, 3, 9)
    logits[0, 0, 0, 2] = SHARP
    logits[0, 0, 2, 8] = SHARP
    torch.testing.assert_close(SoftArgmax2d(3, 9)(logits), torch.tensor([[[5.0, 1.0], [4.0, 1.0]]]))


def test_marginals_sum_to_one() -> None:
    # ln 3 against 0 is a probability of 3/4 against 1/4: x = 3/4 · 1, z likewise.
    logits = torch.tensor([0.0, np.log(3.0)], dtype=torch.float32).reshape(1, 1, 1, 2)
    assert SoftArgmax2d(1, 2)(logits)[0, 0].tolist() == pytest.approx([0.75, 0.0])
    assert SoftArgmax3d(1, 2, 1, 1)(logits.reshape(1, 2, 1, 1))[0, 0].tolist() == pytest.approx([0.0, 0.0, 0.75])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_3d_equals_the_definition_in_float64(joints: int, depth: int, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=4.0, size=(2, joints, depth, height, width))
    p = np.exp(logits - logits.max(axis=(2, 3, 4), keepdims=True))
    p /= p.sum(axis=(2, 3, 4), keepdims=True)
    z, y, x = np.meshgrid(np.arange(depth), np.arange(height), np.arange(width), indexing="ij")
    expected = np.stack([(p * axis).sum(axis=(2, 3, 4)) for axis in (x, y, z)], axis=-1)
    volume = torch.from_numpy(logits.reshape(2, joints * depth, height, width))
    got = SoftArgmax3d(joints, depth, height, width)(volume)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-4)


@given(st.floats(-1e4, 1e4), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_soft_argmax_is_invariant_to_a_constant(constant: float, seed: int) -> None:
    logits = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    layer = SoftArgmax2d(4, 5)
    torch.testing.assert_close(layer(logits.double() + constant), layer(logits.double()), atol=1e-2, rtol=0)


def test_float32_under_autocast_and_from_half_logits() -> None:
    logits = torch.randn(1, 64, 64, 64, generator=torch.Generator().manual_seed(0))
    layer = SoftArgmax3d(1, 64, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = layer(logits)
    assert torch.equal(under_autocast, layer(logits))
    assert layer(logits.half()).dtype == torch.float32
    torch.testing.assert_close(layer(logits.half()), layer(logits), atol=0.01, rtol=0)


def test_state_dict_has_no_bins() -> None:
    assert not SoftArgmax2d(4, 4).state_dict()
    assert not SoftArgmax3d(1, 4, 4, 4).state_dict()
