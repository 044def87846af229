"""Heat maps to joints: by hand, and Gaussians whose middles are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.engines.spec.presets import POSE_PRESETS
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.crop import apply_affine, crop_transforms
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseSettings, read_pose_settings
from pose3d_ros.types import Array

from .conftest import pose_entry

WIDTH, HEIGHT = 48, 64
"""Of the crop; the maps have a quarter of it, 12 x 16 cells, unless told otherwise."""


def decode(decoder: str, maps: npt.ArrayLike, **settings: Any) -> DecodedJoints:
    return POSE_DECODERS[decoder].decode({"heatmaps": np.asarray(maps)}, PoseSettings(WIDTH, HEIGHT, **settings))


def cells(*values: tuple[int, int, float]) -> Array:
    """One map with values at some x, y."""
    one = np.zeros((1, 1, 16, 12))
    for x, y, value in values:
        one[0, 0, y, x] = value
    return one


def gaussians(places: npt.ArrayLike, sigma: float = 2.0, size: tuple[int, int] = (48, 64)) -> Array:
    """A map (1, J, h, w) of each place (J, 2), in cells."""
    y, x = np.mgrid[: size[1], : size[0]]
    middle = np.asarray(places, dtype=np.float64)[:, :, None, None]
    return np.asarray(np.exp(-((x - middle[:, 0]) ** 2 + (y - middle[:, 1]) ** 2) / (2 * sigma**2)))[None]


def test_peak_is_moved_a_quarter_of_a_cell_to_the_greater_neighbors() -> None:
    joints = decode("heatmaps", cells((5, 7, 0.8), (6, 7, 0.5), (4, 7, 0.1), (5, 6, 0.3)))
    # Cell (5, 7) and a quarter right and up; cell i is at pixel 4 i.
    np.testing.assert_allclose(joints.joints_crop_px, [[[21.0, 27.0]]])
    np.testing.assert_allclose(joints.scores, [[0.8]])
    assert np.isnan(joints.relative_depth_m).all()
    # Pixel centers: the middle of cell 5 is at 5.5 · 4 - 0.5.
    centered = decode("heatmaps_centered", cells((5, 7, 0.8), (6, 7, 0.5), (5, 6, 0.3)))
    np.testing.assert_allclose(centered.joints_crop_px, [[[22.5, 28.5]]])
    # The outer cells are the outer pixels: 47 / 11 and 63 / 15 pixels a cell.
    udp = decode("heatmaps_udp", cells((11, 15, 0.8)), refine="none")
    np.testing.assert_allclose(udp.joints_crop_px, [[[47.0, 63.0]]])


@pytest.mark.parametrize(("x", "moved"), [(0, 0.0), (1, 0.0), (2, 1.0), (10, 1.0), (11, 0.0)])
def test_peaks_at_the_border_stay_where_they_are(x: int, moved: float) -> None:
    # `get_final_preds` moves them only from the third cell on, and not in the last one.
    neighbors = [(min(x + 1, 11), 8, 0.2)] if x < 11 else [(10, 8, 0.2)]
    joints = decode("heatmaps", cells((x, 8, 0.9), *neighbors))
    assert joints.joints_crop_px[0, 0, 0] == 4 * x + moved


def test_joint_without_a_response_is_nowhere() -> None:
    joints = decode("heatmaps", np.concatenate([cells() - 0.1, cells((3, 3, 1.7))], axis=1))
    assert np.isnan(joints.joints_crop_px[0, 0]).all()
    np.testing.assert_allclose(joints.scores, [[0.0, 1.0]])


@pytest.mark.parametrize("decoder", ["heatmaps", "heatmaps_udp", "heatmaps_centered"])
def test_dark_finds_the_middle_of_a_gaussian(decoder: str) -> None:
    places = np.array([[20.0, 30.0], [20.3, 29.6], [31.49, 40.51], [10.0, 50.25]])
    joints = POSE_DECODERS[decoder].decode({"heatmaps": gaussians(places)}, PoseSettings(192, 256, refine="dark"))
    expected = {
        "heatmaps": places * 4,
        "heatmaps_udp": places * [191 / 47, 255 / 63],
        "heatmaps_centered": places * 4 + 1.5,
    }[decoder]
    np.testing.assert_allclose(joints.joints_crop_px[0], expected, atol=0.02)


def test_dark_by_hand() -> None:
    # A map whose logarithm is a parabola with its top at (5.2, 7): blurring a Gaussian keeps its middle, and a kernel
    # of one cell blurs nothing.
    sharp = decode("heatmaps", gaussians([[5.2, 7.0]], 1.0, (12, 16)), refine="dark", blur_cells=1)
    np.testing.assert_allclose(sharp.joints_crop_px, [[[20.8, 28.0]]], atol=1e-6)
    flat = decode("heatmaps", np.full((1, 1, 16, 12), 0.5), refine="dark")
    np.testing.assert_allclose(flat.joints_crop_px, [[[0.0, 0.0]]])


def test_udp_refines_up_to_the_border_and_dark_does_not() -> None:
    places = [[0.3, 8.0]]
    maps = gaussians(places, 2.0, (12, 16))
    assert decode("heatmaps", maps, refine="dark").joints_crop_px[0, 0, 0] == 0.0
    assert decode("heatmaps_udp", maps, refine="dark").joints_crop_px[0, 0, 0] != 0.0


def test_mirror_image_of_a_person_agrees() -> None:
    # Left of pixel x in a crop of 192 is right of 191 - x in its mirror image, whatever the maps' convention.
    skeleton, rng = get_skeleton("coco17"), np.random.default_rng(0)
    pixels = rng.uniform(30, 160, (17, 2))
    mirrored = (pixels * [-1, 1] + [191, 0])[list(skeleton.flip_order)]
    for decoder, scale, shift in (
        ("heatmaps", [0.25, 0.25], 0.0),
        ("heatmaps_udp", [47 / 191, 63 / 255], 0.0),
        ("heatmaps_centered", [0.25, 0.25], -0.375),
    ):
        maps = np.concatenate([gaussians(pixels * scale + shift), gaussians(mirrored * scale + shift)])
        both = POSE_DECODERS[decoder].decode({"heatmaps": maps}, PoseSettings(192, 256, refine="dark"))
        mean = both.mean_with_mirrored(skeleton, 192)
        np.testing.assert_allclose(mean.joints_crop_px[0], pixels, atol=0.05)


def test_crops_of_unbiased_data_processing() -> None:
    # mmpose, get_udp_warp_matrix: the box's corners become the centers of the crop's corner pixels.
    box = np.array([[100.0, 50, 250, 250]])
    crops = crop_transforms(box, 640, 480, (192, 256), 1.0, corner_centers=True)
    np.testing.assert_allclose(apply_affine(crops.img2crop, box.reshape(1, 2, 2)), [[[0, 0], [191, 255]]], atol=1e-9)


def hg3d(**changes: Any) -> dict[str, Any]:
    """A T of a person: all joints on one line but the wrists, depths that grow by a tenth a joint."""
    spots = np.array([[8, 15], [8, 12], [8, 9], [8, 9], [8, 12], [8, 15], [8, 9], [1, 1], [8, 3], [8, 0]])
    arms = np.array([[2, 3], [4, 3], [6, 3], [10, 3], [12, 3], [14, 3]])
    hm = np.zeros((1, 16, 16, 16))
    for joint, (x, y) in enumerate([*spots, *arms]):
        hm[0, joint, y, x] = 0.9 - joint / 100
    depth = np.broadcast_to(np.arange(16.0)[:, None, None] / 10, (1, 16, 16, 16))
    return {"hm": hm, "depth": depth, **changes}


def test_hg3d_gives_a_body_of_known_size() -> None:
    flat = hg3d(depth=np.zeros((1, 16, 16, 16)))
    joints = POSE_DECODERS["hg3d"].decode(flat, PoseSettings(64, 64))
    assert joints.relative_m is not None
    # In cells: legs 2 · 6, trunk 6, head 3, arms 2 · 6, so 33 of them are 4 m.
    cell_m = 4 / 33
    skeleton = get_skeleton("hg3d16")
    expected = {"R_Ankle": [0, 6, 0], "Spine": [0, -3, 0], "Neck": [0, -6, 0], "R_Wrist": [-6, -6, 0]}
    for name, place in expected.items():
        np.testing.assert_allclose(
            joints.relative_m[0, skeleton.index_of[name]], np.array(place) * cell_m, atol=1e-9, err_msg=name
        )
    # Its cells are those that a joint lies in, so their middles are the best guess; the spine is between its neighbors.
    np.testing.assert_allclose(joints.joints_crop_px[0, [0, 7]], np.array([[34, 62], [34, 26]]))
    np.testing.assert_allclose(joints.scores[0, [0, 7]], [0.9, 0.82])


def test_hg3d_depths_count_in_sides_of_the_crop() -> None:
    body = POSE_DECODERS["hg3d"].decode(hg3d(), PoseSettings(64, 64, bones_m=2.0))
    assert body.relative_m is not None
    index = get_skeleton("hg3d16").index_of
    # A tenth of the crop's side a joint, where 16 cells are a side: the unit is the same as across.
    across, deep = body.relative_m[0, index["L_Wrist"], 0], body.relative_m[0, index["L_Wrist"], 2]
    assert deep / across == pytest.approx(0.9 / (6 / 16))
    shared = POSE_DECODERS["hg3d"].decode(hg3d(depth=np.full((1, 1, 16, 16), 0.7)), PoseSettings(64, 64))
    np.testing.assert_allclose(shared.relative_depth_m, np.zeros((1, 16)), atol=1e-12)
    with pytest.raises(EngineError, match=r"output hm: expected shape \(any, 16, any, any\), got \(1, 3, 4, 4\)"):
        POSE_DECODERS["hg3d"].decode({"hm": np.zeros((1, 3, 4, 4))}, PoseSettings(64, 64))


def test_settings_come_from_the_entry() -> None:
    decoder = POSE_DECODERS["heatmaps"]
    entry = pose_entry("heatmaps", 192, 256, "coco17", refine="dark", blur_cells=17)
    settings = read_pose_settings(entry, decoder, (192, 256))
    assert (settings.refine, settings.blur_cells) == ("dark", 17)
    assert read_pose_settings(pose_entry("heatmaps_udp", 4, 4, "coco17"), decoder, (4, 4)).refine == "quarter"
    assert read_pose_settings(entry, POSE_DECODERS["heatmaps_udp"], (4, 4)).refine == "dark"
    for wrong, message in (({"refine": "dak"}, "one of quarter, dark, none"), ({"blur_cells": 10}, "an odd number")):
        with pytest.raises(EngineError, match=message):
            read_pose_settings(pose_entry("heatmaps", 192, 256, "coco17", **wrong), decoder, (192, 256))


def test_every_preset_names_a_decoder_and_a_skeleton_of_its_joints() -> None:
    found = {name for name, preset in POSE_PRESETS.items() if preset.decoder.startswith(("heatmaps", "hg3d"))}
    assert found == {"pose_resnet", "hrnet", "hrnet_dark", "vitpose", "hourglass", "openpose_crops", "hg3d"}
    for name in found:
        preset = POSE_PRESETS[name]
        assert preset.skeleton is not None
        assert len(get_skeleton(preset.skeleton)) == preset.parameters.get("joints", len(get_skeleton(preset.skeleton)))
        assert preset.normalization is not None
        # SimpleBaselines and pose-hg-3d read BGR images.
        bgr = name in {"pose_resnet", "hg3d", "openpose_crops"}
        assert preset.normalization.channel_order == ("bgr" if bgr else "rgb")
