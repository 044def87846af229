"""`pose3d import PRESET FILE`: networks of others become engines of a folder, or are refused and change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.config import PipelineConfig
from pose3d_ros.engines import choose_backend, load_manifest
from pose3d_ros.pipeline import Pipeline

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch")


def network(path: Path, size: tuple[int, int], outputs: Mapping[str, tuple[int, ...]]) -> Path:
    """A graph that reads an image of (width, height) and always gives zeros."""
    helper, numpy_helper, kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    zeros = {name: numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in outputs.items()}
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [name], value=value) for name, value in zeros.items()],
        "zeros",
        [helper.make_tensor_value_info("input", kind, ["batch", 3, size[1], size[0]])],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
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
    arguments = ["import", "rtmpose", str(rtmpose), "--output", str(folder), "--licence", "Apache-2.0"]
    assert main([*arguments, "--with-default", "--training-data", "COCO"]) == 0
    said = capsys.readouterr().out
    assert "checked:  inputs and outputs are those of the decoder simcc_2d" in said
    assert "is no longer the pose, but still the root" in said
    assert "licence:  Apache-2.0" in said
    assert "lacking" not in said
    manifest = load_manifest(folder)
    entry = manifest.for_role("pose")
    assert (entry.name, entry.decoder, entry.skeleton) == ("rtmpose-m", "simcc_2d", "coco17")
    assert entry.training_data == "COCO"
    with Pipeline.from_manifest(manifest, PipelineConfig(), choose_backend("onnxruntime")) as pipeline:
        assert pipeline.skeleton.name == "muco21"  # the default lifter's
        opened = [status.split(":")[0] for status in pipeline.engine_statuses]
    # The root net stays unopened: the lifter's joints have a size.
    assert sorted(opened) == sorted(
        manifest.for_role(role).file.name for role in ("detector", "pose", "lifter", "smoother")
    )


def test_options_reach_the_manifest(tmp_path: Path) -> None:
    file = network(tmp_path / "a.onnx", (128, 128), {"coords2d": (1, 24, 2), "coords3d": (1, 24, 3)})
    folder = tmp_path / "engines"
    arguments = ["import", "metrabs", str(file), "--output", str(folder), "--licence", "x", "--skeleton", "h36m17"]
    arguments += ["--input-size", "128", "128", "--name", "metrabs-s", "--parameter", f"joints={[*range(17)]}"]
    assert main([*arguments, "--parameter", "box_scale=1.1"]) == 0
    (entry,) = load_manifest(folder).entries
    assert (entry.name, entry.input_size_px, entry.skeleton) == ("metrabs-s", (128, 128), "h36m17")
    assert dict(entry.parameters)["joints"] == [*range(17)]
    assert entry.number("box_scale") == 1.1
    assert entry.file == folder / "a.onnx"


@pytest.mark.parametrize(
    ("preset", "extra", "message"),
    [
        ("rtmw", [], "input_size_px of rtmpose-m"),
        ("metrabs", ["--input-size", "192", "256", "--skeleton", "h36m17"], "output coords2d"),
        ("yolox", ["--input-size", "192", "256"], "expected shape (1, 1008, 5 + classes)"),
        ("rtmpose", ["--skeleton", "muco21"], "joints of rtmpose-m: expected the 21 of muco21, got 17"),
        ("rtmpose", ["--parameter", "joints"], "NAME=VALUE"),
        ("rtmpose", ["--parameter", "root={}"], "a number, a word or a list"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    rtmpose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], preset: str, extra: list[str], message: str
) -> None:
    folder = tmp_path / "engines"
    assert main(["import", preset, str(rtmpose), "--output", str(folder), "--licence", "x", *extra]) != 0
    assert message in capsys.readouterr().err
    assert not folder.exists()
