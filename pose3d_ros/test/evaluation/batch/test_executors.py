from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.batch import recording_jobs
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


@pytest.mark.slow
def test_cluster_of_two_workers_evaluates(ray_cluster: str, tmp_path: Path) -> None:
    assert ray_cluster
    given = jobs(str(tmp_path / "no_bag.mcap"), str(tmp_path / "no_other.mcap"))
    named = [RecordingJob(f"n{i}", job.recording, ("--tables={folder}",), "key") for i, job in enumerate(given)]
    ended = {one.job.name: one.ended.error for one in run_on_ray(named, tmp_path / "out")}
    assert set(ended) == {"n0", "n1"}
    assert all("no such file" in error for error in ended.values()), ended
