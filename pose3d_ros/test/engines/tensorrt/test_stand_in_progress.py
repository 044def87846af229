"""The stand-in reports the progress of a build, and stops it when it is told to."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .tensorrt_stand_in import VERSIONS, MisuseError, make_tensorrt
from .tensorrt_stand_in.caller import RANGES, Messages, configured, parsed

MONITORED = VERSIONS[2:]


@pytest.fixture
def graph(adder: Path) -> bytes:
    return adder.read_bytes()


class Reports:
    """What a progress monitor was told, and in which threads."""

    def __init__(self, stop_at: int = -1) -> None:
        self.stop_at = stop_at
        self.calls: list[tuple[object, ...]] = []
        self.threads: set[int] = set()

    def note(self, *call: object) -> bool:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        return call[-1] != self.stop_at


def monitor_of(trt: ModuleType, reports: Reports) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            reports.note("start", phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return reports.note("step", phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            reports.note("finish", phase_name)

    return Monitor()


@pytest.mark.parametrize("version", MONITORED)
def test_progress_is_reported_from_another_thread(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    builder, network = parsed(trt, graph, Messages())
    config, reports = configured(builder, RANGES), Reports()
    config.progress_monitor = monitor_of(trt, reports)
    assert builder.build_serialized_network(network, config) is not None
    assert reports.calls == [
        ("start", "Building engine", None, 1),
        ("start", "Timing layers", "Building engine", 2),
        ("step", "Timing layers", 0),
        ("step", "Timing layers", 1),
        ("finish", "Timing layers"),
        ("step", "Building engine", 0),
        ("finish", "Building engine"),
    ]
    assert threading.get_ident() not in reports.threads


@pytest.mark.parametrize("version", MONITORED)
def test_a_step_that_says_false_cancels_the_build(version: str, graph: bytes) -> None:
    trt = make_tensorrt(version)
    builder, network = parsed(trt, graph, Messages())
    config, reports = configured(builder, RANGES), Reports(stop_at=0)
    config.progress_monitor = monitor_of(trt, reports)
    assert builder.build_serialized_network(network, config) is None
    assert "cancelled by the progress monitor" in builder.logger.lines[-1]
    assert [call[:2] for call in reports.calls[-2:]] == [("finish", "Timing layers"), ("finish", "Building engine")]


@pytest.mark.parametrize("answer", [None, 1])
def test_a_step_that_forgets_its_answer_is_misuse(graph: bytes, answer: object) -> None:
    trt = make_tensorrt("10.3.0")
    builder, network = parsed(trt, graph, Messages())
    config, reports = configured(builder, RANGES), Reports()
    config.progress_monitor = monitor_of(trt, reports)
    reports.note = lambda *_: answer  # type: ignore[assignment,method-assign]
    with pytest.raises(MisuseError, match="no bool"):
        builder.build_serialized_network(network, config)
