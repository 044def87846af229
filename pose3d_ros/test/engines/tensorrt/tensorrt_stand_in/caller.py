"""A caller that does everything right, for the stand-in's own tests: build, load, bind, run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from .api import Knobs
from .basics import ILogger
from .enums import Enumerant
from .memory import Buffer, DeviceMemory
from .module import make_tensorrt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Ranges = Mapping[str, tuple[Shape, Shape, Shape]]
_NO_KNOBS = Knobs()


# For the graph of the fixture `adder`.
RANGES: Ranges = {"a": ((1, 3), (4, 3), (8, 3)), "b": ((1, 3), (4, 3), (8, 3)), "n": ((1,), (4,), (8,))}
SMALL_RANGES: Ranges = {"a": ((1, 3), (1, 3), (2, 3)), "b": ((1, 3), (1, 3), (2, 3)), "n": ((1,), (1,), (2,))}


def adder_feeds(batch: int) -> dict[str, Array]:
    """Inputs of the adder."""
    a = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
    return {"a": a, "b": 2 * a, "n": np.arange(batch) + 5}


class Messages(ILogger):
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, severity: Enumerant, msg: str) -> None:
        self.lines.append(f"{severity.name} {msg}")


def explicit_flags(trt: ModuleType) -> int:
    """Network flags that are right in every version: explicit batch before 10, strong typing from 10 on."""
    flags = trt.NetworkDefinitionCreationFlag
    early = int(trt.__version__.split(".")[0]) < 10
    return 1 << int(flags.EXPLICIT_BATCH if early else flags.STRONGLY_TYPED)


def parsed(trt: ModuleType, graph: bytes, logger: ILogger, flags: int | None = None) -> tuple[Any, Any]:
    """A builder and a network with the graph in it."""
    builder = trt.Builder(logger)
    network = builder.create_network(explicit_flags(trt) if flags is None else flags)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(graph), [parser.get_error(i).desc() for i in range(parser.num_errors)]
    return builder, network


def configured(builder: Any, *profiles: Ranges) -> Any:
    """A configuration with these profiles."""
    config = builder.create_builder_config()
    for ranges in profiles:
        profile = builder.create_optimization_profile()
        for name, (low, best, high) in ranges.items():
            profile.set_shape(name, low, best, high)
        assert config.add_optimization_profile(profile) >= 0
    return config


def built(trt: ModuleType, graph: bytes, logger: ILogger, *profiles: Ranges) -> bytes:
    """A plan. Deprecated calls are none of this function's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        builder, network = parsed(trt, graph, logger)
        plan = builder.build_serialized_network(network, configured(builder, *profiles))
    assert plan is not None
    return bytes(plan)


@dataclass
class Session:
    """A loaded plan with a context, a stream, and a buffer of 4 KiB for every tensor."""

    trt: ModuleType
    memory: DeviceMemory
    plan: bytes
    logger: Messages = field(default_factory=Messages)

    def __post_init__(self) -> None:
        engine = self.trt.Runtime(self.logger).deserialize_cuda_engine(self.plan)
        assert engine is not None
        self.engine = engine
        self.context = engine.create_execution_context()
        assert self.context is not None
        self.stream = self.memory.stream()
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        self.buffers: dict[str, Buffer] = {name: self.memory.allocate(4096) for name in names}

    def bind(self) -> None:
        """Set every tensor's address."""
        for name, buffer in self.buffers.items():
            assert self.context.set_tensor_address(name, buffer.address)

    def shape(self, feeds: Mapping[str, Array]) -> None:
        """Set every input's shape, and fill its buffer with its type in the engine."""
        for name, values in feeds.items():
            assert self.context.set_input_shape(name, values.shape)
            dtype = self.engine._find(name).numpy_dtype
            self.buffers[name].array(dtype, values.shape)[...] = values

    def result(self, name: str) -> Array:
        """An output, after the stream is synchronized."""
        dtype = self.engine._find(name).numpy_dtype
        return np.array(self.buffers[name].array(dtype, tuple(self.context.get_tensor_shape(name))))

    def enqueue(self) -> Any:
        """What `execute_async_v3` answers."""
        return self.context.execute_async_v3(self.stream.handle)

    def run(self, feeds: Mapping[str, Array]) -> None:
        """Run once, and wait for it."""
        self.shape(feeds)
        self.bind()
        assert self.enqueue()
        self.stream.synchronize()


def opened(graph: bytes, *profiles: Ranges, version: str = "10.3.0", knobs: Knobs = _NO_KNOBS) -> Session:
    """A session of this graph with these knobs; the build is not touched by them."""
    memory = DeviceMemory()
    plan = built(make_tensorrt(version), graph, Messages(), *profiles)
    return Session(make_tensorrt(version, knobs, memory), memory, plan)
