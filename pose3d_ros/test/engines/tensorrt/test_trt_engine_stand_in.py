"""The stand-in for TensorRT has each version's members and no other, and refuses what is left undefined."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from .tensorrt_stand_in import VERSIONS, Faults, Messages, MisuseError, make_tensorrt, parsed
from .tensorrt_stand_in.stand_in_device import StandInBuffer, StandInDevice

EARLY, WEAK, STRONG = VERSIONS[:2], VERSIONS[:4], VERSIONS[2:]
MEMBERS: dict[str, tuple[str, ...]] = {
    "BuilderFlag.FP16": WEAK,
    "BuilderFlag.INT8": WEAK,
    "BuilderFlag.OBEY_PRECISION_CONSTRAINTS": WEAK,
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH": WEAK,
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED": STRONG,
    "DataType.INT64": STRONG,
    "IProgressMonitor": STRONG,
    "PreviewFeature.PROFILE_SHARING_0806": VERSIONS[1:4],
}
RANGES = {"a": ((1, 3), (4, 3), (8, 3)), "b": ((1, 3), (4, 3), (8, 3)), "n": ((1,), (4,), (8,))}
SHAPES = {"a": (2, 3), "b": (2, 3), "n": (2,)}


def build(trt: ModuleType, graph: bytes) -> bytes:
    builder, network = parsed(trt, graph, Messages())
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for name, shapes in RANGES.items():
        profile.set_shape(name, *shapes)
    assert config.add_optimization_profile(profile) == 0
    return bytes(builder.build_serialized_network(network, config))


class Session:
    """The adder with a context, its inputs' shapes set to a batch of 2, and every tensor bound to a buffer."""

    def __init__(self, graph: bytes, faults: Faults | None = None) -> None:
        self.device = StandInDevice()
        trt = make_tensorrt("10.3.0", faults or Faults(), self.device)
        self.messages = Messages()
        self.engine = trt.Runtime(self.messages).deserialize_cuda_engine(build(make_tensorrt("10.3.0"), graph))
        self.context = self.engine.create_execution_context()
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        self.buffers: dict[str, StandInBuffer] = {name: self.device.allocate(1024) for name in names}
        for name, buffer in self.buffers.items():
            assert self.context.set_tensor_address(name, buffer.address)
        for name, shape in SHAPES.items():
            assert self.context.set_input_shape(name, shape)
            self.buffers[name].upload(np.zeros(shape, np.int64 if name == "n" else np.float32))

    def enqueue(self) -> Any:
        return self.context.execute_async_v3(self.device.stream)


@pytest.fixture
def graph(adder: Path) -> bytes:
    """The adder's file."""
    return adder.read_bytes()


@pytest.fixture
def session(graph: bytes) -> Session:
    return Session(graph)


@pytest.mark.parametrize("version", VERSIONS)
def test_members_are_those_of_the_version(version: str) -> None:
    trt = make_tensorrt(version)
    for path, versions in MEMBERS.items():
        parent, _, name = path.rpartition(".")
        assert hasattr(getattr(trt, parent) if parent else trt, name) == (version in versions), path


def test_objects_take_only_their_own_members_and_enumerations(graph: bytes) -> None:
    config = parsed(make_tensorrt("8.5.2"), graph, Messages())[0].create_builder_config()
    for name in ("max_workspace_size", "progress_monitor"):
        with pytest.raises(AttributeError, match=name):
            setattr(config, name, None)
    with pytest.raises(TypeError, match="set_flag"):
        config.set_flag(6)


def _replay_after_a_new_shape(session: Session) -> None:
    assert session.enqueue()
    with session.device.capture() as captured:
        assert session.enqueue()
    assert session.context.set_input_shape("a", (1, 3))
    assert session.context.set_input_shape("b", (1, 3))
    captured.replay()


def _capture_cold(session: Session) -> None:
    with session.device.capture():
        session.enqueue()


def _address(name: str, address: Callable[[Session], int]) -> Callable[[Session], None]:
    def set_address(session: Session) -> None:
        assert session.context.set_tensor_address(name, address(session))

    return set_address


MISUSES: dict[str, Callable[[Session], Any]] = {
    "is not set": lambda s: s.context.set_optimization_profile_async(0, s.device.stream),
    "no address is set for b": _address("b", lambda s: 0),
    "not aligned to 256 bytes": _address("a", lambda s: s.buffers["a"].address + 128),
    "is not device memory": _address("a", lambda s: 256),
    "where the buffer has 23": _address("total", lambda s: s.device.new_block(23).address),
    "shares its buffer": _address("total", lambda s: s.buffers["a"].address),
    "in a freed buffer": lambda s: s.buffers.pop("total"),
    "a is float32, its buffer holds float64": lambda s: s.buffers["a"].upload(np.zeros((2, 3))),
    "default stream": lambda s: s.context.execute_async_v3(0),
    "no stream of this device": lambda s: s.context.execute_async_v3(7),
    "changed since the capture": _replay_after_a_new_shape,
    "without one eager run": _capture_cold,
}


@pytest.mark.parametrize("message", MISUSES)
def test_what_tensorrt_leaves_undefined_is_misuse(session: Session, message: str) -> None:
    def misuse() -> None:
        MISUSES[message](session)
        session.enqueue()

    with pytest.raises(MisuseError, match=message):
        misuse()


def test_false_that_is_not_checked_is_misuse(graph: bytes) -> None:
    session = Session(graph, Faults(enqueue_fails_on=1))
    session.enqueue()
    with pytest.raises(MisuseError, match="execute_async_v3: it returned False"):
        session.device.synchronize()
    session = Session(graph)
    session.context.set_input_shape("a", (9, 3))
    assert "not within the profile" in session.messages.lines[-1]
    with pytest.raises(MisuseError, match="set_input_shape: it returned False"):
        session.context.set_input_shape("a", (2, 3))
