"""Where occlusion-robust pose-maps are read, from made-up maps, and from a graph of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import RoleEngine, choose_backend, open_engine
from pose3d_ros.engines.spec.presets import preset_entry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.pose.orpm_decoder import LIMBS, decode_orpm, read_order
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseSettings
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import Array

MUCO = SKELETONS["muco21"]
SETTINGS = PoseSettings(128, 64, metres_per_unit=0.1, ahead="crop", skeleton="muco21")
HEIGHT, WIDTH = 8, 16
CELLS = {name: (i // 5 * 2, 2 + i % 5 * 3) for i, name in enumerate(MUCO.joints[:20])} | {"L_Toe": (7, 0)}
"""Joint → row and column of its maximum: all of them at least two cells apart."""


def maps(**heights: float) -> dict[str, Array]:
    """Maps of one person. Each says at each cell where it is read: x its row, y its column, z its joint."""
    heat = np.zeros((1, len(MUCO), HEIGHT, WIDTH))
    for joint, name in enumerate(MUCO.joints):
        heat[0, joint][CELLS[name]] = heights.get(name, 0.9)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    z = np.arange(len(MUCO), dtype=float)[:, None, None] + 0 * rows
    return {"heat": heat, "x": (rows + 0 * z)[None], "y": (columns + 0 * z)[None], "z": z[None]}


def read_at(joints: DecodedJoints) -> dict[str, tuple[int, int]]:
    """Joint → the cell that its 3D place was read at."""
    assert joints.relative_m is not None
    np.testing.assert_allclose(joints.relative_m[0, :, 2] * 10, range(len(MUCO)))
    cells = np.rint(joints.relative_m[0, :, :2] * 10).astype(int)
    return {name: (int(row), int(column)) for name, (row, column) in zip(MUCO.joints, cells, strict=True)}


def decode(**heights: float) -> DecodedJoints:
    return decode_orpm(maps(**heights), SETTINGS)


def test_torso_is_read_at_the_pelvis_and_limbs_at_their_ends() -> None:
    read = read_at(decode())
    assert {read[name] for name in ("Pelvis", "Spine", "Thorax")} == {CELLS["Pelvis"]}
    for limb in LIMBS:
        assert {read[name] for name in limb if name in read} == {CELLS[limb[0]]}


def test_limb_is_read_at_the_outermost_joint_that_is_seen() -> None:
    read = read_at(decode(L_Hand=0.1, L_Wrist=0.1, R_Toe=0.0))
    assert {read[name] for name in ("L_Hand", "L_Wrist", "L_Elbow", "L_Shoulder")} == {CELLS["L_Elbow"]}
    assert read["R_Hip"] == CELLS["R_Ankle"]
    assert read["L_Hip"] == CELLS["L_Toe"]


def test_hidden_limb_is_read_with_the_body() -> None:
    hidden = dict.fromkeys(("R_Hand", "R_Wrist", "R_Elbow", "R_Shoulder"), 0.05)
    joints = decode(**hidden)
    assert {read_at(joints)[name] for name in hidden} == {CELLS["Pelvis"]}
    np.testing.assert_allclose([joints.scores[0, MUCO.index_of[name]] for name in hidden], 0.05)


def test_neck_is_read_where_the_pelvis_is_not_seen() -> None:
    assert read_at(decode(Pelvis=0.1))["Spine"] == CELLS["Thorax"]
    assert read_at(decode(Pelvis=0.02, Thorax=0.01))["Spine"] == CELLS["Pelvis"]


def test_limb_beside_the_cell_of_the_body_does_not_count() -> None:
    given = maps(L_Hand=0.0, L_Wrist=0.0, L_Elbow=0.0)
    given["heat"][0, MUCO.index_of["L_Shoulder"]] = 0
    row, column = CELLS["Pelvis"]
    given["heat"][0, MUCO.index_of["L_Shoulder"], row - 1, column + 1] = 1.0
    given["x"][0, MUCO.index_of["L_Elbow"], row - 1, column + 1] = 7.7
    assert read_at(decode_orpm(given, SETTINGS))["L_Elbow"] == CELLS["Pelvis"]


def test_pixels_are_the_centers_of_the_maxima() -> None:
    row, column = CELLS["Head"]
    np.testing.assert_allclose(decode().joints_crop_px[0, MUCO.index_of["Head"]], (8 * column + 3.5, 8 * row + 3.5))


def test_graph_of_maps_is_a_pose_model(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    made = maps(L_Wrist=0.0, L_Hand=0.0)
    shape = f"float[1, 21, {HEIGHT}, {WIDTH}]"
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]> maps (float[1, 3, 64, 128] image)
        => ({shape} heat, {shape} x, {shape} y, {shape} z) {{
            heat = Identity (c_heat) x = Identity (c_x) y = Identity (c_y) z = Identity (c_z) }}"""
    )
    for name, values in made.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), f"c_{name}"))
    onnx.save(model, tmp_path / "orpm.onnx")
    entry = preset_entry(
        "orpm", tmp_path / "orpm.onnx", name="orpm", license="none", training_data="none", input_size_px=(128, 64)
    )
    camera = Camera.from_hfov(60.0, 640, 480)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), camera, 0)
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        people = RootPoseEstimator(RoleEngine(engine, entry), config=PoseConfig(flip_test=False)).estimate_keypoints(
            frame, [Detection(np.array([220.0, 200.0, 420.0, 280.0]), 1.0)]
        )
    assert people.relative_m is not None
    # The ray through the middle of the box is the optical axis, so that the maps' axes are the camera's.
    expected = decode_orpm(made, SETTINGS).relative_m
    assert expected is not None
    np.testing.assert_allclose(people.relative_m, expected, atol=0.02)
    assert list(np.flatnonzero(~people.valid[0])) == sorted(MUCO.index_of[name] for name in ("L_Wrist", "L_Hand"))


def test_no_people() -> None:
    none = {name: values[:0] for name, values in maps().items()}
    joints = decode_orpm(none, SETTINGS)
    assert joints.relative_m is not None
    assert (joints.relative_m.shape, joints.scores.shape) == ((0, 21, 3), (0, 21))


def test_maps_that_do_not_fit_are_errors() -> None:
    with pytest.raises(EngineError, match=r"output z: expected shape \(1, 21, 8, 16\)"):
        decode_orpm({**maps(), "z": np.zeros((1, 21, 8, 8))}, SETTINGS)
    with pytest.raises(EngineError, match=r"expected a map for each joint .* got 21 maps, coco17"):
        decode_orpm(maps(), replace(SETTINGS, skeleton="coco17"))
    with pytest.raises(EngineError, match="one of Pelvis, Thorax, Neck, got coco17"):
        read_order(SKELETONS["coco17"])
