"""Export of a net to one ONNX file: opset 17, weights inside, dynamic batch, checked against torch in ONNX Runtime.

The signatures are in `exported_graphs.py`. The graphs hold plain operators only: no Einsum, which TensorRT plans badly,
and no NonMaxSuppression, whose output size depends on data and so rules CUDA graphs out.
"""

from __future__ import annotations

import copy
import importlib
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pose3d_ros.errors import EngineError

OPSET = 17
TOLERANCE = 1e-4
_FORBIDDEN_OPS = frozenset({"Einsum", "NonMaxSuppression", "BatchNormalization", "Loop", "If"})

Array = npt.NDArray[np.float32]
Axes = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True)
class GraphSpec:
    """What a graph takes and gives.

    inputs, outputs: names in the order of the module's arguments and results. axes: name → {dimension: its name}, for
    the dynamic ones. sample: (batch, generator) → random arguments; every call may choose other dynamic sizes.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sample: Callable[[int, torch.Generator], tuple[Tensor, ...]]
    axes: Axes = field(default_factory=dict)

    @property
    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """Every input's and output's dynamic dimensions; the first is always the batch."""
        return {name: {0: "batch", **self.axes.get(name, {})} for name in (*self.inputs, *self.outputs)}


def export_graph(module: nn.Module, path: Path, spec: GraphSpec, *, batches: Sequence[int] = (1, 2, 5)) -> float:
    """Write `module` to `path` and return the largest difference between torch and ONNX Runtime.

    The module is copied, put in eval mode on the CPU in float32, and its batch normalizations are folded. The
    difference of each value is relative to max(1, |value|), on random inputs of each of the `batches`.
    Raises EngineError for a graph that holds a forbidden operator or differs by more than 1e-4; `path` is then left
    as it was.
    """
    frozen = fold_batch_norms(copy.deepcopy(module).float().cpu().eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        unchecked = Path(directory) / path.name
        _write(frozen, unchecked, spec, generator)
        _check_graph(unchecked)
        difference = _compare(frozen, unchecked, spec, batches, generator)
        unchecked.replace(path)
    return difference


def _write(frozen: nn.Module, path: Path, spec: GraphSpec, generator: torch.Generator) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is the one that needs no onnxscript; torch announces its end with every call.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            frozen,
            spec.sample(2, generator),
            str(path),
            input_names=list(spec.inputs),
            output_names=list(spec.outputs),
            dynamic_axes=spec.dynamic_axes,
            opset_version=OPSET,
            dynamo=False,
        )


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Fold, in place, each batch normalization that directly follows a convolution in a Sequential.

    The exporter itself folds only forward convolutions, so a transposed one would leave its normalization behind.
    """
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for i in range(len(child) - 1):
            conv, norm = child[i], child[i + 1]
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                child[i] = fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, nn.ConvTranspose2d))
                child[i + 1] = nn.Identity()
    return module


def _check_graph(path: Path) -> None:
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    forbidden = sorted({node.op_type for node in model.graph.node} & _FORBIDDEN_OPS)
    if forbidden:
        raise EngineError(
            f"exported graph {path.name}",
            expected="plain operators",
            got=", ".join(forbidden),
            fix="Write that part of the net with matrix products, sums and folded normalizations.",
        )


def _compare(
    module: nn.Module, path: Path, spec: GraphSpec, batches: Sequence[int], generator: torch.Generator
) -> float:
    runtime = importlib.import_module("onnxruntime")  # it has no type information, so everything of it is Any
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in batches:
        arguments = spec.sample(batch, generator)
        with torch.no_grad():
            result = module(*arguments)
        expected = (result,) if isinstance(result, Tensor) else tuple(result)
        feeds = {name: value.numpy() for name, value in zip(spec.inputs, arguments, strict=True)}
        got = session.run(list(spec.outputs), feeds)
        for name, want, have in zip(spec.outputs, expected, got, strict=True):
            difference = _relative_difference(want.numpy(), have)
            _require_close(path, name, batch, difference)
            worst = max(worst, difference)
    return worst


def _relative_difference(want: Array, have: Array) -> float:
    if want.shape != have.shape:
        return float("inf")
    return float(np.max(np.abs(want - have) / np.maximum(1.0, np.abs(want)), initial=0.0))


def _require_close(path: Path, name: str, batch: int, difference: float) -> None:
    if not difference <= TOLERANCE:  # NaN fails too
        raise EngineError(
            f"exported graph {path.name}, output {name}, batch {batch}",
            expected=f"torch's values within {TOLERANCE:g}",
            got=f"a difference of {difference:.3g}",
            fix="Check that the net is in eval mode and has no branch on data.",
        )
