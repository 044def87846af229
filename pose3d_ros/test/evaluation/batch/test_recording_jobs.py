from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.batch import recording_jobs
from pose3d_ros.evaluation.batch.recording_jobs import (
    RecordingJob,
    command_of,
    is_done,
    jobs_of,
    mark_done,
    recordings_in,
    run_job,
)
from pose3d_ros.geometry.camera import Camera

MODELS = {"net": "0" * 64}


def bag(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with BagWriter(path) as writer:
        writer.write_camera("/camera_info", 1, "camera", Camera.from_hfov(60.0, 32, 24))
    return path


def test_folders_give_the_recordings_they_hold(tmp_path: Path) -> None:
    paths = [bag(tmp_path / "all" / name) for name in ("b.mcap", "a.mcap")]
    (tmp_path / "all" / "notes.txt").write_text("-")
    assert recordings_in([tmp_path / "all"]) == (paths[1], paths[0])
    assert recordings_in([paths[0], tmp_path / "missing.mcap"]) == (paths[0], tmp_path / "missing.mcap")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match="empty"):
        recordings_in([tmp_path / "empty"])


def test_names_are_unique(tmp_path: Path) -> None:
    paths = [bag(tmp_path / f) for f in ("x/walk.mcap", "y/walk.mcap", "y/run.mcap")]
    names = [job.name for job in jobs_of([*paths, paths[0]], (), MODELS)]
    assert names == ["x-walk-1", "y-walk", "run", "x-walk-2"]


def test_key_changes_with_recording_options_and_models(tmp_path: Path) -> None:
    path = bag(tmp_path / "a.mcap")

    def key(*options: str, models: dict[str, str] = MODELS) -> str:
        return jobs_of([path], options, models)[0].key

    first = key("--backend=auto")
    assert key("--backend=auto") == first
    assert key("--backend=onnxruntime") != first
    assert key("--backend=auto", models={"net": "1" * 64}) != first
    os.utime(path, ns=(1, 1))
    assert key("--backend=auto") != first


def test_results_are_known_again(tmp_path: Path) -> None:
    job = RecordingJob("a", Path("a.mcap"), (), "key")
    assert not is_done(job, tmp_path)
    mark_done(job, tmp_path)
    assert is_done(job, tmp_path)
    assert not is_done(RecordingJob("a", Path("a.mcap"), (), "other"), tmp_path)
    (tmp_path / "done.json").write_text("{")
    assert not is_done(job, tmp_path)


def test_folder_of_the_results_is_put_into_the_options() -> None:
    command = command_of(RecordingJob("a", Path("/r/a.mcap"), ("--param=x=1", "--tables={folder}"), ""), Path("/o/a"))
    assert command[-4:] == ["--bag", "/r/a.mcap", "--param=x=1", "--tables=/o/a"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import sys; print('warning: one lost', file=sys.stderr)", ""),
        ("import sys; print('pose3d evaluate: bag x: expected y', file=sys.stderr); sys.exit(2)", "bag x: expected y"),
        ("import sys; sys.exit(3)", "exit code 3 without a message"),
        ("import os; os.kill(os.getpid(), 9)", "its process was ended by SIGKILL (perhaps for want of memory)"),
    ],
)
def test_end_of_the_process_is_told(script: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_jobs, "_COMMAND", (sys.executable, "-c", script))
    mark_done(RecordingJob("a", Path("a"), (), "key"), tmp_path)
    ended = run_job(RecordingJob("a", Path("a"), (), "key"), tmp_path)
    assert ended.error == error
    assert ended.warnings == (("one lost",) if not error else ())
    assert not (tmp_path / "done.json").exists()  # until its results are complete
