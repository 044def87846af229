"""The one path onto a device, on PyTorch's CPU memory: batches, prepared shapes, and what a run copies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.device.device_engine import DeviceEngine
from pose3d_ros.engines.device.prepared_batches import PreparedBatches, Shapes, padded_batch_size
from pose3d_ros.engines.device.torch_device import TorchDevice
from pose3d_ros.engines.images.device_image import TorchArray
from pose3d_ros.errors import EngineError

INPUTS = (TensorSpec("a", ("people", 3), "float32"), TensorSpec("n", ("people",), "int64"))
OUTPUTS = (TensorSpec("total", ("rows", 3), "float32"), TensorSpec("whole", (2,), "float32"))


class Doubles:
    """total = 2 a + n for each row; whole: two numbers that do not belong to rows."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def bind_inputs(self, inputs: Mapping[str, Any]) -> Sequence[tuple[int, ...]]:
        self._a, self._n = (
            inputs[spec.name].tensor(shape, spec.dtype) for spec, shape in zip(INPUTS, self._shapes, strict=True)
        )
        return [tuple(self._a.shape), (2,)]

    def bind_outputs(self, outputs: Mapping[str, Any]) -> None:
        self._total = outputs["total"].tensor(tuple(self._a.shape), "float32")
        self._whole = outputs["whole"].tensor((2,), "float32")

    def enqueue(self) -> None:
        self._total.copy_(2 * self._a + self._n[:, None])
        self._whole.fill_(7)


class Doubler(DeviceEngine):
    """prepared: the shapes that were made ready, in order."""

    def __init__(self, device: TorchDevice, **options: Any) -> None:
        super().__init__("doubler", INPUTS, OUTPUTS, device, status="a test", **options)
        self.prepared: list[Shapes] = []

    def _program(self, shapes: Shapes) -> Doubles:
        self.prepared.append(shapes)
        return Doubles(shapes)


def feeds(batch: int) -> dict[str, Any]:
    return {"a": np.arange(batch * 3, dtype=np.float32).reshape(batch, 3), "n": np.arange(batch) + 7}


def check(engine: DeviceEngine, batch: int) -> None:
    given, answer = feeds(batch), engine.infer(feeds(batch))
    np.testing.assert_array_equal(answer["total"], 2 * given["a"] + given["n"][:, None])
    assert answer["whole"].tolist()[:2] == [7, 7]


def test_batches_share_few_recordings(make_device: Callable[..., Any]) -> None:
    device = make_device()
    engine = Doubler(device)
    for batch in (1, 2, 3, 4, 3, 5, 8, 1):
        check(engine, batch)
    assert [shapes[0][0] for shapes in engine.prepared] == [1, 2, 4, 8]
    assert (device.recorded, device.replayed) == (4, 8)
    assert engine.infer(feeds(3))["whole"].shape == (2,)


@pytest.mark.parametrize("records", [True, False])
def test_unrecorded_programs_run_and_are_logged_if_recording_was_wanted(
    make_device: Callable[..., Any], caplog: pytest.LogCaptureFixture, records: bool
) -> None:
    caplog.set_level(logging.INFO)
    engine = Doubler(make_device(works=False), records=records)
    for batch in (3, 2, 4):
        check(engine, batch)
    assert caplog.text.count("no CUDA graph") == (2 if records else 0)


def test_larger_batch_than_the_largest_runs_in_parts(make_device: Callable[..., Any]) -> None:
    engine = Doubler(make_device(), largest_batch=3)
    answer = engine.infer({"a": TorchArray(torch.from_numpy(feeds(8)["a"])), "n": feeds(8)["n"]})
    np.testing.assert_array_equal(answer["total"], 2 * feeds(8)["a"] + feeds(8)["n"][:, None])
    assert [shapes[0][0] for shapes in engine.prepared] == [3, 2]


def test_outputs_are_not_overwritten_by_later_runs(make_device: Callable[..., Any]) -> None:
    engine = Doubler(make_device())
    kept = engine.infer(feeds(2))["total"]
    first = kept.copy()
    engine.infer({**feeds(2), "a": np.full((2, 3), 99, np.float32)})
    np.testing.assert_array_equal(kept, first)


def test_run_enters_the_stream_once(make_device: Callable[..., Any]) -> None:
    engine = Doubler(make_device())
    check(engine, 2)
    with mock.patch.object(torch.cuda, "stream", wraps=torch.cuda.stream) as entered:
        check(engine, 2)
    assert entered.call_count == 1


def test_device_arrays_are_not_copied_to_the_host(
    make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchArray, "numpy", lambda self: pytest.fail("copied to the host"))
    answer = Doubler(make_device()).infer({**feeds(3), "a": TorchArray(torch.full((3, 3), 2.0))})
    np.testing.assert_array_equal(answer["total"], np.repeat(4 + feeds(3)["n"][:, None], 3, axis=1))


def test_read_only_and_strided_arrays_are_copied(make_device: Callable[..., Any]) -> None:
    a = np.broadcast_to(np.float32(1), (2, 3))
    np.testing.assert_array_equal(Doubler(make_device()).infer({**feeds(2), "a": a})["total"][:, 0], [9, 10])


def test_failed_device_is_an_engine_error(make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: TorchDevice) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    engine = Doubler(make_device())
    check(engine, 2)
    monkeypatch.setattr(TorchDevice, "synchronize", fail)
    with pytest.raises(EngineError, match=r"got an error of CUDA\. See nvidia-smi"):
        check(engine, 2)
    engine.close()


def test_least_recently_used_shape_is_freed() -> None:
    made: list[Shapes] = []

    def make(shapes: Shapes) -> Any:
        made.append(shapes)
        return object()

    prepared = PreparedBatches(make, most=2)
    one, two, three = ((1,),), ((2,),), ((3,),)
    for shapes in (one, two, one, three, one, two):
        prepared.of(shapes)
    assert made == [one, two, three, two]
    prepared.clear()
    prepared.of(one)
    assert made[-1] == one


def test_batch_size_is_the_next_power_of_two() -> None:
    assert [padded_batch_size(n) for n in (0, 1, 2, 3, 4, 5, 8, 9)] == [1, 1, 2, 4, 4, 8, 8, 16]
