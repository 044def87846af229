"""What real TensorRT leaves undefined is an error in the stand-in; knobs fail as the library does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from .tensorrt_stand_in import VERSIONS, Checked, FakeStream, Knobs, MisuseError, make_tensorrt
from .tensorrt_stand_in.caller import RANGES, SMALL_RANGES, Messages, Session, adder_feeds, built, opened


def in_thread(action: Callable[[], object]) -> None:
    """Run it in another thread; its error is raised here."""
    with ThreadPoolExecutor(1) as worker:
        worker.submit(action).result()


def test_checked_behaves_as_a_bool() -> None:
    assert Checked("call", True)
    assert not Checked("call", False)
    assert Checked("call", True) == True  # noqa: E712
    assert Checked("call", False) != True  # noqa: E712
    assert repr(Checked("call", False)) == "False"
    assert len({Checked("call", True), True}) == 1


def test_an_ignored_false_is_misuse_at_the_next_call(session: Session) -> None:
    session.context.set_input_shape("a", (9, 3))
    with pytest.raises(MisuseError, match=r"set_input_shape: it returned False and the caller went on"):
        session.context.set_input_shape("b", (2, 3))


def test_an_ignored_true_is_fine(session: Session) -> None:
    session.context.set_input_shape("a", (2, 3))
    assert session.context.set_input_shape("b", (2, 3))


def test_an_ignored_false_of_a_run_is_misuse_at_the_synchronise(graph: bytes) -> None:
    session = opened(graph, RANGES, knobs=Knobs(enqueue_fails_on=1))
    session.shape(adder_feeds(2))
    session.bind()
    session.enqueue()
    with pytest.raises(MisuseError, match="execute_async_v3: it returned False"):
        session.stream.synchronize()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("a", (9, 3)), ("a", (0, 3)), ("a", (2, 4)), ("a", (2,)), ("total", (2, 3)), ("z", (2, 3))],
)
def test_a_shape_that_does_not_fit_is_false(session: Session, name: str, shape: tuple[int, ...]) -> None:
    assert not session.context.set_input_shape(name, shape)
    assert len(session.logger.lines) == 1
    assert name in session.logger.lines[0]


def test_an_unset_shape_is_misuse(graph: bytes) -> None:
    session = opened(graph, RANGES)
    session.bind()
    assert session.context.set_input_shape("a", (2, 3))
    with pytest.raises(MisuseError, match="the shape of b, n is not set"):
        session.enqueue()


def test_shapes_that_contradict_are_false(session: Session) -> None:
    assert session.context.set_input_shape("a", (3, 3))
    assert not session.enqueue()
    assert "contradict" in session.logger.lines[-1]


def test_a_missing_address_is_misuse(session: Session) -> None:
    assert session.context.set_tensor_address("b", 0)
    with pytest.raises(MisuseError, match="no address is set for b"):
        session.enqueue()


def test_an_address_of_nothing_is_false(session: Session) -> None:
    assert not session.context.set_tensor_address("z", session.buffers["a"].address)
    assert session.context.get_tensor_address("z") == 0


@pytest.mark.parametrize("address", [None, 1.5, "0x100", -256])
def test_an_address_is_an_integer(session: Session, address: object) -> None:
    with pytest.raises(TypeError, match="set_tensor_address"):
        session.context.set_tensor_address("a", address)


def test_a_misaligned_address_is_misuse(session: Session) -> None:
    with pytest.raises(MisuseError, match="not aligned to 256 bytes"):
        session.context.set_tensor_address("a", session.buffers["a"].address + 128)


def test_host_memory_is_misuse(session: Session) -> None:
    assert session.context.set_tensor_address("a", 256)
    with pytest.raises(MisuseError, match="is not device memory"):
        session.enqueue()


def test_a_buffer_that_is_too_small_is_misuse(session: Session) -> None:
    assert session.context.set_tensor_address("total", session.memory.allocate(23).address)
    with pytest.raises(MisuseError, match=r"24 bytes .* where the buffer has 23"):
        session.enqueue()


def test_a_freed_buffer_is_misuse(session: Session) -> None:
    session.buffers["total"].free()
    with pytest.raises(MisuseError, match="in a freed buffer"):
        session.enqueue()


def test_an_input_of_another_type_is_misuse(session: Session) -> None:
    session.buffers["a"].array(np.float64, (2, 3))[...] = 1.0
    with pytest.raises(MisuseError, match="a is float32, its buffer holds float64"):
        session.enqueue()


def test_an_output_over_an_input_is_misuse(session: Session) -> None:
    assert session.context.set_tensor_address("total", session.buffers["a"].address)
    with pytest.raises(MisuseError, match="shares its buffer"):
        session.enqueue()


@pytest.mark.parametrize(("handle", "message"), [(0, "default stream"), (7, "no stream of this device")])
def test_only_streams_of_the_device(session: Session, handle: int, message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        session.context.execute_async_v3(handle)
    with pytest.raises(MisuseError, match="default stream"):
        FakeStream(0)


def test_two_threads_are_misuse_until_the_synchronise(session: Session) -> None:
    assert session.enqueue()
    with pytest.raises(MisuseError, match="another thread uses the context"):
        in_thread(lambda: session.context.set_input_shape("a", (1, 3)))
    session.stream.synchronize()
    in_thread(lambda: session.run(adder_feeds(3)))
    np.testing.assert_array_equal(session.result("total"), 3 * adder_feeds(3)["a"])


def test_a_new_profile_wants_every_shape_again(graph: bytes) -> None:
    session = opened(graph, RANGES, SMALL_RANGES)
    session.run(adder_feeds(8))
    assert session.context.set_optimization_profile_async(1, session.stream.handle) is True
    assert session.context.active_optimization_profile == 1
    with pytest.raises(MisuseError, match="not again, after a new profile"):
        session.enqueue()
    assert not session.context.set_input_shape("a", (8, 3))
    session.run(adder_feeds(2))
    with pytest.raises(RuntimeError, match="Error in set optimization profile async"):
        session.context.set_optimization_profile_async(2, session.stream.handle)


@pytest.mark.parametrize("version", VERSIONS)
def test_before_10_every_context_needs_a_profile_of_its_own(graph: bytes, version: str) -> None:
    session = opened(graph, RANGES, SMALL_RANGES, version=version)
    other = session.engine.create_execution_context()
    if version not in ("8.5.2", "8.6.2"):
        assert other.active_optimization_profile == 0
        return
    assert other.active_optimization_profile == -1
    assert not other.set_input_shape("a", (1, 3))
    with pytest.raises(RuntimeError, match="optimization profile"):
        other.set_optimization_profile_async(0, session.stream.handle)
    assert other.set_optimization_profile_async(1, session.stream.handle)
    assert other.set_input_shape("a", (1, 3))


def test_a_knob_fails_the_capture_only(graph: bytes) -> None:
    session = opened(graph, RANGES, knobs=Knobs(capture_fails=True))
    session.run(adder_feeds(2))
    with session.memory.capture(session.stream) as captured:
        assert not session.enqueue()
    with pytest.raises(MisuseError, match="the capture failed"):
        captured.replay()
    session.run(adder_feeds(2))
    np.testing.assert_array_equal(session.result("total"), 3 * adder_feeds(2)["a"])


def test_a_knob_fails_one_run(graph: bytes) -> None:
    session = opened(graph, RANGES, knobs=Knobs(enqueue_fails_on=2))
    session.run(adder_feeds(2))
    assert not session.enqueue()
    assert "enqueue 2" in session.logger.lines[-1]
    session.stream.synchronize()
    session.run(adder_feeds(3))


@pytest.mark.parametrize(
    ("knobs", "call"),
    [(Knobs(set_shape_fails=True), "setInput"), (Knobs(set_address_fails=True), "setTensor")],
)
def test_knobs_fail_the_setters(graph: bytes, knobs: Knobs, call: str) -> None:
    session = opened(graph, RANGES, knobs=knobs)
    answers = [
        bool(session.context.set_input_shape("a", (2, 3))),
        bool(session.context.set_tensor_address("a", session.buffers["a"].address)),
    ]
    assert answers == [call != "setInput", call != "setTensor"]
    assert len(session.logger.lines) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_knobs_fail_loading(adder: Path, version: str) -> None:
    plan = built(make_tensorrt(version), adder.read_bytes(), Messages(), RANGES)
    messages = Messages()
    broken = make_tensorrt(version, Knobs(deserialize_returns_none=True))
    assert broken.Runtime(messages).deserialize_cuda_engine(plan) is None
    full = make_tensorrt(version, Knobs(context_returns_none=True))
    assert full.Runtime(messages).deserialize_cuda_engine(plan).create_execution_context() is None
    assert len(messages.lines) == 2
