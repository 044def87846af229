"""The PyTorch backend: ONNX graphs converted by onnx2torch, with a CUDA graph for each batch size.

For a GPU with neither TensorRT nor ONNX Runtime's CUDA provider. Without a GPU it runs on the CPU when it is asked for
by name, slower than ONNX Runtime. Neither torch nor onnx2torch is needed to import this module.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import operator
import platform
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pose3d_ros.engines.base import Availability, Engine, TensorSpec
from pose3d_ros.engines.device import torch_device
from pose3d_ros.engines.device.device_engine import DeviceEngine
from pose3d_ros.engines.device.prepared_batches import Program, Shapes
from pose3d_ros.engines.device.torch_device import TorchDevice
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.options import EngineOptions, precision_of
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.trial import usual_shapes
from pose3d_ros.errors import EngineError

_log = logging.getLogger(__name__)

_NEEDED = ("torch", "onnx", "onnx2torch", "onnxruntime")
_INSTALL = "Install them (pip install torch onnx onnx2torch onnxruntime), or use the backend onnxruntime."
_DRIVERS = ("nvidia0", "nvidiactl", "nvhost-gpu", "nvgpu", "dxg")
"""Of /dev: NVIDIA's on a desktop, on a Jetson, and in WSL."""
_READ_AS_NUMBERS = ("Reshape", "Slice", "Resize", "Expand", "Tile", "Pad", "Split", "TopK", "ConstantOfShape", "Reduce")
"""Operators whose constant inputs onnx2torch turns into Python's numbers in every run: they stay in the host's memory,
since reading them from a GPU would wait for it, which can't be recorded."""


class TorchEngine(DeviceEngine):
    """An ONNX graph that PyTorch runs. half: backbone and heads in FP16, see `graphs.fp16_conversion`.

    Raises EngineError for a file that is missing or no valid graph; preparing an input shape does for operators that
    onnx2torch lacks.
    """

    def __init__(self, entry: ManifestEntry, device: TorchDevice, *, half: bool, status: str) -> None:
        with OnnxEngine(entry.file, threads=1, sha256=entry.sha256) as graph:
            inputs, outputs = graph.inputs, graph.outputs
        super().__init__(entry.name, inputs, outputs, device, status=status)
        self._entry, self._torch_device, self._half = entry, device, half
        self._weights: dict[str, Any] = {}

    def _program(self, shapes: Shapes) -> Program:
        named = {spec.name: shape for spec, shape in zip(self.inputs, shapes, strict=True)}
        with tempfile.TemporaryDirectory() as folder:
            module = _converted(_fixed_graph(self._entry, named, Path(folder), half=self._half), self.name)
        with self._torch_device.queued():  # the stream that reads the weights copies them
            self._upload_weights(module)
        return _Module(self.name, module, self._torch_device, named, self.inputs, self.outputs)

    def _upload_weights(self, module: Any) -> None:
        """Put weights on the device, where all batch sizes share them, images' in the order that cuDNN likes."""
        torch: Any = importlib.import_module("torch")
        numbers = _numbers(module)
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if name in numbers:
                continue
            data = tensor.detach().contiguous()
            content = hashlib.sha256(data.reshape(-1).view(torch.uint8).numpy()).hexdigest()
            key = f"{content} {data.dtype} {tuple(data.shape)}"
            if key not in self._weights:
                layout = torch.channels_last if _is_image(data) else torch.contiguous_format
                self._weights[key] = data.to(self._torch_device.torch_name).contiguous(memory_format=layout)
            tensor.data = self._weights[key]

    def _release(self) -> None:
        super()._release()
        self._weights.clear()


