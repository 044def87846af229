"""Engines of a few constants that find white squares, and a recording of one: the commands run as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import attr
import cv2
import numpy as np
import onnx.parser
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli.main import main
from pose3d_ros.engines import ManifestEntry, Normalization, load_manifest
from pose3d_ros.engines.spec.manifest import sha256_of, write_manifest
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smooth_features import correction_size, feature_size
from pose3d_ros.types import ImageArray

from ..conftest import MUCO, person_at

CROP_PX = 64


Pose3d = Callable[..., str]


@pytest.fixture
def pose3d(capsys: pytest.CaptureFixture[str]) -> Pose3d:
    """Runs `pose3d` with arguments and expects an exit code, 0 unless another is given; all that it prints."""

    def command(*arguments: object, code: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == code
        return "".join(capsys.readouterr())

    return command


# Half the box's width and height around the square, in pixels of the detector's image.
BOX_PX = (24.0, 48.0)


def save_model(path: Path, graph: str, **constants: object) -> Path:
    """Write a graph, in ONNX's text form, with its constants."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> constants {graph}')
    for name, value in constants.items():
        array = np.asarray(value)
        kind = np.int64 if array.dtype == np.int64 else np.float32
        model.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(kind), name))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def _detector(path: Path) -> Path:
    """heat: mean brightness of each 8x8 cell; ltrb: the same box everywhere."""
    return save_model(
        path,
        """(float[batch, 3, height, width] image)
        => (float[batch, 1, rows, columns] heat, float[batch, 4, rows, columns] ltrb) {
            heat = Conv <kernel_shape = [8, 8], strides = [8, 8]> (image, mean)
            ltrb = Conv <kernel_shape = [8, 8], strides = [8, 8]> (image, nothing, box)
        }""",
        mean=np.full((1, 3, 8, 8), 1 / 192),
        nothing=np.zeros((4, 3, 8, 8)),
        box=[*BOX_PX, *BOX_PX],
    )


def _pose(path: Path) -> Path:
    """A stick figure in the crop's middle; the root as far away as a person who fills the box would be."""
    count = len(MUCO)
    scores = np.full(count, 0.9)
    scores[[MUCO.index_of["L_Toe"], MUCO.index_of["R_Toe"]]] = 0.0  # lost
    return save_model(
        path,
        f"""(float[batch, 3, {CROP_PX}, {CROP_PX}] image, float[batch] k_m)
        => (float[batch, {count}, 2] joints_crop_px, float[batch, {count}] relative_depth_m,
            float[batch, {count}] joint_scores, float[batch] root_depth_m, float[batch] root_log_sigma) {{
            zeros = Mul (k_m, zero)
            zeros_2 = Unsqueeze (zeros, last)
            zeros_3 = Unsqueeze (zeros_2, last)
            joints_crop_px = Add (zeros_3, places)
            relative_depth_m = Add (zeros_2, depths)
            joint_scores = Add (zeros_2, scores)
            root_depth_m = Identity (k_m)
            root_log_sigma = Add (zeros, sigma)
        }}""",
        zero=0.0,
        last=np.array([-1]),
        places=np.stack([np.linspace(20.0, 44.0, count), np.linspace(8.0, 56.0, count)], axis=-1)[None],
        depths=np.linspace(-0.1, 0.1, count)[None],
        scores=scores[None],
        sigma=-3.0,
    )


def _smoother(path: Path, skeleton: Skeleton = MUCO) -> Path:
    """Corrects nothing."""
    features, corrections = feature_size(len(skeleton)), correction_size(len(skeleton))
    return save_model(
        path,
        f"""(float[batch, {features}] x, float[batch, 1, 1] state_0)
        => (float[batch, {corrections}] y, float[batch, 1, 1] next_state_0) {{
            y = MatMul (x, nothing)
            next_state_0 = Identity (state_0)
        }}""",
        nothing=np.zeros((features, corrections)),
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
        writer.write(white_square(96 + 4 * i))
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
            bag.write_image("/camera/image_raw/compressed", stamp_ns, "camera", white_square(96 + 4 * i))
            offset_m = np.stack([np.linspace(-0.3, 0.3, 21), np.linspace(-0.8, 0.8, 21), np.zeros(21)], axis=-1)
            joints_m = camera.backproject(np.array([103.5 + 4 * i, 119.5]), np.array(5.0)) + offset_m
            people = (person_at(1, joints_m, camera),)
            bag.write_people("/ground_truth/people", stamp_ns, "camera", people, MUCO, id_prefix="gt_")
    return path
