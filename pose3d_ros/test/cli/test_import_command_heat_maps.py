"""Nets of heat maps from an exported file to people in metres: made ONNX files that always see the same person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import PipelineConfig, PoseConfig
from pose3d_ros.engines import load_manifest
from pose3d_ros.engines.spec.presets import POSE_PRESETS, get_preset
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import apply_affine, crop_transforms
from pose3d_ros.pipeline import open_pipeline
from pose3d_ros.records import STILL, Detection, Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.types import Array

from .conftest import Pose3d, save_model

CAMERA = Camera.from_hfov(60.0, 640, 480)
BOX = np.array([240.0, 80.0, 400.0, 420.0])
PLACE_M = np.array([0.1, 0.05, 4.0])
STANDING_M = {
    "Pelvis": (0, 0.02, 0), "Spine": (0, -0.24, 0.01), "Thorax": (0, -0.47, 0.02), "Neck": (0, -0.52, 0.01),
    "Nose": (0, -0.68, -0.1), "Head_top": (0, -0.85, 0), "L_Eye": (0.03, -0.72, -0.08), "R_Eye": (-0.03, -0.72, -0.08),
    "L_Ear": (0.07, -0.7, 0), "R_Ear": (-0.07, -0.7, 0), "L_Shoulder": (0.18, -0.47, 0.02),
    "R_Shoulder": (-0.18, -0.47, 0.02), "L_Elbow": (0.27, -0.2, 0.05), "R_Elbow": (-0.27, -0.2, 0.05),
    "L_Wrist": (0.3, 0.03, -0.05), "R_Wrist": (-0.3, 0.03, -0.05), "L_Hip": (0.1, 0.02, 0), "R_Hip": (-0.1, 0.02, 0),
    "L_Knee": (0.11, 0.44, -0.03), "R_Knee": (-0.11, 0.44, -0.03), "L_Ankle": (0.12, 0.86, 0.03),
    "R_Ankle": (-0.12, 0.86, 0.03), "L_Toe": (0.15, 0.92, -0.14), "R_Toe": (-0.15, 0.92, -0.14),
    "L_Small_Toe": (0.18, 0.92, -0.1), "R_Small_Toe": (-0.18, 0.92, -0.1), "L_Heel": (0.11, 0.92, 0.08),
    "R_Heel": (-0.11, 0.92, 0.08),
}  # fmt: skip
"""A person of 1.75 m who stands and looks into the camera, from the pelvis."""

Import = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engines"


@pytest.fixture
def run_import(folder: Path, pose3d: Pose3d) -> Import:
    def command(preset: str, file: Path, *more: str, code: int = 0) -> str:
        return pose3d("import", preset, file, "--output", folder, "--license", "MIT", *more, code=code)

    return command


def joints_m(skeleton: str) -> Array:
    return PLACE_M + np.array([STANDING_M[name] for name in get_skeleton(skeleton).joints], dtype=np.float64)


def heat_maps(preset: str, sigma: float = 2.0) -> Array:
    """What a perfect net of the preset would say of the person in BOX."""
    kind = get_preset(preset)
    assert kind.input_size_px is not None
    assert kind.skeleton is not None
    width, height = kind.input_size_px
    decoder = POSE_DECODERS[kind.decoder]
    crops = crop_transforms(
        BOX[None],
        640,
        480,
        (width, height),
        half_pixel_centers=decoder.half_pixel_centers,
        corner_centers=decoder.corner_centers,
    )
    at = apply_affine(crops.img2crop[0], CAMERA.project(joints_m(kind.skeleton)))
    stride = 8 if preset == "openpose_crops" else 4
    columns, rows = width // stride, height // stride
    if decoder.corner_centers:
        at = at * (np.array([columns, rows]) - 1) / (np.array([width, height]) - 1)
    else:
        at = (at + 0.5) / stride - 0.5 if decoder.half_pixel_centers else at / stride
    y, x = np.mgrid[:rows, :columns]
    squares = (x - at[:, 0, None, None]) ** 2 + (y - at[:, 1, None, None]) ** 2
    return np.asarray(np.exp(-squares / (2 * sigma**2)))[None]


def net(path: Path, size: tuple[int, int], **outputs: Array) -> Path:
    """A net that gives these arrays for every image of a batch."""
    declared = ", ".join(
        f"float[batch, {', '.join(str(n) for n in array.shape[1:])}] {name}" for name, array in outputs.items()
    )
    nodes = " ".join(f"{name} = Add (nothing, {name}_always)" for name in outputs)
    return save_model(
        path,
        f"(float[batch, 3, {size[1]}, {size[0]}] input) => ({declared}) {{"
        f" sums = ReduceSum <keepdims = 1> (input, axes) nothing = Mul (sums, zero) {nodes} }}",
        axes=np.array([1, 2, 3]),
        zero=0.0,
        **{f"{name}_always": array for name, array in outputs.items()},
    )


def pose_in(folder: Path) -> tuple[Array, Array, tuple[str, ...]]:
    """Joints in the camera's frame and in the image of the one person in BOX, and their names."""
    frame = Frame(np.zeros((480, 640, 3), np.uint8), CAMERA, STILL)
    config = PipelineConfig(pose=PoseConfig(flip_test=False))  # these nets don't look at the image
    with open_pipeline(str(folder), backend="onnxruntime", smooth=False, config=config) as pipeline:
        (person,) = pipeline(frame, [Detection(BOX, 0.9)]).people
    return person.pose.joints_cam_m, person.pose.joints_img_px, person.pose.skeleton.joints


