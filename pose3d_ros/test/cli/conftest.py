"""Engines of a few constants that find white squares, and a recording of one: the commands run as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import attr
import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.engines import ManifestEntry, Normalization, load_manifest, sha256_of, write_manifest
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smooth_features import correction_size, feature_size
from pose3d_ros.types import ImageArray

MUCO = get_skeleton("muco21")
CROP_PX = 64
Shape = list[str | int | None]
# Half the box's width and height around the square, in pixels of the detector's image.
BOX_PX = (24.0, 48.0)


def _constant(name: str, value: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)


def _save(path: Path, inputs: dict[str, Shape], outputs: dict[str, Shape], nodes: list[onnx.NodeProto],
          constants: list[onnx.TensorProto]) -> Path:  # fmt: skip
    def info(shapes: dict[str, Shape]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    graph = helper.make_graph(nodes, "constants", info(inputs), info(outputs), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def _detector(path: Path) -> Path:
    """heat: mean brightness of each 8x8 cell; ltrb: the same box everywhere."""
    width, height = BOX_PX
    image: Shape = ["batch", 3, "height", "width"]
    return _save(
        path,
        {"image": image},
        {"heat": ["batch", 1, "rows", "columns"], "ltrb": ["batch", 4, "rows", "columns"]},
        [
            helper.make_node("Conv", ["image", "mean"], ["heat"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Conv", ["image", "nothing", "box"], ["ltrb"], kernel_shape=[8, 8], strides=[8, 8]),
        ],
        [
            _constant("mean", np.full((1, 3, 8, 8), 1 / 192)),
            _constant("nothing", np.zeros((4, 3, 8, 8))),
            _constant("box", [width, height, width, height]),
        ],
    )


def _pose(path: Path) -> Path:
    """A stick figure in the crop's middle; the root as far away as a person who fills the box would be."""
    count = len(MUCO)
    places = np.stack([np.linspace(20.0, 44.0, count), np.linspace(8.0, 56.0, count)], axis=-1)
    scores = np.full(count, 0.9)
    scores[[MUCO.index_of["L_Toe"], MUCO.index_of["R_Toe"]]] = 0.0  # lost
    batch: Shape = ["batch"]
    per_person = ["joints_crop_px", "relative_depth_m", "joint_scores", "root_depth_m", "root_log_sigma"]
    shapes: list[Shape] = [["batch", count, 2], ["batch", count], ["batch", count], batch, batch]
    return _save(
        path,
        {"image": ["batch", 3, CROP_PX, CROP_PX], "k_m": batch},
        dict(zip(per_person, shapes, strict=True)),
        [
            helper.make_node("Mul", ["k_m", "zero"], ["nothing"]),
            helper.make_node("Unsqueeze", ["nothing", "last"], ["nothing_2"]),
            helper.make_node("Unsqueeze", ["nothing_2", "last"], ["nothing_3"]),
            helper.make_node("Add", ["nothing_3", "places"], ["joints_crop_px"]),
            helper.make_node("Add", ["nothing_2", "depths"], ["relative_depth_m"]),
            helper.make_node("Add", ["nothing_2", "scores"], ["joint_scores"]),
            helper.make_node("Identity", ["k_m"], ["root_depth_m"]),
            helper.make_node("Add", ["nothing", "sigma"], ["root_log_sigma"]),
        ],
        [
            _constant("zero", 0.0),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last"),
            _constant("places", places[None]),
            _constant("depths", np.linspace(-0.1, 0.1, count)[None]),
            _constant("scores", scores[None]),
            _constant("sigma", -3.0),
        ],
    )


