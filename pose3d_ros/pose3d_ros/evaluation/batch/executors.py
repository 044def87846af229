"""Where recordings are evaluated: in processes of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pose3d_ros
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.batch.recording_jobs import Ended, Process, RecordingJob, mark_done, run_job
from pose3d_ros.output_files import write_file

MEMORY_BYTES = 1 << 30
"""For one recording: the process takes 0.44 GB with MediaPipe's models on 640x480, larger images some more."""
_CPUS = 2
"""For one recording: its models run on threads of their own."""
_MOST_WORKERS = 16
Files = dict[str, bytes]


@dataclass(frozen=True)
class Finished:
    """A job, and how it went."""

    job: RecordingJob
    ended: Ended


def default_workers() -> int:
    """How many recordings at a time: one for two CPUs, in half of the memory."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fitting = min(len(os.sched_getaffinity(0)) // _CPUS, memory_bytes // (2 * MEMORY_BYTES))
    return max(1, min(fitting, _MOST_WORKERS))


def run_local(jobs: Sequence[RecordingJob], folder: Path, workers: int) -> Iterator[Finished]:
    """Evaluate so many at a time, each in a process of its own, into folders by the jobs' names."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        children: list[Process] = []
        running = {pool.submit(run_job, job, folder / job.name, children.append): job for job in jobs}
        try:
            for future in as_completed(running):
                yield _finished(running[future], future.result(), folder)
        finally:  # also of whoever stopped to ask for more
            for future in running:
                future.cancel()
            for child in children:
                child.terminate()


def _finished(job: RecordingJob, ended: Ended, folder: Path) -> Finished:
    if not ended.error:
        mark_done(job, folder / job.name)
    return Finished(job, ended)


def run_on_ray(jobs: Sequence[RecordingJob], folder: Path) -> Iterator[Finished]:
    """Evaluate on an existing Ray cluster, whose machines have this package and read the recordings by the same paths.

    The results come back and are written here, into folders by the jobs' names. Raises ConfigError without Ray or a
    cluster.
    """
    ray = _connected()
    try:
        remote = ray.remote(num_cpus=_CPUS, memory=MEMORY_BYTES, max_retries=1)(_run_there)
        remote = remote if _fits(ray) else remote.options(num_cpus=1, memory=0)
        jobs_of = {remote.remote(job, pose3d_ros.__version__): job for job in jobs}
        while jobs_of:
            (ready, *_), _rest = ray.wait(list(jobs_of), num_returns=1)
            job = jobs_of.pop(ready)
            ended, files = _result(ray, ready)
            for name, content in files.items():
                write_file(folder / job.name / name, content)
            yield _finished(job, ended, folder)
    finally:
        ray.shutdown()


def _connected() -> Any:
    """The module ray, connected. Tells no usage statistics."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        fix = "`pip install ray`, the version that the cluster has, or leave --executor out."
        raise ConfigError("--executor ray", expected="Ray", got="none installed", fix=fix) from None
    try:
        ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        fix = (
            "Start one with `ray start --head`, and `ray start --address=HEAD:6379` elsewhere. RAY_ADDRESS names it; "
            "where it wants a token, `ray` has to know it here too."
        )
        got = f"none that answers ({type(error).__name__})"
        raise ConfigError("--executor ray", expected="a Ray cluster", got=got, fix=fix) from error
    return ray


def _fits(ray: Any) -> bool:
    """Whether any machine of the cluster has what a recording is meant to get."""
    return any(
        node["Alive"]
        and node["Resources"].get("CPU", 0) >= _CPUS
        and node["Resources"].get("memory", 0) >= MEMORY_BYTES
        for node in ray.nodes()
    )


def _result(ray: Any, ready: Any) -> tuple[Ended, Files]:
    try:
        ended, files = ray.get(ready)
    except ray.exceptions.RayError as failure:
        what = "its machine lacks this package" if "ModuleNotFoundError" in str(failure) else "its machine failed"
        return Ended(f"{what} ({type(failure).__name__})"), {}
    return ended, files


def _run_there(job: RecordingJob, version: str) -> tuple[Ended, Files]:
    """On a machine of the cluster: how it went, and the files of the result."""
    if pose3d_ros.__version__ != version:
        return Ended(f"its machine has pose3d_ros {pose3d_ros.__version__} instead of {version}"), {}
    with tempfile.TemporaryDirectory(prefix="pose3d-") as name:
        folder = Path(name) / "result"  # not there after a failure
        ended = run_job(job, folder)
        return ended, {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}
