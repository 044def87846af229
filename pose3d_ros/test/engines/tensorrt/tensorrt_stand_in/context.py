"""The execution context: shapes, addresses and runs, with everything that TensorRT leaves undefined made an error."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .api import Api
from .basics import Dims, ILogger, to_int, unknown_dims
from .memory import ALIGNMENT_BYTES
from .misuse import Answering, Checked, MisuseError
from .places import Place, State, find_places
from .plan import Shape
from .stream import FakeStream

if TYPE_CHECKING:
    from .runtime import ICudaEngine

_NO_PROFILE = -1
_RUN = "IExecutionContext.execute_async_v3"


class IExecutionContext(Answering):
    """A context. From its first call to the stream's synchronize it belongs to the calling thread."""

    __slots__ = (
        "__weakref__",
        "_addresses",
        "_api",
        "_engine",
        "_logger",
        "_owner",
        "_profile",
        "_shapes",
        "_warm",
        "name",
    )

    def __init__(self, api: Api, logger: ILogger, engine: ICudaEngine) -> None:
        super().__init__()
        self._api = api
        self._logger = logger
        self._engine = engine
        self._profile = 0 if engine._sets_profile() else _NO_PROFILE
        self._shapes: dict[str, Shape] = {}
        self._addresses: dict[str, int] = {}
        self._warm: State | None = None
        self._owner: int | None = None
        self.name = ""

    @property
    def active_optimization_profile(self) -> int:
        """-1 for a context of 8.x that has none yet."""
        return self._profile

    def set_input_shape(self, name: str, shape: Sequence[int]) -> Checked:
        """Set an input's shape; False, with a message, for one that is no input or does not fit the profile."""
        self._begin("set_input_shape")
        wanted = Dims(shape)[:]
        fault = self._shape_fault(name, wanted)
        if fault is None:
            self._shapes[name] = wanted
        return self._report("set_input_shape", fault)

    def get_tensor_shape(self, name: str) -> Dims:
        """An input's shape as set, an output's as it follows; -1 for what is still open."""
        self._enter()
        tensor = self._engine._find(name)
        if tensor is None:
            return unknown_dims()
        if tensor in self._engine._graph.inputs:
            return Dims(self._shapes.get(name, tensor.dims))
        shapes = None if self._unset() else self._output_shapes()
        return Dims(tensor.dims if shapes is None else shapes[self._engine._graph.outputs.index(tensor)])

    def set_tensor_address(self, name: str, memory: int) -> Checked:
        """Set where a tensor lies, 0 to unset it; False, with a message, for a name that is no tensor."""
        self._begin("set_tensor_address")
        address = to_int("set_tensor_address", memory)
        fault = "a knob makes it fail" if self._api.knobs.set_address_fails else None
        if self._engine._find(name) is None:
            fault = f"{name} is no input or output tensor"
        if fault is None and address % ALIGNMENT_BYTES:
            problem = f"{name} at {address:#x}, not aligned to {ALIGNMENT_BYTES} bytes"
            raise MisuseError("IExecutionContext.set_tensor_address", problem)
        if fault is None:
            self._addresses[name] = address
        return self._report("set_tensor_address", fault)

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        """Change the profile; every shape must be set again. Raises RuntimeError for one that can't be used."""
        self._begin("set_optimization_profile_async")
        call = "IExecutionContext.set_optimization_profile_async"
        stream = self._api.memory.stream_of(to_int("stream", stream_handle), call)
        known = 0 <= profile_index < self._engine.num_optimization_profiles
        if not known or not self._engine._free_profile(profile_index, self):
            fault = "in use by another context" if known else "not a profile of the engine"
            self._api.log(self._logger, "ERROR", f"Error Code 3: API Usage Error ({profile_index} is {fault})")
            raise RuntimeError("Error in set optimization profile async.")
        self._profile = profile_index
        self._shapes.clear()
        stream.when_idle(self._release)
        return True

    def execute_async_v3(self, stream_handle: int) -> Checked:
        """Enqueue a run; False, with a message, when that fails.

        Raises MisuseError for the default stream, an open shape, an address that is missing or holds something else,
        and for a capture without an eager run of the same shapes and addresses before it.
        """
        self._begin("execute_async_v3")
        stream = self._api.memory.stream_of(to_int("stream", stream_handle), _RUN)
        state, outputs = self._state(), self._output_shapes()
        fault = self._enqueue_fault(stream, outputs)
        if fault is None and outputs is not None:
            self._places(state, outputs)
            self._enqueue(state, stream)
        elif stream.graph is not None:
            stream.graph.fail()
        answer = self._report("execute_async_v3", fault)
        stream.owe(answer)
        stream.when_idle(self._release)
        return answer

    def _enqueue(self, state: State, stream: FakeStream) -> None:
        if stream.graph is not None and state != self._warm:
            raise MisuseError(_RUN, "captured without one eager run of these shapes and addresses before")
        self._warm = state
        stream.submit(lambda target: self._run(state, target))

    def _enqueue_fault(self, stream: FakeStream, outputs: tuple[Shape, ...] | None) -> str | None:
        self._api.enqueues += 1
        if self._api.enqueues == self._api.knobs.enqueue_fails_on:
            return f"a knob makes enqueue {self._api.enqueues} fail"
        if stream.graph is not None and self._api.knobs.capture_fails:
            return "a knob makes the capture fail"
        return "the shapes contradict each other" if outputs is None else None

    def _run(self, state: State, stream: FakeStream) -> None:
        """Read the inputs, run, write the outputs. Raises MisuseError when the state is no longer this one."""
        if self._state() != state:
            raise MisuseError("FakeGraph.replay", "shapes or addresses have changed since the capture")
        self._claim(_RUN)
        stream.when_idle(self._release)
        places = self._places(state, self._engine._output_shapes(state.shapes) or ())
        inputs = len(state.shapes)
        arrays = [place.read(stream, _RUN) for place in places[:inputs]]
        for place, result in zip(places[inputs:], self._engine._run(arrays), strict=True):
            place.write(stream, result)

    def _places(self, state: State, outputs: tuple[Shape, ...]) -> list[Place]:
        return find_places(self._api.memory, self._engine._tensors, state, outputs, _RUN)

    def _state(self) -> State:
        """What a run would use now. Raises MisuseError for open shapes and missing addresses."""
        if unset := self._unset():
            raise MisuseError(_RUN, f"the shape of {', '.join(unset)} is not set (or not again, after a new profile)")
        names = [tensor.name for tensor in self._engine._tensors]
        if missing := [name for name in names if not self._addresses.get(name)]:
            raise MisuseError(_RUN, f"no address is set for {', '.join(missing)}")
        return State(self._profile, self._input_shapes(), tuple(self._addresses[name] for name in names))

    def _unset(self) -> list[str]:
        return [t.name for t in self._engine._graph.inputs if -1 in t.dims and t.name not in self._shapes]

    def _input_shapes(self) -> tuple[Shape, ...]:
        return tuple(self._shapes.get(tensor.name, tensor.dims) for tensor in self._engine._graph.inputs)

    def _output_shapes(self) -> tuple[Shape, ...] | None:
        return self._engine._output_shapes(self._input_shapes())

    def _shape_fault(self, name: str, shape: Shape) -> str | None:
        """Why an input can't have this shape."""
        tensor = self._engine._input(name)
        if self._api.knobs.set_shape_fails:
            return "a knob makes it fail"
        if tensor is None:
            return f"{name} is no input tensor"
        if self._profile == _NO_PROFILE:
            return "no optimization profile is set"
        low, _, high = (dims[:] for dims in self._engine.get_tensor_profile_shape(name, self._profile))
        if len(shape) != len(low) or not all(a <= n <= b for a, n, b in zip(low, shape, high, strict=True)):
            return f"{shape} for {name} is not within the profile's {low} to {high}"
        return None

    def _begin(self, call: str) -> None:
        self._enter()
        self._claim(f"IExecutionContext.{call}")

    def _claim(self, call: str) -> None:
        thread = threading.get_ident()
        if self._owner not in (None, thread):
            raise MisuseError(call, "another thread uses the context; it must synchronize the stream first")
        self._owner = thread

    def _release(self) -> None:
        self._owner = None

    def _report(self, call: str, fault: str | None) -> Checked:
        if fault is not None:
            self._api.log(self._logger, "ERROR", f"IExecutionContext::{call}: Error Code 3: API Usage Error ({fault})")
        return self._answer(f"IExecutionContext.{call}", fault is None)
