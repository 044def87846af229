"""The runtime, the engine and its contexts: a plan becomes an ONNX Runtime session on the CPU.

What TensorRT leaves undefined (open shapes, missing, freed or foreign addresses, a cold capture) is a MisuseError.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from .binding import Api, Binding, Dims, NeedsDriver
from .device_memory import ALIGNMENT_BYTES, Block, Checked, MisuseError
from .network_builder import Shape, StandInPlan, read_plan
from .onnx_parser import INetworkDefinition, ITensor

Array = npt.NDArray[Any]
_ONLY_FATAL = 4
_RUN = "execute_async_v3"


class Runtime(NeedsDriver):
    """Loads plans."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        """The engine, None with a message for damaged bytes and for a plan of another version."""
        try:
            plan = read_plan(serialized_engine)
            if self._api.faults.deserialize_returns_none:
                raise ValueError("an injected fault")
            if plan.version != self._api.release.version:
                raise ValueError(f"Version tag does not match: the plan is of TensorRT {plan.version}")
        except ValueError as error:
            self._log(f"Error Code 1: Serialization ({error})")
            return None
        return ICudaEngine(self._api, self._logger, plan)


class ICudaEngine(Binding):
    """An engine."""

    def __init__(self, api: Api, logger: Any, plan: StandInPlan) -> None:
        super().__init__(api, logger)
        network = INetworkDefinition(api, logger, explicit_batch=True, strong=plan.strongly_typed)
        network._fill(plan.graph)
        self._plan, self._inputs, self._outputs = plan, network._inputs, network._outputs
        self._tensors = {tensor.name: tensor for tensor in (*self._inputs, *self._outputs)}
        self._static = all(-1 not in tensor.dims for tensor in self._inputs)
        self._session: Any = _open_session(plan.graph)
        self._shapes: dict[tuple[Shape, ...], tuple[Shape, ...]] = {}
        self._contexts: weakref.WeakSet[IExecutionContext] = weakref.WeakSet()

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self._tensors)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return self._api.member("TensorIOMode", "INPUT" if self._tensors[name] in self._inputs else "OUTPUT")

    def get_tensor_shape(self, name: str) -> Dims:
        return self._tensors[name].shape

    def get_tensor_dtype(self, name: str) -> Any:
        return self._tensors[name].dtype

    def create_execution_context(self) -> IExecutionContext | None:
        """A context, None with a message when there is no memory for it."""
        if self._api.faults.context_returns_none:
            self._log("Error Code 2: OutOfMemory (an injected fault)")
            return None
        context = IExecutionContext(self._api, self._logger, self)
        self._contexts.add(context)
        return context

    def _profile_is_free(self) -> bool:
        """Whether no context has the one optimization profile."""
        return self._static or all(context._profile < 0 for context in self._contexts)

    def _output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The outputs' shapes for these, from a run on zeros."""
        if inputs not in self._shapes:
            zeros = [np.zeros(shape, t.numpy_dtype) for t, shape in zip(self._inputs, inputs, strict=True)]
            self._shapes[inputs] = tuple(output.shape for output in self._run(zeros))
        return self._shapes[inputs]

    def _run(self, arrays: list[Array]) -> list[Array]:
        """The outputs, each of its tensor's type."""
        feeds = {t.name: array.astype(t.onnx_dtype) for t, array in zip(self._inputs, arrays, strict=True)}
        results = self._session.run([t.name for t in self._outputs], feeds)
        return [np.asarray(result, t.numpy_dtype) for t, result in zip(self._outputs, results, strict=True)]


