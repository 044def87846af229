"""An ONNX graph run by PyTorch operators, for GPUs where TensorRT is not.

Nothing in a run waits for the device, so that it can be recorded as a CUDA graph: run it once with inputs of the
wanted shapes first, which does the shape arithmetic and puts what it leads to on the device, then record.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pose3d_ros.engines.base import TensorSpec, listed
from pose3d_ros.engines.pytorch.torch_graph_steps import Step, planned
from pose3d_ros.engines.pytorch.torch_graph_values import Held, RunValues, image_weights, loaded
from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator
from pose3d_ros.errors import EngineError

if TYPE_CHECKING:
    from pose3d_ros.engines.graphs.plain_graph import PlainGraph


class TorchGraph:
    """A graph with its weights on a device. Use it from one thread at a time.

    path: the ONNX file, of opset 7 or newer. device: PyTorch's name, such as `cuda` or `cpu`.
    It keeps a few small tensors for every set of input shapes that it has run with. Float16 and float32 stay as the
    file has them; images are processed in channels_last.
    Raises EngineError for a file that is missing, no valid graph, or has a loop, operators that are not known here or
    shapes that depend on data, without the package onnx, and for a device that is not there.
    """

    def __init__(self, path: Path, *, device: str = "cpu") -> None:
        graph = _read(path)
        self.inputs: tuple[TensorSpec, ...] = graph.inputs
        self.outputs: tuple[TensorSpec, ...] = graph.outputs
        self._name = path.name
        self._opset = graph.opset
        self._device = _opened(device)
        self._shapes: dict[tuple[torch.Size, ...], Held] = {}
        with torch.inference_mode():
            self._constants = loaded(graph.initializers, self._device)
            steps = planned(path, graph, self._constants.host)
            self._steps = tuple(s for s in steps if not s.constant)
            self._fold(tuple(s for s in steps if s.constant))
        self._weights = frozenset(_memory(t) for t in self._constants.device.values())

    def __call__(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once, on PyTorch's current stream.

        feeds: a tensor on the device for every input, of its dtype and shape.
        Returns a tensor on the device for every output, contiguous and in memory of its own. Raises EngineError for
        feeds that do not fit, and for a node that fails, which it names.
        """
        self._check(feeds)
        with torch.inference_mode():
            shapes = self._shapes.setdefault(tuple(feeds[s.name].shape for s in self.inputs), Held())
            values = RunValues(self._device, self._constants, shapes, {k: _image(v) for k, v in feeds.items()})
            for step in self._steps:
                self._run(step, values)
            shared = self._weights | {_memory(t) for t in feeds.values()}
            return {spec.name: _own(values, spec.name, shared) for spec in self.outputs}

    def _fold(self, steps: tuple[Step, ...]) -> None:
        """Run once and for all what follows from the weights, and prepare the weights of the other steps."""
        values = RunValues(self._device, self._constants, self._constants, self._constants.device)
        for step in steps:
            self._run(step, values, keep=True)
        outputs = [spec.name for spec in self.outputs]
        self._constants.keep([*(name for s in self._steps for name in s.node.inputs), *outputs])
        image_weights(self._steps, self._constants)
        mixed = {name for s in self._steps if not s.on_host for name in s.reads}
        for name in self._constants.host.keys() & {*mixed, *outputs}:
            values.device(name)

    def _run(self, step: Step, values: RunValues, *, keep: bool = False) -> None:
        target = values.shapes.host if step.on_host else values.data
        names = step.node.outputs
        if not (step.on_host and all(name in target for name in names if name)):
            results = self._results(step.operator, Call(step.node, self._opset, values, step.on_host))
            target.update({name: t for name, t in zip(names, results, strict=False) if name})
        for name in () if keep else step.done:
            values.data.pop(name, None)

    def _results(self, operator: Operator, call: Call) -> tuple[Tensor, ...]:
        try:
            results = operator.run(call)
        except EngineError:
            raise
        except Exception as error:  # PyTorch raises many kinds
            raise EngineError(
                f"node {call.node.name} ({call.node.op}) of {self._name}",
                expected="a run without an error",
                got=str(error).partition("\n")[0] or type(error).__name__,
                fix="The graph can't take these shapes; check them against the engine's manifest.",
            ) from error
        return results if isinstance(results, tuple) else (results,)

    def _check(self, feeds: Mapping[str, Tensor]) -> None:
        fits = feeds.keys() == {s.name for s in self.inputs} and all(_fits(s, feeds[s.name]) for s in self.inputs)
        away = [name for name, t in feeds.items() if t.device.type != self._device.type]
        if not fits or away:
            got = "; ".join(f"{name}: {str(t.dtype)[6:]} {tuple(t.shape)} on {t.device}" for name, t in feeds.items())
            raise EngineError(
                f"inputs of {self._name}",
                expected=f"{listed(self.inputs)} on {self._device}",
                got=got or "none",
                fix="Give a tensor for every input, and for no other name.",
            )


def _read(path: Path) -> PlainGraph:
    try:
        module = importlib.import_module("pose3d_ros.engines.graphs.plain_graph")
    except ImportError as error:
        raise EngineError(
            "onnx", expected="an installed package", got=str(error), fix="Install it: pip install onnx."
        ) from error
    graph: PlainGraph = module.read_plain_graph(path)
    return graph


def _opened(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # a PyTorch without CUDA asserts
        got = str(error).partition("\n")[0]
        raise EngineError(f"device {name}", expected="one that torch has", got=got, fix="Use cpu or cuda.") from error


def _fits(spec: TensorSpec, tensor: Tensor) -> bool:
    if str(tensor.dtype) != f"torch.{spec.dtype}" or tensor.ndim != len(spec.shape):
        return False
    return all(isinstance(n, str) or n == length for n, length in zip(spec.shape, tensor.shape, strict=True))


def _image(tensor: Tensor) -> Tensor:
    image = tensor.ndim == 4 and tensor.is_floating_point()
    return tensor.contiguous(memory_format=torch.channels_last) if image else tensor


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _own(values: RunValues, name: str, shared: frozenset[int]) -> Tensor:
    """The output, copied where the caller could change an input or a weight through it."""
    result = values.device(name).contiguous()
    return result.clone() if name not in values.data or _memory(result) in shared else result
