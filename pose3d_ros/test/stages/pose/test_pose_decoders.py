"""Decoders of third-party pose nets, and the flip test, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.keypoints import DecodedRoots
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseSettings


def decode(decoder: str, raw: dict[str, Any], width: int, height: int, **settings: Any) -> DecodedJoints:
    return POSE_DECODERS[decoder].decode(raw, PoseSettings(width, height, **settings))


def one_hot(bins: list[int], length: int, values: list[float]) -> npt.NDArray[np.float32]:
    rows = np.full((1, len(bins), length), -0.1, dtype=np.float32)
    rows[0, np.arange(len(bins)), bins] = values
    return rows


def simcc(**changes: Any) -> dict[str, Any]:
    """A crop of 12 x 16 px, two bins a pixel, three joints."""
    return {
        "simcc_x": one_hot([0, 7, 23], 24, [0.9, 0.4, -0.05]),
        "simcc_y": one_hot([31, 10, 5], 32, [0.7, 1.6, 0.8]),
        "simcc_z": one_hot([12, 0, 23], 24, [1, 1, 1]),
        **changes,
    }


def test_simcc_reads_the_greatest_bins() -> None:
    joints = decode("simcc_2d", simcc(), 12, 16)
    # Bin over ratio; the smaller maximum; a joint without a response above 0 is nowhere.
    np.testing.assert_allclose(joints.joints_crop_px[0], np.array([[0, 15.5], [3.5, 5], [np.nan, np.nan]]))
    np.testing.assert_allclose(joints.scores, [[0.7, 0.4, 0.0]], rtol=1e-6)
    assert np.isnan(joints.relative_depth_m).all()
    assert joints.relative_m is None


def test_simcc_depths_span_the_range() -> None:
    joints = decode("simcc_3d", simcc(), 12, 16)
    # 24 bins of z: the middle one is the root's depth, the first one the whole range nearer.
    np.testing.assert_allclose(joints.relative_depth_m, [[0, -2.1744869, 2.1744869 * 11 / 12]])
    np.testing.assert_allclose(
        decode("simcc_3d", simcc(), 12, 16, z_range_m=1.2).relative_depth_m, [[0, -1.2, 1.1]], rtol=1e-12
    )


def test_split_ratio_that_is_not_the_nets() -> None:
    with pytest.raises(EngineError, match=r"output simcc_x: expected shape \(any, any, 36\), got \(1, 3, 24\)"):
        decode("simcc_2d", simcc(), 12, 16, split_ratio=3.0)


def test_integral_volume_gives_the_mean_position() -> None:
    # Two joints in 4 x 4 x 4: all of one in cell (x 1, y 2, z 3), the other half in x 0 and half in x 3, y 1, z 0.
    volume = np.full((1, 2, 4, 4, 4), -100.0)
    volume[0, 0, 3, 2, 1] = 50.0
    volume[0, 1, 0, 1, [0, 3]] = 7.0
    joints = decode("integral_volume", {"volume": volume.reshape(1, 8, 4, 4)}, 64, 64)
    np.testing.assert_allclose(joints.joints_crop_px, [[[16, 32], [24, 16]]], atol=1e-9)
    # Two metres over four bins from -1: bin 3 is at 0.5 m.
    np.testing.assert_allclose(joints.relative_depth_m, [[0.5, -1.0]], atol=1e-9)
    assert joints.mirror_sum_px == 48.0  # cells 0 and 3 mirror each other, at pixels 0 and 48
    short = decode("integral_volume", {"volume": volume.reshape(1, 8, 4, 4)}, 64, 64, depth_range_m=1.0)
    np.testing.assert_allclose(short.relative_depth_m, [[0.25, -0.5]], atol=1e-9)
    with pytest.raises(EngineError, match="joints times 4 channels"):
        decode("integral_volume", {"volume": np.zeros((1, 6, 4, 4))}, 64, 64)


def test_location_maps_are_read_at_the_maximum() -> None:
    heat, x, y, z = (np.zeros((1, 2, 2, 3), dtype=np.float32) for _ in range(4))
    heat[0, 0, 1, 2], heat[0, 1, 0, 0] = 0.75, 1.5
    x[0, 0, 1, 2], y[0, 0, 1, 2], z[0, 0, 1, 2] = 3.0, -2.0, 1.0
    joints = decode("location_maps", {"heat": heat, "x": x, "y": y, "z": z}, 24, 16, metres_per_unit=0.1)
    assert joints.relative_m is not None
    np.testing.assert_allclose(joints.relative_m[0], np.array([[0.3, -0.2, 0.1], [0.0, 0.0, 0.0]]), atol=1e-9)
    # Cells of 8 px: the center of the third across is 2 · 8 + 3.5.
    np.testing.assert_allclose(joints.joints_crop_px, [[[19.5, 11.5], [3.5, 3.5]]])
    np.testing.assert_allclose(joints.scores, [[0.75, 1.0]])
    with pytest.raises(EngineError, match=r"output z: expected shape \(1, 2, 2, 3\)"):
        decode("location_maps", {"heat": heat, "x": x, "y": y, "z": z[..., :2]}, 24, 16)


def test_choosing_joints() -> None:
    joints = decode("simcc_3d", simcc(), 12, 16)
    assert joints.chosen(None) is joints
    np.testing.assert_array_equal(joints.chosen((2, 0)).scores, joints.scores[:, [2, 0]])
    np.testing.assert_array_equal(joints.chosen((0, 1)).relative_depth_m, joints.relative_depth_m[:, :2])
    with pytest.raises(EngineError, match="parameter joints: expected up to 3 joints, got 17"):
        joints.chosen(tuple(range(17)))


def test_mirror_image_that_agrees_changes_nothing() -> None:
    rng, skeleton = np.random.default_rng(0), get_skeleton("muco21")
    joints, depth = rng.uniform(0, 95, (3, 21, 2)), rng.normal(size=(3, 21))
    scores, order = rng.uniform(size=(3, 21)), list(skeleton.flip_order)
    mirrored = joints[:, order] * [-1, 1] + [95, 0]
    both = DecodedJoints(
        np.concatenate([joints, mirrored]),
        np.concatenate([depth, depth[:, order]]),
        np.concatenate([scores, scores[:, order]]),
    )
    mean = both.mean_with_mirrored(skeleton, 96)
    np.testing.assert_allclose(mean.joints_crop_px, joints, atol=1e-12)
    np.testing.assert_allclose(mean.relative_depth_m, depth)
    np.testing.assert_allclose(mean.scores, scores)


def test_depths_are_averaged_as_ratios() -> None:
    roots = DecodedRoots(np.array([2.0, 4.0, 8.0, 4.0]), np.array([0.1, 0.2, 0.3, 0.2])).mean_of_halves()
    np.testing.assert_allclose(roots.depth_m, [4, 4])
    assert roots.relative_sigma == pytest.approx([0.2, 0.2])
