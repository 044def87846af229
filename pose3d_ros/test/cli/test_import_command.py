"""`pose3d import PRESET FILE`: networks of others become engines of a folder, or are refused and change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.cli.doctor import State, engine_checks
from pose3d_ros.cli.main import main
from pose3d_ros.engines import choose_backend, default_manifest_dir, load_manifest, sha256_of, write_manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.pipeline import Pipeline, open_pipeline

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch")


def network(path: Path, size: tuple[int, int], outputs: Mapping[str, tuple[int, ...]]) -> Path:
    """A graph that reads an image of (width, height) and always gives zeros."""
    helper, numpy_helper, kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    zeros = [numpy_helper.from_array(np.zeros(shape, np.float32), f"{name}_zeros") for name, shape in outputs.items()]
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name}_zeros"], [name]) for name in outputs],
        "zeros",
        [helper.make_tensor_value_info("input", kind, [1, 3, size[1], size[0]])],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        zeros,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def rtmpose(tmp_path: Path) -> Path:
    return network(tmp_path / "rtmpose-m.onnx", (192, 256), {"simcc_x": (1, 17, 384), "simcc_y": (1, 17, 512)})


def test_a_pose_net_among_the_default_engines_is_a_whole_pipeline(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "engines"
    arguments = ["import", "rtmpose", str(rtmpose), "--output", str(folder), "--license", "Apache-2.0"]
    assert main([*arguments, "--with-default", "--training-data", "COCO"]) == 0
    said = capsys.readouterr().out
    assert "checked:  inputs and outputs are those of the decoder simcc_2d" in said
    assert "is no longer the pose, but still the root" in said
    assert "license:  Apache-2.0" in said
    assert "missing" not in said
    manifest = load_manifest(folder)
    entry = manifest.for_role("pose")
    assert (entry.name, entry.decoder, entry.skeleton) == ("rtmpose-m", "simcc_2d", "coco17")
    assert entry.training_data == "COCO"
    with Pipeline(EngineSet(manifest, choose_backend("onnxruntime"))) as pipeline:
        assert pipeline.skeleton.name == "muco21"  # the default lifter's
        opened = [status.split(":")[0] for status in pipeline.engines.statuses]
    # The root net stays unopened: the lifter's joints have a size.
    assert sorted(opened) == sorted(
        manifest.for_role(role).file.name for role in ("detector", "pose", "lifter", "smoother")
    )


def test_options_reach_the_manifest(tmp_path: Path) -> None:
    file = network(tmp_path / "a.onnx", (128, 128), {"coords2d": (1, 24, 2), "coords3d": (1, 24, 3)})
    folder = tmp_path / "engines"
    arguments = ["import", "metrabs", str(file), "--output", str(folder), "--license", "x", "--skeleton", "h36m17"]
    arguments += ["--input-size", "128", "128", "--name", "metrabs-s", "--parameter", f"joints={[*range(17)]}"]
    assert main([*arguments, "--parameter", "box_scale=1.1"]) == 0
    (entry,) = load_manifest(folder).entries
    assert (entry.name, entry.input_size_px, entry.skeleton) == ("metrabs-s", (128, 128), "h36m17")
    assert dict(entry.parameters)["joints"] == [*range(17)]
    assert entry.parameters["box_scale"] == 1.1
    assert entry.file == folder / "a.onnx"


@pytest.mark.parametrize(
    ("preset", "extra", "message"),
    [
        ("rtmw", [], "expected image: float32 or float16 (1, 3, 384, 288)"),
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
def test_what_does_not_fit_changes_nothing(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], preset: str, extra: list[str], message: str
) -> None:
    folder = tmp_path / "engines"
    assert main(["import", preset, str(rtmpose), "--output", str(folder), "--license", "x", *extra]) != 0
    assert message in capsys.readouterr().err
    assert not folder.exists()


def test_the_published_model_names_the_engines_that_run(rtmpose: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "engines")
    assert main(["import", "rtmpose", str(rtmpose), "--output", folder, "--license", "x", "--with-default"]) == 0
    manifest = load_manifest(folder)
    with open_pipeline(folder, backend="onnxruntime", smooth=False) as pipeline:
        names = pipeline.engines.names
    assert names == " + ".join(manifest.for_role(role).name for role in ("detector", "pose", "lifter"))


def test_a_net_that_gives_pixels_lacks_a_lifter_and_no_root_net(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, whole = str(tmp_path / "alone"), str(tmp_path / "whole")
    assert main(["import", "rtmpose", str(rtmpose), "--output", alone, "--license", "x"]) == 0
    assert "missing:  detector, lifter, which pose_node needs" in capsys.readouterr().out
    states = {check.name: check.state for check in engine_checks(alone)}
    assert [states[role] for role in ("detector", "lifter", "root")] == [State.FAIL, State.FAIL, State.INFO]

    assert main(["import", "rtmpose", str(rtmpose), "--output", whole, "--license", "x", "--with-default"]) == 0
    entries = load_manifest(whole).entries
    write_manifest(whole, [entry for entry in entries if "root" not in entry.roles])
    assert State.FAIL not in {check.state for check in engine_checks(whole)}


def test_a_smoother_for_another_skeleton_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = network(tmp_path / "a.onnx", (128, 128), {"coords2d": (1, 17, 2), "coords3d": (1, 17, 3)})
    arguments = ["import", "metrabs", str(file), "--output", str(tmp_path / "engines"), "--license", "x"]
    assert main([*arguments, "--skeleton", "h36m17", "--input-size", "128", "128", "--with-default"]) == 0
    said = capsys.readouterr().out
    assert "note:     the smoother is for muco21, not h36m17: launch with smoother:=false" in said
    assert "missing" not in said
    engines = EngineSet(load_manifest(tmp_path / "engines"), choose_backend("onnxruntime"))
    with Pipeline(engines, smooth=False) as pipeline:
        opened = {status.split(":")[0] for status in pipeline.engines.statuses}
    assert opened == {"detector.onnx", "a.onnx"}  # its joints have a size: no root net


def test_the_default_engines_never_replace_a_file(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "engines"
    folder.mkdir()
    own = network(folder / "detector.onnx", (64, 64), {"output": (1, 84, 85)})
    digest, options = sha256_of(own), ["--output", str(folder), "--license", "x", "--with-default"]
    assert main(["import", "rtmpose", str(rtmpose), *options]) != 0
    assert "room for detector.onnx of detector-" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["detector.onnx"]
    assert main(["import", "yolox", str(own), "--input-size", "64", "64", *options]) == 0
    assert "changed:" not in capsys.readouterr().out
    manifest = load_manifest(folder)
    assert sha256_of(own) == manifest.for_role("detector").sha256 == digest
    defaults = load_manifest(default_manifest_dir())
    for role in ("root", "pose", "smoother", "lifter"):
        assert manifest.for_role(role).sha256 == defaults.for_role(role).sha256


def test_a_name_of_the_default_engines_is_refused_and_leaves_nothing(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, taken = tmp_path / "engines", load_manifest(default_manifest_dir()).for_role("detector").name
    arguments = ["import", "rtmpose", str(rtmpose), "--output", str(folder), "--license", "x", "--with-default"]
    assert main([*arguments, "--name", taken]) != 0
    assert f"no other model named {taken}" in capsys.readouterr().err
    assert not [*folder.iterdir()]
    (tmp_path / "file").touch()
    arguments[arguments.index(str(folder))] = str(tmp_path / "file")
    assert main(arguments) != 0
    assert "a folder that can be written" in capsys.readouterr().err


def test_weights_in_a_file_beside_the_network_are_asked_for(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "engines"
    arguments = ["import", "rtmpose", "--output", str(folder), "--license", "x", "--name", "net"]
    assert main([*arguments, str(rtmpose)]) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    apart = tmp_path / "apart" / rtmpose.name
    apart.parent.mkdir()
    onnx.save(onnx.load(rtmpose), apart, save_as_external_data=True, location="weights.data", size_threshold=0)
    assert main([*arguments, str(apart)]) != 0
    said = capsys.readouterr().err
    assert "copy of rtmpose-m.onnx: expected a file that can be opened by itself" in said
    assert "onnx.save(onnx.load(F), G)" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
