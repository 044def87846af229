"""What libraries say is said in our words."""

from __future__ import annotations

import errno

import pytest

from pose3d_ros.engines.failures import failure, failure_of, library_errors
from pose3d_ros.errors import EngineError, InputError


@pytest.mark.parametrize(
    ("error", "got"),
    [
        (RuntimeError("Try weights_only=False"), "an error (RuntimeError of Python)"),
        (OSError(errno.ENOSPC, "No space left on device"), "a full disk"),
        (MemoryError(), "too little memory"),
        (RuntimeError("std::bad_alloc"), "too little memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "too little memory on the GPU"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "an error of CUDA"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "no Python package x"),
        (
            ImportError("libnvinfer.so: cannot open shared object"),
            "the library libnvinfer.so is not installed",
        ),
        (IndexError("list index out of range"), "damaged or unexpected content"),
        (RecursionError(), "damaged or unexpected content"),
    ],
)
def test_texts_of_libraries_are_classified(error: Exception, got: str) -> None:
    with pytest.raises(EngineError) as caught, library_errors("it", expected="a run", fix="Repeat it."):
        raise error
    assert caught.value.got == got
    assert "weights_only" not in str(caught.value)


def test_operators_are_named_with_what_helps() -> None:
    found = failure_of("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Conv(11) node")
    assert found is not None
    assert "the operator Conv" in found.got
    found = failure_of("Fatal error: mmdeploy:TRTBatchedNMS(-1) is not a registered function/op")
    assert found is not None
    assert found.got == "the operator mmdeploy:TRTBatchedNMS, which is none of ONNX's"
    assert "ONNX Runtime" in found.fix


def test_our_own_errors_pass() -> None:
    ours = InputError("image", expected="a", got="b", fix="c")
    with pytest.raises(InputError, match="image"), library_errors("it", expected="a run", fix="Repeat it."):
        raise ours
    assert failure(ours) == ("b", "c")
