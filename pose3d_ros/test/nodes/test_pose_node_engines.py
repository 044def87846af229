"""The nodes with real engines: tiny ONNX graphs that find a person in whatever is bright."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from onnx import TensorProto, helper, save_model
from onnx.numpy_helper import from_array
from pose3d_msgs.msg import Person3D, Person3DArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.engines import ManifestEntry, Normalization, sha256_of
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.smoother_node import SmootherNode

JOINTS, CROP_PX, BOX_PX = 21, 64, 40.0
PLAIN = Normalization(1.0 / 255.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
Value = Any


def tensor(name: str, *shape: int | str) -> Value:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def write_graph(path: Path, nodes: list[Value], inputs: list[Value], outputs: list[Value], **constants: Any) -> Path:
    initializers = [from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, initializers)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def write_detector(path: Path) -> Path:
    """heat: the sigmoid of 20 times a cell's brightness above one half; ltrb: 20 px in every direction."""
    weight = np.full((1, 3, 8, 8), 20.0 / (3 * 64), np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "weight", "bias"], ["logit"], strides=[8, 8]),
        helper.make_node("Sigmoid", ["logit"], ["heat"]),
        helper.make_node("Conv", ["image", "nothing", "half"], ["ltrb"], strides=[8, 8]),
    ]
    constants = {
        "weight": weight,
        "bias": np.array([-10.0], np.float32),
        "nothing": np.zeros((4, 3, 8, 8), np.float32),
        "half": np.full(4, BOX_PX / 2, np.float32),
    }
    outputs = [tensor("heat", "batch", 1, "h", "w"), tensor("ltrb", "batch", 4, "h", "w")]
    return write_graph(path, nodes, [tensor("image", "batch", 3, "height", "width")], outputs, **constants)


def write_root_pose(path: Path) -> Path:
    """Every joint in the middle of the crop, at the root's depth, which is k."""
    middle = np.full((1, JOINTS, 2), (CROP_PX - 1) / 2, np.float32)
    nodes = [
        helper.make_node("Shape", ["k_m"], ["batch"]),
        helper.make_node("Concat", ["batch", "ones2"], ["shape3"], axis=0),
        helper.make_node("Concat", ["batch", "ones1"], ["shape2"], axis=0),
        helper.make_node("Expand", ["middle", "shape3"], ["joints_crop_px"]),
        helper.make_node("Expand", ["zeros", "shape2"], ["relative_depth_m"]),
        helper.make_node("Expand", ["scores", "shape2"], ["joint_scores"]),
        helper.make_node("Identity", ["k_m"], ["root_depth_m"]),
        helper.make_node("Expand", ["log_sigma", "batch"], ["root_log_sigma"]),
        helper.make_node("Identity", ["image"], ["unused"]),
    ]
    constants = {
        "middle": middle,
        "ones2": np.ones(2, np.int64),
        "ones1": np.ones(1, np.int64),
        "zeros": np.zeros((1, JOINTS), np.float32),
        "scores": np.full((1, JOINTS), 0.75, np.float32),
        "log_sigma": np.array([-3.0], np.float32),
    }
    inputs = [tensor("image", "batch", 3, CROP_PX, CROP_PX), tensor("k_m", "batch")]
    outputs = [
        tensor("joints_crop_px", "batch", JOINTS, 2),
        tensor("relative_depth_m", "batch", JOINTS),
        tensor("joint_scores", "batch", JOINTS),
        tensor("root_depth_m", "batch"),
        tensor("root_log_sigma", "batch"),
    ]
    return write_graph(path, nodes, inputs, outputs, **constants)


def write_smoother(path: Path) -> Path:
    """Moves joints and root one metre along x."""
    correction = np.tile(np.array([1.0, 0.0, 0.0], np.float32), JOINTS + 1)
    correction[: JOINTS * 3] = 0.0
    nodes = [
        helper.make_node("MatMul", ["x", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "correction"], ["y"]),
        helper.make_node("Identity", ["state_0"], ["next_state_0"]),
    ]
    inputs = [tensor("x", "batch", JOINTS * 6 + 4), tensor("state_0", "batch", 1, 1)]
    outputs = [tensor("y", "batch", JOINTS * 3 + 3), tensor("next_state_0", "batch", 1, 1)]
    nothing = np.zeros((JOINTS * 6 + 4, JOINTS * 3 + 3), np.float32)
    return write_graph(path, nodes, inputs, outputs, nothing=nothing, correction=correction)