def _smoother(path: Path, skeleton: Skeleton = MUCO) -> Path:
    """Corrects nothing."""
    count = len(skeleton)
    state: Shape = ["batch", 1, 1]
    return _save(
        path,
        {"x": ["batch", feature_size(count)], "state_0": state},
        {"y": ["batch", correction_size(count)], "next_state_0": state},
        [
            helper.make_node("MatMul", ["x", "nothing"], ["y"]),
            helper.make_node("Identity", ["state_0"], ["next_state_0"]),
        ],
        [_constant("nothing", np.zeros((feature_size(count), correction_size(count))))],
    )


def _entry(file: Path, roles: tuple[str, ...], decoder: str, size_px: int | None, **parameters: float) -> ManifestEntry:
    return ManifestEntry(
        name=f"{file.stem}-of-constants",
        roles=roles,
        file=file,
        sha256=sha256_of(file),
        decoder=decoder,
        input_size_px=None if size_px is None else (size_px, size_px),
        normalization=None if roles == ("smoother",) else Normalization(1 / 255, (0, 0, 0), (1, 1, 1), "rgb"),
        skeleton=None if roles == ("detector",) else MUCO.name,
        units="metres, pixels",
        license="Apache-2.0",
        training_data="none",
        parameters=dict(parameters),
    )


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of engines."""
    folder = tmp_path_factory.mktemp("engines")
    write_manifest(
        folder,
        [
            _entry(_detector(folder / "detector.onnx"), ("detector",), "centre_ltrb", None, stride=8, long_side_px=320),
            _entry(_pose(folder / "pose.onnx"), ("root", "pose"), "root_pose_metric", CROP_PX),
            _entry(_smoother(folder / "smoother.onnx"), ("smoother",), "temporal_step", None, delay_frames=0),
        ],
    )
    return folder


@pytest.fixture
def engines_of_two_skeletons(engines: Path, tmp_path: Path) -> Path:
    """The same, but the smoother is for people in another skeleton."""
    folder = tmp_path / "engines"
    shutil.copytree(engines, folder)
    *others, smoother = load_manifest(folder).entries
    file = _smoother(folder / "smoother.onnx", get_skeleton("h36m17"))
    write_manifest(folder, [*others, attr.evolve(smoother, skeleton="h36m17", sha256=sha256_of(file))])
    return folder


def white_square(x_px: int, size: tuple[int, int] = (320, 240)) -> ImageArray:
    """A black image with a white square that the detector finds."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    cv2.rectangle(image, (x_px, 112), (x_px + 15, 127), (255, 255, 255), cv2.FILLED)
    return image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos of a square and one without."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in (("a.png", white_square(96)), ("b.png", white_square(200)), ("c.png", white_square(200) * 0)):
        cv2.imwrite(str(folder / name), image)
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames of a moving square."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 240))
    for i in range(10):
        writer.write(white_square(96 + 8 * i))
    writer.release()
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A bag of eight frames with ground truth: one person somewhere near the square."""
    path = tmp_path / "recording.mcap"
    camera = Camera.from_hfov(60.0, 320, 240)
    with BagWriter(path, jpeg_quality=95) as bag:
        for i in range(8):
            stamp_ns = 1_000_000_000 + i * 66_666_667
            bag.write_camera("/camera/camera_info", stamp_ns, "camera", camera)
            bag.write_image("/camera/image_raw/compressed", stamp_ns, "camera", white_square(96 + 8 * i))
            x_px = 103.5 + 8 * i
            box = np.array([x_px - 24, 72.0, x_px + 24, 168.0])
            offset_m = np.stack([np.linspace(-0.3, 0.3, 21), np.linspace(-0.8, 0.8, 21), np.zeros(21)], axis=-1)
            joints = camera.backproject(np.array([x_px, 119.5]), np.array(5.0)) + offset_m
            pose = Pose(joints[14], joints, camera.project(joints), np.ones(21), MUCO, Detection(box, 1.0))
            person = Person(1, TrackState.TRACKED, pose, np.zeros(3), 1.0)
            bag.write_people("/ground_truth/people", stamp_ns, "camera", (person,), MUCO, id_prefix="gt_")
    return path