class _Module:
    """A converted graph at fixed shapes as a `Program`. shapes: of the inputs, by name."""

    def __init__(
        self,
        name: str,
        module: Any,
        device: TorchDevice,
        shapes: Mapping[str, tuple[int, ...]],
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> None:
        self._torch: Any = importlib.import_module("torch")
        self._name, self._module, self._device, self._shapes = name, module, device, shapes
        self._input_specs, self._output_specs = inputs, outputs
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._output_shapes: list[tuple[int, ...]] = []

    def bind_inputs(self, inputs: Mapping[str, Any]) -> list[tuple[int, ...]]:
        self._inputs = [inputs[s.name].tensor(self._shapes[s.name], s.dtype) for s in self._input_specs]
        self._output_shapes = [tuple(result.shape) for result in self._results()]
        return self._output_shapes

    def bind_outputs(self, outputs: Mapping[str, Any]) -> None:
        specs = zip(self._output_specs, self._output_shapes, strict=True)
        self._outputs = [outputs[spec.name].tensor(shape, spec.dtype) for spec, shape in specs]

    def enqueue(self) -> None:
        with self._device.queued():
            for target, result in zip(self._outputs, self._results(), strict=True):
                target.copy_(result)

    def _results(self) -> list[Any]:
        torch = self._torch
        fix = "Check the shapes against the engine's manifest, or use the backend onnxruntime."
        errors = library_errors(f"engine {self._name}", expected="a run without an error of PyTorch", fix=fix)
        with errors, self._device.queued(), torch.inference_mode():
            images = torch.channels_last
            feeds = [t.contiguous(memory_format=images) if _is_image(t) else t for t in self._inputs]
            results = self._module(*feeds)
        return results if isinstance(results, list) else [results]


def availability() -> Availability:
    """Whether PyTorch and the library are there; it is a choice for `auto` only where it sees a GPU.

    Importing PyTorch takes seconds and a quarter of a gigabyte, so a machine without a driver is not asked.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return Availability(False, f"{' and '.join(missing)} not installed")
    if not _has_driver():
        return Availability(True, "torch on the CPU", preferred=False)
    found = torch_device.cuda_availability()
    if found.usable:
        return Availability(True, f"torch on {found.reason}")
    return Availability(True, f"torch on the CPU ({found.reason})", preferred=False)


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `open_engine`.

    On a GPU in FP16 unless fp32 is asked for, or the graph can't be converted; int8 is TensorRT's, and FP16 here.
    """
    with library_errors("backend torch", expected=f"the Python packages {', '.join(_NEEDED)}", fix=_INSTALL):
        torch: Any = importlib.import_module("torch")
        _library()
    if torch_device.cuda_availability().usable:
        device: TorchDevice = torch_device.open_device()
        device_name, half = device.facts.gpu, precision_of(entry, options.precision) != "fp32"
    else:
        device, device_name, half = TorchDevice("cpu"), "the CPU", False
        if options.threads:
            torch.set_num_threads(options.threads)
    status = f"torch {torch.__version__} on {device_name}"
    if half:
        try:
            return _opened(entry, device, half=True, status=f"{status}, fp16")
        except EngineError as error:
            _log.info("engine %s runs in the types of its graph: %s", entry.name, error)
    return _opened(entry, device, half=False, status=f"{status}, fp32" if device.on_gpu else status)


def _opened(entry: ManifestEntry, device: TorchDevice, *, half: bool, status: str) -> Engine:
    """The engine, with the usual shapes of a batch of one prepared, so that it fails here if it can't run."""
    engine = TorchEngine(entry, device, half=half, status=status)
    engine.prepare(usual_shapes(engine.inputs, entry, 1))
    return engine


def _fixed_graph(entry: ManifestEntry, shapes: Mapping[str, tuple[int, ...]], folder: Path, *, half: bool) -> Path:
    """The entry's graph for these shapes, and in FP16 if wanted."""
    fixed_shapes: Any = importlib.import_module("pose3d_ros.engines.graphs.fixed_shapes")
    graph = folder / f"fixed-{entry.file.name}"
    fixed_shapes.write_fixed(entry.file, graph, shapes, entry.sha256)
    if half:
        fp16_conversion: Any = importlib.import_module("pose3d_ros.engines.graphs.fp16_conversion")
        fp16_conversion.half_graph(graph, graph)
    return graph


def _converted(path: Path, name: str) -> Any:
    """The graph as a module of PyTorch. Raises EngineError for operators that the library lacks."""
    errors = library_errors(
        f"engine {name}", expected="operators that onnx2torch knows", fix="Use the backend onnxruntime."
    )
    with errors, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of choices that a graph of fixed shapes does not leave
        module = _library().convert(str(path)).eval()
        _index_by_tuples(module)
        return module


def _numbers(module: Any) -> set[str]:
    """Names of the buffers that a run reads as numbers."""
    found = set()
    for node in (n for n in module.graph.nodes if n.op == "call_module"):
        operator = type(module.get_submodule(node.target)).__name__.removeprefix("Onnx")
        for source in (n for n in node.all_input_nodes if n.op == "get_attr"):
            tensor = module.get_buffer(source.target)
            is_index = not tensor.ndim and not tensor.is_floating_point()
            if operator.startswith(_READ_AS_NUMBERS) or is_index:
                found.add(source.target)
    return found


def _index_by_tuples(module: Any) -> None:
    """Write constant slices as Python does: the library indexes with a list, which PyTorch will read otherwise."""
    for node in [n for n in module.graph.nodes if n.op == "call_module"]:
        bounds = node.args[1:]
        is_slice = type(module.get_submodule(node.target)).__name__ == "OnnxSlice"
        if not is_slice or len(bounds) < 3 or any(n.op != "get_attr" for n in bounds):
            continue
        starts, ends, axes, *steps = (module.get_buffer(n.target).tolist() for n in bounds)
        by_axis = dict(zip(axes, map(slice, starts, ends, *steps), strict=True))
        if min(map(min, steps), default=1) < 1 or (min(axes) < 0 <= max(axes)):
            continue
        first, last = (0, max(axes) + 1) if min(axes) >= 0 else (min(axes), 0)
        index = tuple(by_axis.get(axis, slice(None)) for axis in range(first, last))
        with module.graph.inserting_after(node):
            indexed = module.graph.call_function(
                operator.getitem, (node.args[0], index if first >= 0 else (..., *index))
            )
        node.replace_all_uses_with(indexed)
        module.graph.erase_node(node)
    module.recompile()


def _library() -> ModuleType:
    """onnx2torch. It names two operators of torchvision, which no engine needs: without torchvision they are None."""
    if library := sys.modules.get("onnx2torch"):
        return library
    try:
        importlib.import_module("torchvision")
    except Exception:  # one built for another torch raises RuntimeError
        names = ("torchvision", "torchvision.ops")
        modules: dict[str, Any] = {name: ModuleType(name) for name in names}
        modules["torchvision"].ops = modules["torchvision.ops"]
        modules["torchvision.ops"].roi_align = None
        sys.modules.update(modules)
        try:
            return importlib.import_module("onnx2torch")
        finally:
            for name in names:
                del sys.modules[name]
    return importlib.import_module("onnx2torch")


def _is_image(tensor: Any) -> bool:
    return tensor.ndim == 4 and bool(tensor.is_floating_point())


def _has_driver() -> bool:
    return platform.system() != "Linux" or any(Path("/dev", name).exists() for name in _DRIVERS)