@dataclass(frozen=True)
class State:
    """Everything a run depends on, besides the contents of memory; a graph is valid for one state only."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    addresses: tuple[int, ...]


class IExecutionContext(Binding):
    """A context: shapes of inputs, addresses of all tensors, and runs."""

    def __init__(self, api: Api, logger: Any, engine: ICudaEngine) -> None:
        super().__init__(api, logger)
        self._engine = engine
        # Before 10 a context has the profile by itself only while no other has it, shared or not.
        self._profile = 0 if engine._profile_is_free() or api.release.number >= (10, 0) else -1
        self._shapes: dict[str, Shape] = {}
        self._addresses: dict[str, int] = {}
        self._warm: State | None = None

    @property
    def active_optimization_profile(self) -> int:
        """-1 for a context of 8.x that has none yet."""
        return self._profile

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        """Take the profile. Raises RuntimeError where another context has it and it can't be shared."""
        self._check_stream(stream_handle, "set_optimization_profile_async")
        if profile_index != 0 or not (self._engine._plan.shares_profile or self._engine._profile_is_free()):
            raise RuntimeError("Error in set optimization profile async.")
        self._profile = profile_index
        self._shapes.clear()
        return True

    def set_input_shape(self, name: str, shape: Sequence[int]) -> Checked:
        """Set an input's shape; False, with a message, for one that does not fit the profile."""
        fault = self._shape_fault(self._engine._tensors[name], tuple(shape))
        if fault is None:
            self._shapes[name] = tuple(shape)
        return self._answer("set_input_shape", fault)

    def get_tensor_shape(self, name: str) -> Dims:
        """An input's shape as set, an output's as it follows; -1 for what is still open."""
        self._check_last()
        tensor = self._engine._tensors[name]
        if tensor in self._engine._inputs:
            return Dims(self._shapes.get(name, tensor.dims))
        if self._open_inputs():
            return tensor.shape
        return Dims(self._engine._output_shapes(self._input_shapes())[self._engine._outputs.index(tensor)])

    def set_tensor_address(self, name: str, memory: int) -> Checked:
        """Set where a tensor lies."""
        if memory % ALIGNMENT_BYTES:
            raise MisuseError("set_tensor_address", f"{name} at {memory:#x}, not aligned to {ALIGNMENT_BYTES} bytes")
        fault = "an injected fault" if self._api.faults.set_address_fails else None
        if fault is None and name in self._engine._tensors:
            self._addresses[name] = memory
        return self._answer("set_tensor_address", fault)

    def execute_async_v3(self, stream_handle: int) -> Checked:
        """Queue a run; False, with a message, when that fails. It is captured after an eager run of the same only."""
        device = self._api.device
        self._check_stream(stream_handle, _RUN)
        state, fault = self._state(), self._enqueue_fault()
        if fault is None:
            self._blocks(state)
            if device.graph is not None and state != self._warm:
                raise MisuseError(_RUN, "captured without one eager run of these shapes and addresses before")
            self._warm = state
            device.submit(lambda: self._run(state))
        elif device.graph is not None:
            device.graph.failed = True
        answer = self._answer(_RUN, fault)
        device.demand_later(answer)
        return answer

    def _enqueue_fault(self) -> str | None:
        api = self._api
        api.enqueues += 1
        injected = api.enqueues == api.faults.enqueue_fails_on or (api.device.graph and api.faults.capture_fails)
        return "an injected fault" if injected else None

    def _run(self, state: State) -> None:
        """Read the inputs, run, write the outputs. Raises MisuseError when the state is no longer this one."""
        if self._state() != state:
            raise MisuseError("replay of a graph", "shapes or addresses have changed since the capture")
        inputs, blocks = self._engine._inputs, self._blocks(state)
        arrays = [
            block.read(tensor.name, tensor.numpy_dtype, shape)
            for tensor, shape, block in zip(inputs, state.inputs, blocks[: len(inputs)], strict=True)
        ]
        for block, result in zip(blocks[len(inputs) :], self._engine._run(arrays), strict=True):
            block.write(result)

    def _state(self) -> State:
        """What a run would use now. Raises MisuseError for open shapes and missing addresses."""
        if unset := self._open_inputs():
            raise MisuseError(_RUN, f"the shape of {', '.join(unset)} is not set")
        if missing := [name for name in self._engine._tensors if not self._addresses.get(name)]:
            raise MisuseError(_RUN, f"no address is set for {', '.join(missing)}")
        inputs = self._input_shapes()
        return State(
            inputs, self._engine._output_shapes(inputs), tuple(self._addresses[name] for name in self._engine._tensors)
        )

    def _blocks(self, state: State) -> list[Block]:
        """Where the tensors lie. Raises MisuseError where one shares its memory, and for what is no device memory."""
        shapes = (*state.inputs, *state.outputs)
        if len(set(state.addresses)) < len(shapes):
            raise MisuseError(_RUN, "an output shares its buffer with another tensor")
        return [
            self._api.device.find(address, _nbytes(tensor, shape), _RUN)
            for tensor, shape, address in zip(self._engine._tensors.values(), shapes, state.addresses, strict=True)
        ]

    def _open_inputs(self) -> list[str]:
        return [t.name for t in self._engine._inputs if -1 in t.dims and t.name not in self._shapes]

    def _input_shapes(self) -> tuple[Shape, ...]:
        return tuple(self._shapes.get(tensor.name, tensor.dims) for tensor in self._engine._inputs)

    def _shape_fault(self, tensor: ITensor, shape: Shape) -> str | None:
        """Why an input can't have this shape."""
        if self._api.faults.set_shape_fails:
            return "an injected fault"
        if self._profile < 0:
            return "no optimization profile is set"
        low, _, high = self._engine._plan.ranges.get(tensor.name, (tensor.dims,) * 3)
        if len(shape) != len(low) or not all(a <= n <= b for a, n, b in zip(low, shape, high, strict=True)):
            return f"{shape} for {tensor.name} is not within the profile's {low} to {high}"
        return None

    def _check_stream(self, handle: int, call: str) -> None:
        if handle != self._api.device.stream:
            raise MisuseError(call, f"{handle:#x} is the default stream" if handle == 0 else "no stream of this device")


def _nbytes(tensor: ITensor, shape: Shape) -> int:
    return math.prod(shape) * tensor.numpy_dtype.itemsize


def _open_session(data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
