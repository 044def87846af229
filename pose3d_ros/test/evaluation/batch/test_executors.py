from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.batch import executors, recording_jobs
from pose3d_ros.evaluation.batch.executors import default_workers, run_local, run_on_ray
from pose3d_ros.evaluation.batch.recording_jobs import RecordingJob, is_done

SCRIPT = """
import pathlib, sys, time
bag, out = sys.argv[2], pathlib.Path(sys.argv[3])
if "slow" in bag:
    time.sleep(60)
if "bad" in bag:
    sys.exit("pose3d evaluate: bad bag")
(out / "summary.json").write_text(bag)
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program in the place of `pose3d evaluate`, for this process alone."""
    script = tmp_path / "evaluate.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(recording_jobs, "_COMMAND", (sys.executable, str(script)))


def jobs(*names: str) -> list[RecordingJob]:
    return [RecordingJob(name, Path(name), ("{folder}",), f"key of {name}") for name in names]


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("workers", [1, 2])
def test_failed_recording_does_not_end_the_rest(workers: int, tmp_path: Path) -> None:
    given = jobs("a", "bad", "c")
    ended = {one.job.name: one.ended.error for one in run_local(given, tmp_path / "out", workers)}
    assert ended == {"a": "", "bad": "bad bag", "c": ""}
    assert [is_done(job, tmp_path / "out" / job.name) for job in given] == [True, False, True]
    assert (tmp_path / "out" / "c" / "summary.json").read_text() == "c"


@pytest.mark.usefixtures("stand_in")
def test_what_runs_is_ended_with_us(tmp_path: Path) -> None:
    running = run_local(jobs("a", "slow", "slow2"), tmp_path / "out", 2)
    assert next(running).job.name == "a"
    assert isinstance(running, Generator)
    running.close()  # returns at once, or the test takes minutes


def test_workers_are_one_at_least() -> None:
    assert 1 <= default_workers() <= 16


def test_no_cluster_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="pip install ray"):
        list(run_on_ray(jobs("a"), tmp_path))


class RayStandIn(ModuleType):
    """The calls of Ray that are used; tasks run at once, in this process, each on a copy of its arguments."""

    class exceptions:
        class RayError(Exception):
            pass

    def __init__(self, cpus: float, lost: tuple[str, ...] = (), cluster: bool = True) -> None:
        super().__init__("ray")
        self.cpus, self.lost, self.cluster = cpus, lost, cluster
        self.asked: list[dict[str, float]] = []
        self.is_connected = False

    def init(self, **_: object) -> None:
        if not self.cluster:
            raise ConnectionError("nobody there")
        self.is_connected = True

    def shutdown(self) -> None:
        self.is_connected = False

    def nodes(self) -> list[dict[str, object]]:
        return [{"Alive": True, "Resources": {"CPU": self.cpus, "memory": 1 << 33}}]

    def remote(self, **asked: float) -> Callable[[Callable[..., object]], RemoteStandIn]:
        return lambda function: RemoteStandIn(self, function, asked)

    def wait(self, tasks: list[Task], num_returns: int) -> tuple[list[Task], list[Task]]:
        return tasks[:num_returns], tasks[num_returns:]

    def get(self, task: Task) -> object:
        if task.job.name in self.lost:
            raise self.exceptions.RayError(
                "ModuleNotFoundError: pose3d_ros" if task.job.name == "bare" else "node died"
            )
        return pickle.loads(pickle.dumps(task.function(task.job, task.version)))


@dataclass(frozen=True, eq=False)
class Task:
    function: Callable[..., object]
    job: RecordingJob
    version: str


@dataclass(frozen=True)
class RemoteStandIn:
    ray: RayStandIn
    function: Callable[..., object]
    asked: dict[str, float]

    def options(self, **asked: float) -> RemoteStandIn:
        return RemoteStandIn(self.ray, self.function, {**self.asked, **asked})

    def remote(self, job: RecordingJob, version: str) -> Task:
        self.ray.asked.append(self.asked)
        return Task(self.function, job, version)


@pytest.mark.usefixtures("stand_in")
def test_results_of_a_cluster_are_written_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = RayStandIn(cpus=8, lost=("bare", "off"))
    monkeypatch.setitem(sys.modules, "ray", ray)
    given = jobs("a", "bad", "bare", "off")
    ended = {one.job.name: one.ended.error for one in run_on_ray(given, tmp_path / "out")}
    assert ended == {
        "a": "",
        "bad": "bad bag",
        "bare": "its machine lacks this package (RayError)",
        "off": "its machine failed (RayError)",
    }
    assert [is_done(job, tmp_path / "out" / job.name) for job in given] == [True, False, False, False]
    assert (tmp_path / "out/a/summary.json").read_text() == "a"
    assert ray.asked[0]["num_cpus"] == 2
    assert not ray.is_connected


@pytest.mark.usefixtures("stand_in")
def test_small_machines_of_a_cluster_are_asked_for_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = RayStandIn(cpus=1)
    monkeypatch.setitem(sys.modules, "ray", ray)
    (one,) = run_on_ray(jobs("a"), tmp_path)
    assert one.ended.error == ""
    assert (ray.asked[0]["num_cpus"], ray.asked[0]["memory"]) == (1, 0)


def test_machine_with_another_version_says_so() -> None:
    (job,) = jobs("a")
    ended, files = executors._run_there(job, "99.0.0")
    assert "instead of 99.0.0" in ended.error
    assert files == {}


def test_cluster_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", RayStandIn(cpus=8, cluster=False))
    with pytest.raises(ConfigError, match=r"none that answers \(ConnectionError\).*ray start --head"):
        list(run_on_ray(jobs("a"), tmp_path))


@pytest.mark.slow
def test_cluster_of_two_workers_evaluates(ray_cluster: str, tmp_path: Path) -> None:
    assert ray_cluster
    given = jobs(str(tmp_path / "no_bag.mcap"), str(tmp_path / "no_other.mcap"))
    named = [RecordingJob(f"n{i}", job.recording, ("--tables={folder}",), "key") for i, job in enumerate(given)]
    ended = {one.job.name: one.ended.error for one in run_on_ray(named, tmp_path / "out")}
    assert set(ended) == {"n0", "n1"}
    assert all("no such file" in error for error in ended.values()), ended
