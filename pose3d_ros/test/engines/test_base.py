"""The checks that every backend shares, on an engine that records what reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import Engine, TensorSpec
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

INPUTS = (TensorSpec("image", ("batch", 3, "height", "width"), "float32"), TensorSpec("k", ("batch",), "float32"))


class Recorder(Engine):
    """Keeps the arrays of the last run, and how often it was released."""

    def __init__(self, inputs: tuple[TensorSpec, ...] = INPUTS) -> None:
        super().__init__("recorder", inputs, (TensorSpec("out", ("batch",), "float32"),))
        self.last: Mapping[str, Tensor] = {}
        self.released = 0

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.last = feeds
        return {"out": list(feeds.values())[-1]}

    def _release(self) -> None:
        self.released += 1


class OnDevice:
    """A `DeviceArray`. copies: how often it was brought to the host."""

    def __init__(self, array: Tensor, dtype: str = "float32") -> None:
        self.array, self.dtype, self.copies = array, dtype, 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def numpy(self) -> Tensor:
        self.copies += 1
        return self.array


def feeds(batch: int = 2, **changes: Any) -> dict[str, Tensor]:
    good = {"image": np.zeros((batch, 3, 8, 6), np.float32), "k": np.ones(batch, np.float32)}
    return {**good, **changes}


def test_spec_text_has_name_dtype_and_shape() -> None:
    assert str(Recorder().inputs[0]) == "image: float32 (batch, 3, height, width)"


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_fitting_arrays_are_accepted(batch: int) -> None:
    np.testing.assert_array_equal(Recorder().infer(feeds(batch))["out"], np.ones(batch))


def test_strided_arrays_arrive_contiguous() -> None:
    engine = Recorder()
    image = np.random.default_rng(0).random((2, 8, 6, 3)).astype(np.float32)
    engine.infer(feeds(image=image.transpose(0, 3, 1, 2), k=np.arange(4, dtype=">f4")[::2]))
    assert engine.last["image"].flags.c_contiguous
    np.testing.assert_array_equal(engine.last["image"], image.transpose(0, 3, 1, 2))
    assert engine.last["k"].dtype == np.dtype("=f4")
    np.testing.assert_array_equal(engine.last["k"], [0.0, 2.0])


def test_contiguous_arrays_are_not_copied() -> None:
    engine, given = Recorder(), feeds()
    engine.infer(given)
    assert engine.last["image"] is given["image"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": np.ones(2)}, r"input k of recorder: expected float32 \(batch\), not empty, got float64 \(2,\)"),
        ({"k": np.ones((2, 1), np.float32)}, r"got float32 \(2, 1\)"),
        ({"k": np.ones(3, np.float32)}, r"while batch is 2 in image"),
        ({"k": [1.0, 1.0]}, "got list"),
        ({"image": np.zeros((2, 4, 8, 6), np.float32)}, r"input image .* got float32 \(2, 4, 8, 6\)"),
        ({"image": np.zeros((0, 3, 8, 6), np.float32), "k": np.ones(0, np.float32)}, "not empty"),
        ({"k": None}, "expected image, k, got image"),
        ({"image": None, "k": None}, "got none"),
        ({"image": OnDevice(np.ones((2, 3, 8, 6)), "float64")}, r"float64 \(2, 3, 8, 6\)"),
        ({"image": OnDevice(np.ones((3, 8, 6), np.float32))}, r"float32 \(3, 8, 6\)"),
        ({"image": OnDevice(np.ones((3, 3, 8, 6), np.float32))}, "while batch is 3 in image"),
        ({"other": np.ones(1)}, "inputs of recorder: expected image, k, got image, k, other"),
    ],
)
def test_wrong_arrays_are_errors(changes: dict[str, Any], message: str) -> None:
    engine = Recorder()
    given = {name: array for name, array in feeds(**changes).items() if array is not None}
    with pytest.raises(EngineError, match=message):
        engine.infer(given)
    assert not engine.last


def test_closed_engine_refuses_to_run() -> None:
    engine = Recorder()
    with engine as opened:
        assert opened is engine
        engine.infer(feeds())
    engine.close()
    assert engine.released == 1
    with pytest.raises(EngineError, match="got a closed one"):
        engine.infer(feeds())


def test_close_after_an_error() -> None:
    engine = Recorder()
    with pytest.raises(RuntimeError, match="stop"), engine:
        raise RuntimeError("stop")
    assert engine.released == 1


COUNTS = (TensorSpec("n", ("batch",), "int32"),)


def test_integers_of_another_width_that_fit_are_converted() -> None:
    got = Recorder(COUNTS).infer({"n": np.array([1, 2**31 - 1])})["out"]
    assert (got.dtype.name, got.tolist()) == ("int32", [1, 2**31 - 1])


@pytest.mark.parametrize("numbers", [np.array([2**31]), np.array([-(2**31) - 1]), np.array([1.0])])
def test_integers_that_do_not_fit_are_refused(numbers: Tensor) -> None:
    with pytest.raises(EngineError, match="input n of recorder"):
        Recorder(COUNTS).infer({"n": numbers})


def test_device_arrays_are_copied_for_a_host_engine() -> None:
    engine, image = Recorder(), OnDevice(np.ones((2, 3, 8, 6), np.float32))
    engine.infer({"image": image, "k": np.ones(2, np.float32)})
    assert image.copies == 1
    assert engine.last["image"] is image.array
