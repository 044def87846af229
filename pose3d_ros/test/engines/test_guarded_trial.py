"""A first run that hangs, crashes or eats memory harms nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from pose3d_ros.engines import guarded_trial
from pose3d_ros.engines.guarded_trial import try_apart
from pose3d_ros.errors import EngineError


def save(path: Path, text: str, **constants: object) -> Path:
    """Write a graph in ONNX's text form."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> trial {text}')
    for name, value in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    onnx.save(model, str(path))
    return path


def test_graph_that_runs_passes(tmp_path: Path) -> None:
    try_apart(save(tmp_path / "a.onnx", "(float[n, 3, h, w] x) => (float[n, 3, h, w] y) { y = Relu (x) }"), (64, 48))


def test_images_of_a_graph_with_channels_last_have_their_size(tmp_path: Path) -> None:
    # A pixel high or wide, the convolution of 3x3 would fail.
    text = "(float[n, h, w, 3] x) => (float[n, 1, b, c] y) { t = Transpose <perm = [0, 3, 1, 2]> (x) y = Conv (t, k) }"
    try_apart(save(tmp_path / "a.onnx", text, k=np.zeros((1, 3, 3, 3), np.float32)), (64, 48))


def test_graph_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    text = "(float[n, 3, h, w] x) => (float[a, b, c, d] y) { s = Shape (x) k = Mul (s, m) y = ConstantOfShape (k) }"
    path = save(tmp_path / "large.onnx", text, m=np.array([64, 1, 10, 10]))
    with pytest.raises(EngineError, match=r"within 256 MiB, got too little memory"):
        try_apart(path, (640, 480), most_bytes=256 << 20)


def test_what_ends_the_process_or_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.onnx", "(float[1] x) => (float[1] y) { y = Relu (x) }")
    run = subprocess.run
    monkeypatch.setattr(guarded_trial, "_MODULE", "faulthandler_is_no_module")
    with pytest.raises(EngineError, match="ends the process that runs it"):
        try_apart(path, None)
    slow = {"timeout": 0.1}
    monkeypatch.setattr(subprocess, "run", lambda _, **options: run(["sleep", "9"], **{**options, **slow}))
    with pytest.raises(EngineError, match="none that ended"):
        try_apart(path, None)


def test_modules_of_the_users_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.onnx", "(float[1] x) => (float[1] y) { y = Relu (x) }")
    (tmp_path / "numpy.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    try_apart(Path("a.onnx"), None)
    assert not (tmp_path / "ran").exists()


def test_refusal_keeps_its_reason(tmp_path: Path) -> None:
    (tmp_path / "page.onnx").write_bytes(b"<html>")
    with pytest.raises(EngineError, match="a web page, saved instead"):
        try_apart(tmp_path / "page.onnx", None)
