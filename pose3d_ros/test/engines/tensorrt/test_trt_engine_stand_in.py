"""The stand-in for TensorRT computes, has each version's members and no other, and refuses what is left undefined."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from .tensorrt_stand_in import VERSIONS, DeviceMemory, FakeStream, Knobs, MisuseError, make_tensorrt, read_header
from .tensorrt_stand_in.caller import (
    RANGES,
    SMALL_RANGES,
    Messages,
    Session,
    adder_feeds,
    built,
    configured,
    opened,
    parsed,
)

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
    "ILayer.precision": WEAK,
    "ILayer.set_output_type": WEAK,
    "IBuilderConfig.progress_monitor": STRONG,
    "ICudaEngine.num_io_tensors": VERSIONS,
    "ICudaEngine.num_bindings": (),
    "IExecutionContext.execute_async_v2": (),
    "Builder.build_engine": (),
}


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest) -> ModuleType:
    return make_tensorrt(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_members_are_those_of_the_version(version: str) -> None:
    for path, versions in MEMBERS.items():
        found: Any = make_tensorrt(version)
        *parents, last = path.split(".")
        for name in parents:
            found = getattr(found, name)
        assert hasattr(found, last) == (version in versions), path


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_chain_gives_onnx_runtimes_values(version: str, graph: bytes) -> None:
    session = opened(graph, RANGES, version=version)
    reference = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for batch in (1, 3, 8):
        session.run(adder_feeds(batch))
        for name, wanted in zip(("total", "same"), reference.run(None, adder_feeds(batch)), strict=True):
            np.testing.assert_array_equal(session.result(name), wanted)
    assert session.result("same").dtype == (np.int32 if version in EARLY else np.int64)


def test_unknown_tensor_gets_the_bindings_answers(session: Session) -> None:
    assert session.engine.get_tensor_name(5) is None
    assert session.engine.get_tensor_mode("z") == session.trt.TensorIOMode.NONE
    for shape in (session.engine.get_tensor_shape("z"), session.context.get_tensor_shape("z")):
        with pytest.raises(ValueError, match="__len__"):
            tuple(shape)


def test_objects_are_as_strict_as_the_bindings(trt: ModuleType, graph: bytes) -> None:
    builder, network = parsed(trt, graph, Messages())
    for made in (builder, network, builder.create_builder_config(), network.get_layer(0)):
        with pytest.raises(AttributeError):
            made.max_workspace_size = 1
    for name in ("ICudaEngine", "IExecutionContext", "IHostMemory", "INetworkDefinition", "IBuilderConfig", "ILayer"):
        with pytest.raises(TypeError):
            getattr(trt, name)()
    with pytest.raises(TypeError, match="__eq__"):
        trt.Dims((1, 2)) == trt.Dims((1, 2))  # noqa: B015
    with pytest.raises(TypeError, match="set_flag"):
        builder.create_builder_config().set_flag(6)
    with pytest.raises(MisuseError, match="flags 0b10000"):
        builder.create_network(1 << 4)


def test_logger_must_call_its_base_and_log(trt: ModuleType) -> None:
    class Forgetful(trt.ILogger):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            """Does not call the base's."""

    class Silent(trt.ILogger):  # type: ignore[name-defined,misc]
        """Has no `log`."""

    with pytest.raises(TypeError, match="must be called"):
        Forgetful()
    with pytest.raises(MisuseError, match="must define it"):
        trt.Runtime(Silent()).deserialize_cuda_engine(b"")


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ((), "no optimization profile has been defined"),
        (({"a": RANGES["a"]},), "no shape for the dynamic input b"),
        (({**RANGES, "z": ((1,), (1,), (1,))},), "z, which is no input"),
        (({**RANGES, "a": ((1, 4), (4, 4), (8, 4))},), "for a (-1, 3)"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(trt: ModuleType, graph: bytes, profiles: Any, message: str) -> None:
    messages = Messages()
    builder, network = parsed(trt, graph, messages)
    assert builder.build_serialized_network(network, configured(builder, *profiles)) is None
    assert message in messages.lines[-1]


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3"])
def test_strong_typing_refuses_reduced_precision(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    config.set_flag(trt.BuilderFlag.FP16)
    assert builder.build_serialized_network(network, config) is None
    assert "FP16 is set, but the network is strongly typed" in builder.logger.lines[-1]
    with pytest.raises(MisuseError, match="strongly typed"):
        network.get_layer(0).precision = trt.DataType.FLOAT


def test_tf32_is_on_by_default_and_11_is_strongly_typed(graph: bytes) -> None:
    builder, network = parsed(make_tensorrt("11.1.0"), graph, Messages(), 0)
    header = read_header(bytes(builder.build_serialized_network(network, configured(builder, RANGES))))
    assert header.flags == ("TF32",)
    assert header.strongly_typed


def test_timing_cache_of_another_version_or_damaged_is_refused(graph: bytes) -> None:
    old = make_tensorrt("10.3.0").Builder(Messages()).create_builder_config().create_timing_cache(b"").serialize()
    config = make_tensorrt("10.13.3").Builder(Messages()).create_builder_config()
    assert config.create_timing_cache(b"damaged") is None
    assert not config.set_timing_cache(config.create_timing_cache(bytes(old)), False)


@pytest.mark.parametrize("answer", [None, 1])
def test_monitor_without_a_bool_is_misuse(graph: bytes, answer: object) -> None:
    trt = make_tensorrt("10.3.0")

    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]
        def phase_start(self, *_: object) -> None: ...

        def phase_finish(self, *_: object) -> None: ...

        def step_complete(self, *_: object) -> object:
            return answer

    builder, network = parsed(trt, graph, Messages())
    config = configured(builder, RANGES)
    config.progress_monitor = Monitor()
    with pytest.raises(MisuseError, match="no bool"):
        builder.build_serialized_network(network, config)


def test_plans_of_other_versions_and_damaged_ones_do_not_load(graph: bytes) -> None:
    plan, messages = built(make_tensorrt("10.3.0"), graph, Messages(), RANGES), Messages()
    runtime = make_tensorrt("10.13.3").Runtime(messages)
    assert [runtime.deserialize_cuda_engine(data) for data in (plan, plan[:-1], b"")] == [None] * 3
    assert len(messages.lines) == 3


def _unset(session: Session) -> None:
    assert session.context.set_optimization_profile_async(0, session.stream.handle)


def _in_another_thread(session: Session) -> None:
    assert session.enqueue()
    errors: list[Exception] = []

    def use() -> None:
        try:
            session.context.set_input_shape("a", (1, 3))
        except MisuseError as error:
            errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    raise errors[0]


def _with_a_changed_input(session: Session) -> None:
    assert session.enqueue()
    np.copyto(session.buffers["a"]._storage, 0)
    session.stream.synchronize()


def _replayed_after_a_new_shape(session: Session) -> None:
    session.run(adder_feeds(2))
    with session.memory.capture(session.stream) as captured:
        assert session.enqueue()
    session.run(adder_feeds(3))
    captured.replay()


def _freed_too_early(session: Session) -> None:
    assert session.enqueue()
    session.buffers["total"].free()


def _captured_cold(session: Session) -> None:
    with session.memory.capture(session.stream):
        session.enqueue()


def _address(name: str, address: Callable[[Session], int]) -> Callable[[Session], None]:
    def set_address(session: Session) -> None:
        assert session.context.set_tensor_address(name, address(session))

    return set_address


MISUSES: dict[str, Callable[[Session], Any]] = {
    "not again, after a new profile": _unset,
    "no address is set for b": _address("b", lambda s: 0),
    "not aligned to 256 bytes": _address("a", lambda s: s.buffers["a"].address + 128),
    "is not device memory": _address("a", lambda s: 256),
    "where the buffer has 23": _address("total", lambda s: s.memory.allocate(23).address),
    "shares its buffer": _address("total", lambda s: s.buffers["a"].address),
    "in a freed buffer": lambda s: s.buffers["total"].free(),
    "a is float32, its buffer holds float64": lambda s: s.buffers["a"].array(np.float64, (2, 3)),
    "default stream": lambda s: s.context.execute_async_v3(0),
    "no stream of this device": lambda s: s.context.execute_async_v3(7),
    "another thread uses the context": _in_another_thread,
    "changed while in use": _with_a_changed_input,
    "changed since the capture": _replayed_after_a_new_shape,
    "without one eager run": _captured_cold,
    "still uses the buffer": _freed_too_early,
}


@pytest.mark.parametrize("message", MISUSES)
def test_what_tensorrt_leaves_undefined_is_misuse(session: Session, message: str) -> None:
    def misuse() -> None:
        MISUSES[message](session)
        session.enqueue()

    with pytest.raises(MisuseError, match=message):
        misuse()
    with pytest.raises(MisuseError, match="default stream"):
        FakeStream(0)


@pytest.mark.parametrize(
    ("name", "shape"), [("a", (9, 3)), ("a", (0, 3)), ("a", (2, 4)), ("a", (2,)), ("total", (2, 3)), ("z", (2, 3))]
)
def test_shape_that_does_not_fit_is_false(session: Session, name: str, shape: tuple[int, ...]) -> None:
    assert not session.context.set_input_shape(name, shape)
    assert name in session.logger.lines[0]
    assert not session.context.set_tensor_address("z", session.buffers["a"].address)


def test_ignored_false_is_misuse(graph: bytes) -> None:
    session = opened(graph, RANGES, knobs=Knobs(enqueue_fails_on=1))
    session.shape(adder_feeds(2))
    session.bind()
    session.enqueue()
    with pytest.raises(MisuseError, match="execute_async_v3: it returned False"):
        session.stream.synchronize()
    session = opened(graph, RANGES)
    session.context.set_input_shape("a", (9, 3))
    with pytest.raises(MisuseError, match="set_input_shape: it returned False"):
        session.context.set_input_shape("a", (2, 3))


@pytest.mark.parametrize("version", VERSIONS)
def test_before_10_every_context_needs_a_profile_of_its_own(graph: bytes, version: str) -> None:
    session = opened(graph, RANGES, SMALL_RANGES, version=version)
    other = session.engine.create_execution_context()
    if version in STRONG:
        assert other.active_optimization_profile == 0
        return
    assert other.active_optimization_profile == -1
    assert not other.set_input_shape("a", (1, 3))
    with pytest.raises(RuntimeError, match="optimization profile"):
        other.set_optimization_profile_async(0, session.stream.handle)
    assert other.set_optimization_profile_async(1, session.stream.handle)
    assert other.set_input_shape("a", (1, 3))


def test_buffers_are_counted_and_read_only_when_idle() -> None:
    memory = DeviceMemory()
    buffer = memory.allocate(24)
    assert memory.live == 1
    buffer.array(np.float32, (2, 3))[...] = 1
    with pytest.raises(MisuseError, match="needs 28 bytes of 24"):
        buffer.array(np.float32, (7,))
    buffer.free()
    assert memory.live == 0
    with pytest.raises(MisuseError, match="freed"):
        buffer.array(np.float32, (1,))
