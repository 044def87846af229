"""`pose3d import PRESET FILE`: third-party models join a folder of engines, or are refused and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attr
import numpy as np
import onnx
import pytest

from pose3d_ros.cli.checks import State
from pose3d_ros.cli.doctor import engine_checks
from pose3d_ros.engines import choose_backend, default_manifest_dir, load_manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.spec.manifest import sha256_of, write_manifest
from pose3d_ros.pipeline import Pipeline, open_pipeline

from .conftest import Pose3d, save_model

pytest.importorskip("torch")
Import = Callable[..., str]


def model(path: Path, size: tuple[int, int], outputs: Mapping[str, tuple[int, ...]]) -> Path:
    """A model that reads an image of (width, height) and always gives zeros."""
    declared = ", ".join(f"float{list(shape)} {name}" for name, shape in outputs.items())
    nodes = " ".join(f"{name} = Identity ({name}_zeros)" for name in outputs)
    zeros = {f"{name}_zeros": np.zeros(shape) for name, shape in outputs.items()}
    return save_model(path, f"(float[1, 3, {size[1]}, {size[0]}] input) => ({declared}) {{ {nodes} }}", **zeros)


@pytest.fixture
def rtmpose(tmp_path: Path) -> Path:
    return model(tmp_path / "rtmpose-m.onnx", (192, 256), {"simcc_x": (1, 17, 384), "simcc_y": (1, 17, 512)})


@pytest.fixture
def metrabs(tmp_path: Path) -> Path:
    return model(tmp_path / "a.onnx", (128, 128), {"coords2d": (1, 24, 2), "coords3d": (1, 24, 3)})


METRABS_OPTIONS = ["--skeleton", "h36m17", "--input-size", "128", "128", "--parameter", f"joints={[*range(17)]}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engines"


@pytest.fixture
def run_import(folder: Path, pose3d: Pose3d) -> Import:
    """Imports a file by a preset into the folder."""

    def command(preset: str, file: Path, *more: str, code: int = 0) -> str:
        return pose3d("import", preset, file, "--output", folder, "--license", "Apache-2.0", *more, code=code)

    return command


def opened_files(folder: Path, *, smooth: bool = True) -> set[str]:
    """The files that a pipeline on the folder opens."""
    with Pipeline(EngineSet(load_manifest(folder), choose_backend("onnxruntime")), smooth=smooth) as pipeline:
        return {status.split(":")[0] for status in pipeline.engines.statuses}


def test_pose_model_among_the_default_models_is_a_complete_pipeline(
    rtmpose: Path, folder: Path, run_import: Import
) -> None:
    printed = run_import("rtmpose", rtmpose, "--with-default", "--training-data", "COCO")
    assert "checked:  inputs and outputs are those of the decoder simcc_2d" in printed
    assert "is no longer the pose, but still the root" in printed
    assert "license:  Apache-2.0" in printed
    assert "missing" not in printed
    manifest = load_manifest(folder)
    entry = manifest.for_role("pose")
    assert (entry.name, entry.decoder, entry.skeleton) == ("rtmpose-m", "simcc_2d", "coco17")
    assert entry.training_data == "COCO"
    # The root net stays unopened: the lifter's joints have a size.
    roles = ("detector", "pose", "lifter", "smoother")
    assert opened_files(folder) == {manifest.for_role(role).file.name for role in roles}
    with open_pipeline(str(folder), backend="onnxruntime", smooth=False) as pipeline:
        assert pipeline.skeleton.name == "muco21"  # the default lifter's
        assert pipeline.engines.names == " + ".join(manifest.for_role(role).name for role in roles[:3])


def test_options_reach_the_manifest(metrabs: Path, folder: Path, run_import: Import) -> None:
    options = [*METRABS_OPTIONS, "--name", "metrabs-s", "--parameter", "box_scale=1.1"]
    run_import("metrabs", metrabs, *options)
    (entry,) = load_manifest(folder).entries
    assert (entry.name, entry.input_size_px, entry.skeleton) == ("metrabs-s", (128, 128), "h36m17")
    assert dict(entry.parameters)["joints"] == [*range(17)]
    assert entry.parameters["box_scale"] == 1.1
    assert entry.file == folder / "a.onnx"


@pytest.mark.parametrize(
    ("preset", "extra", "message"),
    [
        ("rtmw", ["--input-size", "288", "384"], "expected 192 256, the size that the model's input has"),
        ("metrabs", ["--input-size", "192", "256", "--skeleton", "h36m17"], "expected coords2d; coords3d"),
        ("yolox", ["--input-size", "192", "256"], "expected shape (1, 1008, 5 + classes)"),
        ("rtmpose", ["--skeleton", "muco21"], "joints of rtmpose-m: expected the 21 of muco21, got 17"),
        ("rtmpose", ["--parameter", "joints"], "NAME=VALUE"),
        ("rtmpose", ["--parameter", "root={}"], "a number, a string or a list"),
        ("rtmpose", ["--parameter", "root=foo"], "expected one of closed_form, weak_perspective, got 'foo'"),
        ("rtmpose", ["--parameter", "box_scale=-1"], "box_scale of rtmpose-m: expected a number above 0, got -1"),
        ("rtmpose", ["--parameter", "box_scale=wide"], "expected a number above 0, got 'wide'"),
        ("rtmpose", ["--parameter", "boxscale=1.2"], "expected one of box_scale, image_input, outputs, joints, root"),
        ("yolox", ["--parameter", "box_scale=1.2"], "expected one of person_class, image_input, outputs"),
    ],
)
def test_unfit_model_or_option_changes_nothing(
    rtmpose: Path, folder: Path, run_import: Import, preset: str, extra: list[str], message: str
) -> None:
    assert message in run_import(preset, rtmpose, *extra, code=2)
    assert not folder.exists()


def test_model_of_2d_keypoints_needs_a_lifter_and_no_root_model(
    rtmpose: Path, folder: Path, run_import: Import
) -> None:
    assert "missing:  detector, lifter, which pose_node needs" in run_import("rtmpose", rtmpose)
    states = {check.name: check.state for check in engine_checks(str(folder))}
    assert [states[role] for role in ("detector", "lifter", "root")] == [State.FAIL, State.FAIL, State.INFO]


def test_folder_without_a_root_model_passes_where_a_lifter_is(rtmpose: Path, folder: Path, run_import: Import) -> None:
    run_import("rtmpose", rtmpose, "--with-default")
    entries = load_manifest(folder).entries
    write_manifest(folder, [entry for entry in entries if "root" not in entry.roles])
    assert State.FAIL not in {check.state for check in engine_checks(str(folder))}


def test_smoother_that_needs_more_joints_is_noted(metrabs: Path, folder: Path, run_import: Import) -> None:
    run_import("metrabs", metrabs, *METRABS_OPTIONS, "--with-default")
    entries = load_manifest(folder).entries
    write_manifest(folder, [attr.evolve(e, parameters={}) if "smoother" in e.roles else e for e in entries])
    printed = run_import("metrabs", metrabs, *METRABS_OPTIONS)
    assert "note:     people are smoothed without it: smoother" in printed
    assert "is for muco21, and people come in h36m17, which has 17 of the 21 joints it needs" in printed


def test_default_smoother_takes_people_of_another_skeleton(metrabs: Path, folder: Path, run_import: Import) -> None:
    printed = run_import("metrabs", metrabs, *METRABS_OPTIONS, "--with-default")
    assert "smoothed" not in printed
    assert "missing" not in printed
    assert opened_files(folder, smooth=False) == {"detector.onnx", "a.onnx"}  # its joints have a size: no root net


def test_default_models_never_replace_a_file(rtmpose: Path, folder: Path, run_import: Import) -> None:
    folder.mkdir()
    own = model(folder / "detector.onnx", (64, 64), {"output": (1, 84, 85)})
    digest = sha256_of(own)
    assert "room for detector.onnx of detector-" in run_import("rtmpose", rtmpose, "--with-default", code=2)
    assert [path.name for path in folder.iterdir()] == ["detector.onnx"]
    assert "changed:" not in run_import("yolox", own, "--input-size", "64", "64", "--with-default")
    manifest, defaults = load_manifest(folder), load_manifest(default_manifest_dir())
    assert sha256_of(own) == manifest.for_role("detector").sha256 == digest
    for role in ("root", "pose", "smoother", "lifter"):
        assert manifest.for_role(role).sha256 == defaults.for_role(role).sha256


def test_name_of_a_default_model_is_refused(rtmpose: Path, folder: Path, run_import: Import) -> None:
    taken = load_manifest(default_manifest_dir()).for_role("detector").name
    printed = run_import("rtmpose", rtmpose, "--with-default", "--name", taken, code=2)
    assert f"no other model named {taken}" in printed
    assert not [*folder.iterdir()]


def test_output_that_is_a_file_is_refused(rtmpose: Path, folder: Path, run_import: Import) -> None:
    folder.touch()
    assert "a folder that can be written" in run_import("rtmpose", rtmpose, code=2)


def test_weights_beside_the_file_are_joined_to_its_copy(rtmpose: Path, folder: Path, run_import: Import) -> None:
    apart = folder.parent / "apart" / rtmpose.name
    apart.parent.mkdir()
    onnx.save(onnx.load(rtmpose), apart, save_as_external_data=True, location="weights.data", size_threshold=0)
    assert "joined:   the weights beside rtmpose-m.onnx" in run_import("rtmpose", apart)
    apart.with_name("weights.data").unlink()
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.yaml", "rtmpose-m.onnx"]
    assert sha256_of(folder / "rtmpose-m.onnx") == load_manifest(folder).for_role("pose").sha256


def test_weights_that_are_not_beside_the_file_change_nothing(rtmpose: Path, folder: Path, run_import: Import) -> None:
    run_import("rtmpose", rtmpose, "--name", "net")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    apart = folder.parent / "apart" / rtmpose.name
    apart.parent.mkdir()
    onnx.save(onnx.load(rtmpose), apart, save_as_external_data=True, location="weights.data", size_threshold=0)
    apart.with_name("weights.data").rename(folder.parent / "weights.data")
    assert "no such file" in run_import("rtmpose", apart, "--name", "net", code=2)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_two_files_of_one_name_get_names_of_their_own(tmp_path: Path, folder: Path, run_import: Import) -> None:
    (tmp_path / "pose").mkdir()
    detector = model(tmp_path / "end2end.onnx", (320, 320), {"dets": (1, 100, 5), "labels": (1, 100)})
    pose = model(tmp_path / "pose" / "end2end.onnx", (192, 256), {"simcc_x": (1, 17, 384), "simcc_y": (1, 17, 512)})
    run_import("rtmdet", detector)
    for _ in range(2):  # the second time it takes its own place
        assert "end2end-pose.onnx" in run_import("rtmpose", pose)
    manifest = load_manifest(folder)
    assert [(e.name, e.file.name) for e in manifest.entries] == [
        ("end2end", "end2end.onnx"),
        ("end2end-pose", "end2end-pose.onnx"),
    ]
    assert manifest.for_role("detector").input_size_px == (320, 320)  # read from the file
    assert manifest.for_role("detector").sha256 == sha256_of(detector)


def test_file_that_no_manifest_knows_stays(rtmpose: Path, folder: Path, run_import: Import) -> None:
    folder.mkdir()
    (folder / rtmpose.name).write_bytes(b"precious")
    run_import("rtmpose", rtmpose)
    assert (folder / rtmpose.name).read_bytes() == b"precious"
    assert load_manifest(folder).for_role("pose").file.name == "rtmpose-m-pose.onnx"


@pytest.mark.parametrize("task", ["pose", "segment", "obb", "classify"])
def test_export_of_another_task_is_no_detector(tmp_path: Path, folder: Path, run_import: Import, task: str) -> None:
    file = model(tmp_path / "yolo.onnx", (640, 640), {"output0": (1, 84, 8400)})
    content = onnx.load(file)
    onnx.helper.set_model_props(content, {"task": task})
    onnx.save(content, file)
    assert f"got an export of the task {task}" in run_import("yolov8", file, code=2)
    onnx.helper.set_model_props(content, {"task": "detect"})
    onnx.save(content, file)
    run_import("yolov8", file)


@pytest.mark.parametrize(
    ("rows", "low", "high", "more", "task"),
    [
        (56, 0.0, 640.0, {}, "pose (17 keypoints)"),
        (116, -3.0, 3.0, {"output1": (1, 32, 160, 160)}, "segment"),
        (20, -0.7, 1.0, {}, "pose (5 keypoints)"),
    ],
)
def test_rows_that_are_no_classes_are_no_detector(
    tmp_path: Path,
    folder: Path,
    run_import: Import,
    rows: int,
    low: float,
    high: float,
    more: dict[str, tuple[int, ...]],
    task: str,
) -> None:
    file = model(tmp_path / "yolo.onnx", (640, 640), {"output0": (1, rows, 8400), **more})
    content = onnx.load(file)
    values = np.zeros((1, rows, 8400), np.float32)
    values[0, 5, :2] = low, high
    (zeros,) = (tensor for tensor in content.graph.initializer if tensor.name == "output0_zeros")
    zeros.CopyFrom(onnx.numpy_helper.from_array(values, zeros.name))
    onnx.save(content, file)
    assert f"as an export of the task {task} has" in run_import("yolov8", file, code=2)
    assert not folder.exists()


def test_mmdeploy_export_is_sent_to_its_presets(tmp_path: Path, folder: Path, run_import: Import) -> None:
    file = model(tmp_path / "end2end.onnx", (640, 640), {"dets": (1, 100, 5), "labels": (1, 100)})
    assert "Import it as rtmdet, or as yolox_mmdeploy" in run_import("yolox", file, code=2)
    run_import("yolox_mmdeploy", file)


def test_model_that_needs_gigabytes_is_refused(tmp_path: Path, folder: Path, run_import: Import) -> None:
    text = "(float[1, 3, 64, 64] x) => (float[a, b, c, d] y) { s = Shape (x) k = Mul (s, m) y = ConstantOfShape (k) }"
    file = save_model(tmp_path / "large.onnx", text, m=np.array([1 << 20, 1, 1, 1]))
    assert len(file.read_bytes()) < 449
    assert "got too little memory" in run_import("yolov8", file, code=2)
    assert not folder.exists()
