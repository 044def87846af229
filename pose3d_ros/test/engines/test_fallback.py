"""An engine that goes on with another backend."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import numpy as np
import pytest

from pose3d_ros.engines.base import Engine, NotBuiltError, TensorSpec
from pose3d_ros.engines.fallback import FallbackEngine
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

from .conftest import wait_for_build

SPEC = (TensorSpec("x", ("batch",), "float32"),)


class Adds(Engine):
    """y = x + number; from the `fails_at`-th run on an error."""

    def __init__(self, number: float, fails_at: int = 0) -> None:
        super().__init__(f"adds {number}", SPEC, (TensorSpec("y", ("batch",), "float32"),))
        self.number, self.fails_at, self.runs, self.released = number, fails_at, 0, False

    @property
    def status(self) -> str:
        return f"backend {self.number:g}"

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.runs += 1
        if self.fails_at and self.runs >= self.fails_at:
            raise EngineError("run", expected="True", got="False", fix="None.")
        return {"y": feeds["x"] + np.float32(self.number)}

    def _release(self) -> None:
        self.released = True


def refuse() -> Engine:
    raise EngineError("open", expected="a plan", got="None", fix="None.")


def not_built() -> Engine:
    raise NotBuiltError("open", expected="a plan", got="none", fix="Build it.")


X = {"x": np.zeros(2, dtype=np.float32)}


def test_first_engine_runs_while_it_works(caplog: pytest.LogCaptureFixture) -> None:
    engine = FallbackEngine("net", lambda: Adds(1), refuse)
    assert engine.infer(X)["y"].tolist() == [1, 1]
    assert (engine.name, engine.status, engine.problem) == ("net", "backend 1", "")
    assert not caplog.records


def test_fallback_runs_when_the_first_does_not_open(caplog: pytest.LogCaptureFixture) -> None:
    engine = FallbackEngine("net", refuse, lambda: Adds(2))
    assert engine.infer(X)["y"].tolist() == [2, 2]
    assert (engine.status, engine.problem) == ("backend 2", "open: expected a plan, got None. None.")
    assert [r.getMessage() for r in caplog.records] == [f"engine net runs on backend 2: {engine.problem}"]


def test_failed_run_is_repeated_on_the_fallback(caplog: pytest.LogCaptureFixture) -> None:
    first = Adds(1, fails_at=2)
    engine = FallbackEngine("net", lambda: first, lambda: Adds(2))
    answers = [engine.infer(X)["y"].tolist() for _ in range(4)]
    assert answers == [[1, 1], [2, 2], [2, 2], [2, 2]]
    assert (first.runs, first.released) == (2, True)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_wrong_inputs_do_not_trigger_the_fallback() -> None:
    engine = FallbackEngine("net", lambda: Adds(1), refuse)
    with pytest.raises(EngineError, match="input x of net"):
        engine.infer({"x": np.zeros(2)})
    assert engine.infer(X)["y"].tolist() == [1, 1]


def test_error_when_neither_engine_opens() -> None:
    with pytest.raises(EngineError, match="a plan"):
        FallbackEngine("net", refuse, refuse)


def test_close_closes_the_running_engine() -> None:
    second = Adds(2)
    engine = FallbackEngine("net", refuse, lambda: second)
    engine.close()
    assert second.released


class Build:
    """A first engine that is built when the test releases it."""

    def __init__(self, made: Engine | None) -> None:
        self.made, self.go, self.done = made, threading.Event(), threading.Event()
        self.cancelled = False

    def __call__(self) -> Engine:
        self.go.wait(10)
        try:
            return refuse() if self.made is None else self.made
        finally:
            self.done.set()

    def cancel(self) -> None:
        self.cancelled = True
        self.go.set()

    def finish(self) -> None:
        """Let it arrive, and wait for the thread."""
        self.go.set()
        wait_for_build("net")


def test_fallback_runs_while_the_first_is_built() -> None:
    build, second = Build(Adds(1)), Adds(2)
    engine = FallbackEngine("net", not_built, lambda: second, build)
    assert engine.infer(X)["y"].tolist() == [2, 2]
    build.finish()
    assert engine.infer(X)["y"].tolist() == [1, 1]
    assert (engine.status, engine.problem, second.released) == ("backend 1", "", True)


def test_built_engine_that_fails_later_falls_back() -> None:
    build = Build(Adds(1, fails_at=2))
    engine = FallbackEngine("net", not_built, lambda: Adds(2), build)
    build.finish()
    assert [engine.infer(X)["y"][0] for _ in range(3)] == [1, 2, 2]
    assert engine.problem


def test_other_open_failure_starts_no_build() -> None:
    build = Build(Adds(1))
    FallbackEngine("net", refuse, lambda: Adds(2), build)
    build.finish()
    assert not build.done.is_set()


def test_failed_build_keeps_the_fallback(caplog: pytest.LogCaptureFixture) -> None:
    build = Build(None)
    engine = FallbackEngine("net", not_built, lambda: Adds(2), build)
    assert engine.problem.endswith("It is being built.")
    build.finish()
    assert engine.infer(X)["y"].tolist() == [2, 2]
    assert engine.problem.endswith("got None. None.")
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_any_build_exception_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Engine:
        raise OSError("disk full")

    engine = FallbackEngine("net", not_built, lambda: Adds(2), broken)
    wait_for_build("net")
    assert engine.problem == "disk full"
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_close_cancels_the_build_and_closes_its_engine() -> None:
    late = Adds(1)
    build = Build(late)
    engine = FallbackEngine("net", not_built, lambda: Adds(2), build, build.cancel)
    engine.close()
    wait_for_build("net")
    assert build.cancelled
    assert late.released


def test_close_before_the_built_engine_is_used_closes_it() -> None:
    late = Adds(1)
    build = Build(late)
    engine = FallbackEngine("net", not_built, lambda: Adds(2), build)
    build.finish()
    engine.close()
    assert late.released
