"""pytest's plugin with the fixture `record_promise(name, promise, figure, kept)`; see `reliability_log`."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from reliability_log import ReliabilityLog

FILE = Path(__file__).resolve().parents[1] / "out" / "reliability.json"
_SKIPPED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability-file", type=Path, default=FILE, help="where promises are recorded")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped:
        item.stash[_SKIPPED] = True
    return report


@pytest.fixture
def record_promise(request: pytest.FixtureRequest) -> Iterator[ReliabilityLog]:
    """Record a promise with its figure; one that is not kept fails the test, a test without a figure has kept none."""
    log = ReliabilityLog(request.config.getoption("--reliability-file"), request.node.nodeid)
    log.forget()
    yield log
    if not log.recorded and _SKIPPED not in request.node.stash:
        about = inspect.getdoc(request.function) or request.node.name
        log.write(request.node.name, about.partition("\n")[0], "none: the test ended before", False)