@pytest.mark.parametrize(
    ("preset", "within_px"),
    [("pose_resnet", 1.7), ("hrnet", 1.7), ("hrnet_dark", 0.2), ("vitpose", 0.2), ("openpose_crops", 3.0)],
)
def test_heat_maps_become_a_person_in_metres(
    tmp_path: Path, folder: Path, run_import: Import, preset: str, within_px: float
) -> None:
    size = get_preset(preset).input_size_px
    assert size is not None
    maps = heat_maps(preset)
    if preset == "openpose_crops":  # its background, and its part affinity fields
        maps = np.concatenate([maps, np.ones((1, 53, *maps.shape[2:]))], axis=1)
    printed = run_import(preset, net(tmp_path / "net.onnx", size, anything=maps), "--with-default")
    assert "checked:  inputs and outputs are those of the decoder heatmaps" in printed
    found_m, found_px, names = pose_in(folder)
    # The default lifter reads 17 joints and gives 21: where it has what was seen, that is where the net saw it.
    for name in ("L_Wrist", "R_Elbow", "L_Shoulder", "R_Hip", "L_Knee", "R_Ankle"):
        truth_px = CAMERA.project(np.array(STANDING_M[name]) + PLACE_M)
        assert np.abs(found_px[names.index(name)] - truth_px).max() < within_px, name
    assert found_m[names.index("Pelvis")] == pytest.approx(STANDING_M["Pelvis"] + PLACE_M, abs=0.6)
    assert np.linalg.norm(found_m[names.index("Thorax")] - found_m[names.index("Pelvis")]) == pytest.approx(0.5, 0.3)


def test_hg3d_gives_metres_without_a_lifter_or_a_root_net(tmp_path: Path, folder: Path, run_import: Import) -> None:
    truth_m = joints_m("hg3d16")
    crops = crop_transforms(BOX[None], 640, 480, (256, 256), half_pixel_centers=False)
    side_m = (crops.boxes_xyxy_px[0, 2] - crops.boxes_xyxy_px[0, 0]) * PLACE_M[2] / CAMERA.fx_px
    depth = np.broadcast_to((truth_m[:, 2] - PLACE_M[2])[:, None, None] / side_m, (16, 64, 64))[None]
    maps = heat_maps("hg3d", 1.0)
    run_import("hg3d", net(tmp_path / "net.onnx", (256, 256), hm=maps, depth=np.array(depth)), "--with-default")
    assert load_manifest(folder).for_role("pose").parameters["root"] == "weak_perspective"
    found_m, _, names = pose_in(folder)
    assert names == get_skeleton("hg3d16").joints
    # Its bones are 4 m together; this person's are a little longer or shorter, and stand that much nearer or farther.
    bones = np.array(get_skeleton("hg3d16").edges)
    size = 4.0 / np.linalg.norm(truth_m[bones[:, 0]] - truth_m[bones[:, 1]], axis=-1).sum()
    assert found_m[names.index("Pelvis")] == pytest.approx(truth_m[names.index("Pelvis")] * size, abs=0.15)
    relative = found_m - found_m[names.index("Pelvis")]
    expected = (truth_m - truth_m[names.index("Pelvis")]) * size
    spine = names.index("Spine")
    expected[spine] = expected[names.index("Neck")] / 2
    np.testing.assert_allclose(relative, expected, atol=0.08)  # cells are 3 cm


def test_hourglass_is_imported_in_joints_of_mpii(tmp_path: Path, folder: Path, run_import: Import) -> None:
    file = net(tmp_path / "hg.onnx", (256, 256), output=heat_maps("hourglass"))
    run_import("hourglass", file)
    entry = load_manifest(folder).for_role("pose")
    assert (entry.decoder, entry.skeleton, entry.input_size_px) == ("heatmaps_centered", "mpii16", (256, 256))


def test_stacks_of_an_hourglass_have_to_be_chosen_from(tmp_path: Path, folder: Path, run_import: Import) -> None:
    maps = heat_maps("hourglass")
    file = net(tmp_path / "hg.onnx", (256, 256), first=maps, last=maps)
    printed = run_import("hourglass", file, code=2)
    assert "expected heatmaps" in printed
    assert "image_input, outputs" in printed
    assert not folder.exists()
    run_import("hourglass", file, "--parameter", 'outputs=["last"]')
    assert load_manifest(folder).for_role("pose").parameters["outputs"] == ["last"]


@pytest.mark.parametrize(
    ("preset", "more", "message"),
    [
        ("hrnet", [], "joints of net: expected the 17 of coco17, got 16"),
        ("hrnet", ["--skeleton", "mpii16", "--parameter", "refine=best"], "expected one of quarter, dark, none"),
        (
            "hrnet_dark",
            ["--skeleton", "mpii16", "--parameter", "blur_cells=4"],
            "expected an odd number of cells, got 4",
        ),
        ("hg3d", [], "expected hm; depth, got"),
        ("epipolarpose16", [], "joints times 64 channels"),
    ],
)
def test_heat_maps_of_another_net_are_refused(
    tmp_path: Path, folder: Path, run_import: Import, preset: str, more: list[str], message: str
) -> None:
    maps = np.zeros((1, 16, 64, 64))
    assert message in run_import(preset, net(tmp_path / "net.onnx", (256, 256), output=maps), *more, code=2)
    assert not folder.exists()


def test_every_pose_preset_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in POSE_PRESETS if f"| `{name}` |" not in page] == []