def entry(name: str, roles: tuple[str, ...], file: Path, decoder: str, **changes: Any) -> ManifestEntry:
    fields: dict[str, Any] = {
        "name": name,
        "roles": roles,
        "file": file,
        "sha256": sha256_of(file),
        "decoder": decoder,
        "normalization": PLAIN,
        "skeleton": "muco21",
        "units": "metres",
        "license": "Apache-2.0",
        "training_data": "none",
    }
    return ManifestEntry(**{**fields, **changes})


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    folder = tmp_path / "engines"
    folder.mkdir()
    detector = write_detector(folder / "detector.onnx")
    pose = write_root_pose(folder / "pose.onnx")
    smoother = write_smoother(folder / "smoother.onnx")
    write_manifest(
        folder,
        (
            entry("bright", ("detector",), detector, "centre_ltrb", skeleton=None, parameters={"long_side_px": 320}),
            entry("middle", ("root", "pose"), pose, "root_pose_metric", input_size_px=(CROP_PX, CROP_PX)),
            entry("shifter", ("smoother",), smoother, "temporal_step", normalization=None),
        ),
    )
    return folder


def bright_spot() -> Image:
    """320x240, black but for one white cell of the detector, around (163.5, 123.5)."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[120:128, 160:168] = 255
    return image_message(Header(frame_id="cam"), image)


def problem_of(graph: Any, messages: list[DiagnosticArray], node: str) -> Callable[[], str]:
    name = f"{graph.namespace.lstrip('/')}/{node}: people"

    def text() -> str:
        found = [s.message for m in messages for s in m.status if s.name == name]
        return found[-1] if found else ""

    return text


def test_a_picture_becomes_a_smoothed_person_in_metres(graph: Any, engines: Path) -> None:
    raw = graph.listen(Person3DArray, "people")
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    for node in (
        PoseNode(**graph.options(engines=str(engines), fallback_hfov_deg=90.0, backend="onnxruntime")),
        SmootherNode(**graph.options(engines=str(engines), backend="onnxruntime")),
    ):
        graph.add(node).autostart()
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/people") == 2)
    graph.publish(Image, "image_raw")(bright_spot())
    graph.spin_until(lambda: bool(raw) and bool(smoothed))
    (person,) = raw[0].people
    assert (person.id, person.state, raw[0].model) == ("person_1", Person3D.NEW, "bright + middle")
    np.testing.assert_allclose([person.box_x, person.box_y], [163.5 - BOX_PX / 2, 123.5 - BOX_PX / 2], atol=1e-3)
    # k = sqrt(fx fy A_real / A_img) with fx = 160 px, a real side of 2 m and an image side of 1.25 * 40 px.
    depth_m = 160.0 * 2.0 / (1.25 * BOX_PX)
    assert person.root.z == pytest.approx(depth_m, rel=1e-3)
    assert person.root.x == pytest.approx((163.5 - 159.5) / 160.0 * depth_m, abs=0.02)
    # The smoother's x is across the person's ray, here 1.4 degrees off the camera's.
    assert smoothed[0].people[0].root.x == pytest.approx(person.root.x + 1.0, abs=1e-3)
    assert smoothed[0].model == "bright + middle + shifter"


def test_a_damaged_engine_is_said_and_survived(graph: Any, engines: Path) -> None:
    file = engines / "pose.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    heard = graph.listen(DiagnosticArray, "/diagnostics")
    logged = graph.log_of("pose_node")
    node = graph.add(PoseNode(**graph.options(engines=str(engines))))
    node.autostart()
    problem = problem_of(graph, heard, "pose_node")
    graph.spin_until(lambda: "sha256" in problem())
    graph.spin_until(lambda: bool(logged))
    assert "middle" in problem()
    assert node.lifecycle_state == "unconfigured"
    assert len(logged) == 1


@pytest.mark.parametrize("node_class", [PoseNode, SmootherNode])
def test_missing_engines_are_said_and_survived(graph: Any, tmp_path: Path, node_class: Any) -> None:
    heard = graph.listen(DiagnosticArray, "/diagnostics")
    node = graph.add(node_class(**graph.options(engines=str(tmp_path / "nowhere"))))
    node.autostart()
    problem = problem_of(graph, heard, node.get_name())
    graph.spin_until(lambda: "nowhere" in problem())
    assert node.lifecycle_state == "unconfigured"


def test_a_backend_that_is_not_there_is_said_and_survived(graph: Any, engines: Path) -> None:
    heard = graph.listen(DiagnosticArray, "/diagnostics")
    node = graph.add(PoseNode(**graph.options(engines=str(engines), backend="tensorrt")))
    node.autostart()
    if node.lifecycle_state == "active":
        pytest.skip("TensorRT works here")
    problem = problem_of(graph, heard, "pose_node")
    graph.spin_until(lambda: "tensorrt" in problem())
