"""The stand-in's device: buffers, streams and captured graphs, and what CUDA leaves undefined about them."""

from __future__ import annotations

import numpy as np
import pytest

from .tensorrt_stand_in import DeviceMemory, MisuseError
from .tensorrt_stand_in.caller import RANGES, SMALL_RANGES, Session, adder_feeds, opened


def test_results_are_not_there_before_the_synchronise(session: Session) -> None:
    assert session.enqueue()
    for name in ("total", "a"):
        with pytest.raises(MisuseError, match="still uses the buffer"):
            session.buffers[name].array(np.float32, (2, 3))
    with pytest.raises(MisuseError, match="still uses the buffer"):
        session.buffers["total"].free()
    session.stream.synchronize()
    np.testing.assert_array_equal(session.result("total"), 3 * adder_feeds(2)["a"])


def test_an_input_that_changes_in_use_is_misuse(session: Session) -> None:
    view = session.buffers["a"].array(np.float32, (2, 3))
    assert session.enqueue()
    view[0, 0] += 1
    with pytest.raises(MisuseError, match="changed while in use"):
        session.stream.synchronize()


def test_another_stream_must_wait(session: Session) -> None:
    assert session.enqueue()
    with pytest.raises(MisuseError, match="still uses the buffer"):
        session.memory.stream().upload(session.buffers["a"], np.zeros((2, 3), np.float32))


def test_copies_are_ordered_with_the_runs(session: Session) -> None:
    results = np.zeros((2, 2, 3), np.float32)
    for i, scale in enumerate((1.0, 10.0)):
        session.stream.upload(session.buffers["a"], np.full((2, 3), scale, np.float32))
        assert session.enqueue()
        session.stream.download(session.buffers["total"], results[i])
    assert np.isnan(results).all()
    session.stream.synchronize()
    np.testing.assert_array_equal(results, np.stack([adder_feeds(2)["b"] + 1, adder_feeds(2)["b"] + 10]))


def test_buffers() -> None:
    memory = DeviceMemory()
    first, second = memory.allocate(8), memory.allocate(8)
    assert first.address % 256 == 0
    assert abs(first.address - second.address) >= 8
    assert np.isnan(first.array(np.float32, (2,))).all()
    assert memory.live == 2
    first.free()
    assert memory.live == 1
    for action in (first.free, lambda: first.array(np.float32, (2,))):
        with pytest.raises(MisuseError, match="the buffer is freed"):
            action()
    with pytest.raises(MisuseError, match="needs 12 bytes of 8"):
        second.array(np.float32, (3,))
    with pytest.raises(MisuseError, match="0 bytes"):
        memory.allocate(0)
    with pytest.raises(MisuseError, match="not contiguous"):
        memory.stream().upload(second, np.zeros((2, 2), np.uint8).T)


def test_an_output_is_of_the_engines_type(session: Session) -> None:
    session.run(adder_feeds(2))
    with pytest.raises(MisuseError, match="the engine wrote float32, not float16"):
        session.buffers["total"].array(np.float16, (2, 3))


def test_a_graph_replays_what_was_captured(session: Session) -> None:
    session.run(adder_feeds(2))
    with session.memory.capture(session.stream) as captured:
        assert session.enqueue()
    session.buffers["a"].array(np.float32, (2, 3))[...] = 7.0
    captured.replay()
    session.stream.synchronize()
    np.testing.assert_array_equal(session.result("total"), adder_feeds(2)["b"] + 7)


def test_capturing_runs_nothing(session: Session) -> None:
    session.run(adder_feeds(2))
    session.buffers["a"].array(np.float32, (2, 3))[...] = 7.0
    with session.memory.capture(session.stream):
        assert session.enqueue()
    np.testing.assert_array_equal(session.result("total"), 3 * adder_feeds(2)["a"])


def test_a_capture_without_an_eager_run_is_misuse(session: Session) -> None:
    with session.memory.capture(session.stream), pytest.raises(MisuseError, match="without one eager run"):
        session.enqueue()


@pytest.mark.parametrize("change", ["shape", "address", "profile"])
def test_replaying_after_a_change_is_misuse(graph: bytes, change: str) -> None:
    session = opened(graph, RANGES, SMALL_RANGES)
    session.run(adder_feeds(2))
    with session.memory.capture(session.stream) as captured:
        assert session.enqueue()
    if change == "shape":
        session.shape(adder_feeds(1))
    elif change == "address":
        assert session.context.set_tensor_address("total", session.memory.allocate(4096).address)
    else:
        session.context.set_optimization_profile_async(1, session.stream.handle)
        session.shape(adder_feeds(2))
    with pytest.raises(MisuseError, match="have changed since the capture"):
        captured.replay()


def test_captures_that_make_no_graph(session: Session) -> None:
    with session.memory.capture(session.stream) as captured:
        with pytest.raises(MisuseError, match="being captured"):
            session.stream.synchronize()
        with (
            pytest.raises(MisuseError, match="captured already"),
            session.memory.capture(session.stream),
        ):
            pass
        with pytest.raises(MisuseError, match="has not ended"):
            captured.replay()
    with pytest.raises(MisuseError, match="nothing was captured"):
        captured.replay()
