"""Graphs at fixed shapes: nothing counts any more, and the numbers stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from pose3d_ros.engines import ManifestEntry, default_manifest_dir, load_manifest
from pose3d_ros.engines.graphs.fixed_shapes import write_fixed
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.trial import random_feeds
from pose3d_ros.errors import EngineError

ARITHMETIC = {"Shape", "Constant", "ConstantOfShape", "Cast", "Range", "DepthToSpace"}


@pytest.mark.parametrize("entry", load_manifest(default_manifest_dir()).entries, ids=lambda entry: entry.file.stem)
def test_fixed_graph_has_no_shape_arithmetic_and_the_same_numbers(entry: ManifestEntry, tmp_path: Path) -> None:
    target = tmp_path / "fixed.onnx"
    with OnnxEngine(entry.file, threads=1) as reference:
        feeds = random_feeds(reference, entry, 3)
        wanted = reference.infer(feeds)
    write_fixed(entry.file, target, {name: array.shape for name, array in feeds.items()})
    with OnnxEngine(target, threads=1) as fixed:
        assert all(isinstance(n, int) for spec in (*fixed.inputs, *fixed.outputs) for n in spec.shape)
        got = fixed.infer(feeds)
    graph = onnx.load(str(target)).graph
    assert not ARITHMETIC & {node.op_type for node in graph.node}
    assert all(all(node.input) for node in graph.node if node.op_type == "Clip")
    assert [node.op_type for node in graph.node][-len(wanted) :] == ["Identity"] * len(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(got[name], array, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3), (1, 4, 128, 128)])
def test_shape_that_does_not_fit_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    entry = load_manifest(default_manifest_dir()).for_role("pose")
    with pytest.raises(EngineError, match="a graph for inputs of"):
        write_fixed(entry.file, tmp_path / "fixed.onnx", {"image": shape, "k_m": (1,)})
