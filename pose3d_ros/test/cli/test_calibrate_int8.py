"""`pose3d engines build` in INT8: the models are calibrated on the inputs that the user's images give."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import attr
import cv2
import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli.calibrate_int8 import write_quantized
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import Manifest, default_manifest_dir, load_manifest
from pose3d_ros.engines.graphs import quantize
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import BagError, InputError

from ..engines.tensorrt.tensorrt_stand_in.stand_in_device import install_stand_in
from .conftest import Pose3d

Feeds = dict[str, list[Mapping[str, Tensor]]]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return load_manifest(shutil.copytree(default_manifest_dir(), tmp_path / "engines"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")
    (folder / "broken.png").write_bytes(b"no image either")
    with BagReader(sample_bag()) as bag:
        for i, image in enumerate(islice(bag.images(), 60, 62)):
            cv2.imwrite(str(folder / f"{i}.png"), image.image_bgr)
    return folder


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> Feeds:
    """Replaces the quantization, which takes long: the model stays as it is. Name of the file → its inputs."""
    calls: Feeds = {}

    def keep(source: Path, target: Path, calibration: Iterable[Mapping[str, Tensor]]) -> None:
        calls[target.name] = list(calibration)
        shutil.copy(source, target)

    monkeypatch.setattr(quantize, "quantized_graph", keep)
    return calls


def test_image_models_are_calibrated_on_their_inputs(manifest: Manifest, images: Path, feeds: Feeds) -> None:
    written = write_quantized(manifest, PipelineConfig.from_parameters({"threads": 1}), images)
    names = [f"{e.file.stem}.{e.sha256[:12]}.int8.onnx" for e in manifest.entries if e.normalization is not None]
    assert [path.name for path in written] == names
    assert [call["image"].shape[0] for call in feeds[names[0]]] == [1, 1]
    people = feeds[names[1]]
    assert all(np.isfinite(call["k_m"]).all() for call in people)
    assert sum(len(call["k_m"]) for call in people) >= 2


def test_recording_is_calibrated_on(manifest: Manifest, feeds: Feeds, tmp_path: Path) -> None:
    with BagReader(sample_bag()) as reader, BagWriter(tmp_path / "two.mcap") as writer:
        for number, image in enumerate(islice(reader.images(), 2)):
            writer.write_image("/image_raw", number, "cam", image.image_bgr)
    assert write_quantized(manifest, PipelineConfig.from_parameters({"threads": 1}), tmp_path / "two.mcap")
    assert feeds
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(BagError, match="rosbags-convert"):
        write_quantized(manifest, PipelineConfig(), tmp_path / "old.bag")


def test_images_without_people_are_an_error(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="calibration images"):
        write_quantized(manifest, PipelineConfig(), tmp_path / "empty")


def test_images_beyond_the_limit_are_left_out(
    manifest: Manifest, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="no input for"):
        write_quantized(manifest, PipelineConfig(), images, max_image_pixels=1000)
    assert "max_image_pixels" in capsys.readouterr().err


def test_build_uses_the_calibrated_models(
    manifest: Manifest, images: Path, feeds: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pose3d: Pose3d
) -> None:
    install_stand_in(monkeypatch)
    options = ["--engines", manifest.directory, "--param", f"engine_cache={tmp_path}", "--param", "precision=int8"]
    assert "--calibration" in pose3d("engines", "build", *options, code=2)
    printed = pose3d("engines", "build", *options, "--calibration", images)
    assert "calibrated" in printed
    assert "int8, built in" in printed
    assert pose3d("engines", "list", *options).count("int8, ready") == 2


def test_models_that_int8_would_spoil_are_built_in_fp16(
    manifest: Manifest, images: Path, feeds: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pose3d: Pose3d
) -> None:
    install_stand_in(monkeypatch)
    detector, root_pose = (next(e for e in manifest.entries if role in e.roles) for role in ("detector", "pose"))
    refused = attr.evolve(detector, parameters={**detector.parameters, "int8_refused": "it moves joints"})
    write_manifest(manifest.directory, [refused if e is detector else e for e in manifest.entries])
    options = ["--engines", manifest.directory, "--param", f"engine_cache={tmp_path}", "--param", "precision=int8"]
    printed = pose3d("engines", "build", *options, "--calibration", images)
    assert f"{detector.name}: fp16, not int8: it moves joints" in printed
    assert list(feeds) == [f"root_pose.{root_pose.sha256[:12]}.int8.onnx"]
    listed = pose3d("engines", "list", *options)
    assert (listed.count("int8, ready"), listed.count("fp16, ready")) == (1, 1)
