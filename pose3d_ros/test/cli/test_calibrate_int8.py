"""`pose3d engines build` in INT8: what the engines see on the user's pictures reaches the quantisation."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.cli.calibrate_int8 import write_quantized
from pose3d_ros.cli.main import main
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import Manifest, default_manifest_dir, load_manifest
from pose3d_ros.engines.graphs import quantize
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import InputError

from ..engines.tensorrt.stand_in_device import install_stand_in


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return load_manifest(shutil.copytree(default_manifest_dir(), tmp_path / "engines"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.png").write_bytes(b"no picture either")
    with BagReader(sample_bag()) as bag:
        for i, image in enumerate(islice(bag.images(), 60, 62)):
            cv2.imwrite(str(folder / f"{i}.png"), image.image_bgr)
    return folder


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Mapping[str, Tensor]]]:
    """Stands in for the quantisation, which takes long: the graph stays as it is. Name of the file → its feeds."""
    calls: dict[str, list[Mapping[str, Tensor]]] = {}

    def keep(source: Path, target: Path, calibration: Iterable[Mapping[str, Tensor]]) -> None:
        calls[target.name] = list(calibration)
        shutil.copy(source, target)

    monkeypatch.setattr(quantize, "quantized_graph", keep)
    return calls


def test_every_image_engine_is_calibrated_on_what_it_saw(
    manifest: Manifest, pictures: Path, heard: dict[str, list[Mapping[str, Tensor]]]
) -> None:
    written = write_quantized(manifest, PipelineConfig.from_parameters({"threads": 1}), pictures)
    names = [f"{e.file.stem}.{e.sha256[:12]}.int8.onnx" for e in manifest.entries[:2]]
    assert [path.name for path in written] == names
    assert [feeds["image"].shape[0] for feeds in heard[names[0]]] == [1, 1]
    people = heard[names[1]]
    assert all(np.isfinite(feeds["k_m"]).all() for feeds in people)
    assert sum(len(feeds["k_m"]) for feeds in people) >= 2


def test_pictures_without_people(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="calibration images"):
        write_quantized(manifest, PipelineConfig(), tmp_path / "empty")


def test_the_command_builds_from_the_calibrated_graphs(
    manifest: Manifest,
    pictures: Path,
    heard: dict[str, list[Mapping[str, Tensor]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install_stand_in(monkeypatch)
    common = ["--engines", str(manifest.directory), "--param", f"engine_cache={tmp_path / 'plans'}"]
    build = ["engines", "build", *common, "--param", "precision=int8"]
    assert main(build) == 2
    assert "--calibration" in capsys.readouterr().err
    assert main([*build, "--calibration", str(pictures)]) == 0
    said = capsys.readouterr().out
    assert "calibrated" in said
    assert "int8, built in" in said
    assert main(["engines", "list", *common, "--param", "precision=int8"]) == 0
    assert capsys.readouterr().out.count("int8, ready") == 2
