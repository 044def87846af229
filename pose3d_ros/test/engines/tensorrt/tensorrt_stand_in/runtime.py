"""The runtime and the engine: a plan becomes an ONNX Runtime session on the CPU."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnxruntime

from .api import Api
from .basics import Dims, IHostMemory, ILogger, require, to_int, unknown_dims
from .builder import NO_OBJECT
from .context import IExecutionContext
from .graph import Graph, GraphTensor, read_graph
from .plan import PlanError, PlanHeader, PlanProfile, Shape, unpack

Array = npt.NDArray[Any]
_ONLY_FATAL = 4


class Runtime:
    """Loads plans."""

    __slots__ = ("_logger",)
    _api: ClassVar[Api]

    def __init__(self, logger: ILogger) -> None:
        require("Runtime", logger, ILogger)
        if self._api.knobs.no_driver:
            raise TypeError(NO_OBJECT)
        self._logger = logger

    def deserialize_cuda_engine(
        self, serialized_engine: bytes | bytearray | memoryview | IHostMemory
    ) -> ICudaEngine | None:
        """The engine, None with a message for damaged bytes and for a plan of another version."""
        require("deserialize_cuda_engine", serialized_engine, (bytes, bytearray, memoryview, IHostMemory))
        try:
            header, data = unpack(bytes(serialized_engine))
        except PlanError as error:
            self._refuse(f"Serialization assertion failed: {error}")
            return None
        if self._api.knobs.deserialize_returns_none:
            self._refuse("a knob makes deserializing fail")
            return None
        if header.version != self._api.release.version:
            self._refuse(f"Version tag does not match: the plan is of TensorRT {header.version}")
            return None
        return ICudaEngine(self._api, self._logger, header, data)

    def _refuse(self, reason: str) -> None:
        self._api.log(self._logger, "ERROR", f"Error Code 1: Serialization ({reason})")


class ICudaEngine:
    """An engine, as 8.x has it. Names that are no tensor get the answers of the real one, not errors."""

    __slots__ = ("_api", "_contexts", "_graph", "_header", "_logger", "_session", "_shapes")

    def __init__(self, api: Api, logger: ILogger, header: PlanHeader, data: bytes) -> None:
        self._api = api
        self._logger = logger
        self._header = header
        self._graph: Graph = read_graph(data, api.release)
        self._session: Any = _open_session(data)
        self._shapes: dict[tuple[Shape, ...], tuple[Shape, ...]] = {}
        self._contexts: weakref.WeakSet[IExecutionContext] = weakref.WeakSet()

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    @property
    def num_optimization_profiles(self) -> int:
        """At least 1: an engine without dynamic inputs has an implicit one."""
        return max(1, len(self._header.profiles))

    def get_tensor_name(self, index: int) -> str | None:
        """The name, inputs first; None past the last."""
        number = to_int("get_tensor_name", index)
        return self._tensors[number].name if number < len(self._tensors) else None

    def get_tensor_mode(self, name: str) -> Any:
        """INPUT or OUTPUT; NONE for an unknown name."""
        mode = "INPUT" if self._input(name) else "OUTPUT" if self._find(name) else "NONE"
        return self._api.member("TensorIOMode", mode)

    def get_tensor_shape(self, name: str) -> Dims:
        """-1 for dynamic axes; a shape of -1 dimensions for an unknown name."""
        tensor = self._find(name)
        return Dims(tensor.dims) if tensor else unknown_dims()

    def get_tensor_dtype(self, name: str) -> Any:
        """The type; FLOAT, silently, for an unknown name."""
        tensor = self._find(name)
        return self._api.member("DataType", tensor.dtype if tensor else "FLOAT")

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        """Min, opt and max of an input; three shapes of -1 dimensions for another name or profile."""
        tensor = self._input(name)
        if tensor is None or not 0 <= profile_index < self.num_optimization_profiles:
            return [unknown_dims()] * 3
        if not self._header.profiles:
            return [Dims(tensor.dims)] * 3
        return [Dims(shape) for shape in self._profile(profile_index).shapes.get(name, (tensor.dims,) * 3)]

    def create_execution_context(self) -> IExecutionContext | None:
        """A context, None with a message when there is no memory for it."""
        return self._create_context()

    def _create_context(self) -> IExecutionContext | None:
        if self._api.knobs.context_returns_none:
            self._api.log(self._logger, "ERROR", "Error Code 2: OutOfMemory (a knob makes the context fail)")
            return None
        context = IExecutionContext(self._api, self._logger, self)
        self._contexts.add(context)
        return context

    @property
    def _tensors(self) -> tuple[GraphTensor, ...]:
        return (*self._graph.inputs, *self._graph.outputs)

    def _find(self, name: str) -> GraphTensor | None:
        require("tensor name", name, str)
        return next((tensor for tensor in self._tensors if tensor.name == name), None)

    def _input(self, name: str) -> GraphTensor | None:
        tensor = self._find(name)
        return tensor if tensor in self._graph.inputs else None

    def _profile(self, index: int) -> PlanProfile:
        return self._header.profiles[index]

    def _sets_profile(self) -> bool:
        """Whether a new context has profile 0 by itself; before 10 only while no other has it, shared or not."""
        static = not any(-1 in tensor.dims for tensor in self._graph.inputs)
        taken = any(context._profile == 0 for context in self._contexts)
        return static or not taken or self._api.release.number >= (10, 0)

    def _free_profile(self, wanted: int, asking: IExecutionContext | None) -> bool:
        """Whether a context may take this profile: before 10 one that no other context has."""
        if self._header.shares_profiles or not any(-1 in tensor.dims for tensor in self._graph.inputs):
            return True
        return all(context._profile != wanted for context in self._contexts if context is not asking)

    def _output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...] | None:
        """The outputs' shapes for these, from a run on zeros; None for shapes that contradict each other."""
        if inputs not in self._shapes:
            zeros = [np.zeros(shape, t.numpy_dtype) for t, shape in zip(self._graph.inputs, inputs, strict=True)]
            try:
                self._shapes[inputs] = tuple(output.shape for output in self._run(zeros))
            except Exception as error:  # the runtime's errors share no base class of their own
                self._api.log(self._logger, "ERROR", f"Error Code 4: Internal Error ({error})")
                return None
        return self._shapes[inputs]

    def _run(self, arrays: list[Array]) -> list[Array]:
        """The outputs, each of its tensor's type."""
        graph = self._graph
        feeds = {t.name: array.astype(t.onnx_dtype) for t, array in zip(graph.inputs, arrays, strict=True)}
        results = self._session.run([t.name for t in graph.outputs], feeds)
        return [np.asarray(result, t.numpy_dtype) for t, result in zip(graph.outputs, results, strict=True)]


def _open_session(data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
