"""One recording of many: a process of its own that evaluates it into a folder, and whether that was done before."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pose3d_ros
from pose3d_ros.bags.bag_files import files_of
from pose3d_ros.errors import BagError, Pose3DError
from pose3d_ros.output_files import write_file
from pose3d_ros.reading.files import in_words, is_folder

DONE = "done.json"
"""Written last into a recording's folder: what of, so that it is known again."""
_COMMAND = (sys.executable, "-m", "pose3d_ros.cli.main", "evaluate")
_MOST_CHARACTERS = 600
_SUFFIXES = (".mcap", ".db3")
_WARNING = "warning: "
Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class RecordingJob:
    """A recording under a name of its own. options: of `pose3d evaluate`, which decide the result with the files.

    key: of the recording's files, options, models and version; results with another one are made anew.
    """

    name: str
    recording: Path
    options: tuple[str, ...]
    key: str


@dataclass(frozen=True)
class Ended:
    """How a job went. error: why there are no results, else empty. warnings: what does not run as it was meant."""

    error: str = ""
    warnings: tuple[str, ...] = ()


def recordings_in(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The recordings themselves, those of folders that are none but hold some. Raises BagError for a folder without."""
    return tuple(found for path in paths for found in _recordings_in(path))


def _recordings_in(path: Path) -> tuple[Path, ...]:
    if not is_folder(path) or is_recording(path):
        return (path,)
    try:
        inner, got = tuple(sorted(p for p in path.iterdir() if is_recording(p))), "none"
    except OSError as error:
        inner, got = (), in_words(error)
    if not inner:
        fix = "Name recordings, or a folder that holds some."
        raise BagError(f"folder {path}", expected="recordings (.mcap, .db3, rosbag2 folders)", got=got, fix=fix)
    return inner


def is_recording(path: Path) -> bool:
    """Whether there are files of one recording: in a folder, or a file with the suffix of one."""
    if not is_folder(path):
        return bool({*path.suffixes[-2:]} & {*_SUFFIXES})
    try:
        files_of(path)
    except Pose3DError:
        return False
    return True


def jobs_of(recordings: Sequence[Path], options: Sequence[str], models: Mapping[str, str]) -> tuple[RecordingJob, ...]:
    """A job for each recording. models: name → hash of what runs, which is part of each job's key."""
    names = _names(recordings)
    return tuple(
        RecordingJob(name, path, tuple(options), _key(path, options, models))
        for name, path in zip(names, recordings, strict=True)
    )


def _names(recordings: Sequence[Path]) -> list[str]:
    """The stems; of equal ones those of the folders before them too, with a number where that does not help."""
    names = [path.stem if not is_folder(path) else path.name for path in recordings]
    longer = [
        f"{path.parent.name}-{name}" if names.count(name) > 1 else name
        for name, path in zip(names, recordings, strict=True)
    ]
    return [
        f"{name}-{longer[: at + 1].count(name)}" if longer.count(name) > 1 else name for at, name in enumerate(longer)
    ]


def _key(recording: Path, options: Sequence[str], models: Mapping[str, str]) -> str:
    about = {
        "version": pose3d_ros.__version__,
        "files": _files(recording),
        "options": list(options),
        "models": dict(models),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _files(recording: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file; a recording that can't be read has none, and fails when it runs."""
    try:
        paths = files_of(recording).paths
        return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    except (Pose3DError, OSError):
        return []


def is_done(job: RecordingJob, folder: Path) -> bool:
    """Whether the folder holds the results of this job."""
    try:
        found = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("key") == job.key


def mark_done(job: RecordingJob, folder: Path) -> None:
    """Say that the folder's results are complete. Raises OutputError."""
    about = {"key": job.key, "recording": str(job.recording), "options": list(job.options)}
    write_file(folder / DONE, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def command_of(job: RecordingJob, folder: Path) -> list[str]:
    """The command line that evaluates the recording into a folder."""
    return [*_COMMAND, "--bag", str(job.recording), *(o.replace("{folder}", str(folder)) for o in job.options)]


def run_job(job: RecordingJob, folder: Path, started: Callable[[Process], None] = lambda _: None) -> Ended:
    """Evaluate in a process of its own, which a crash or a lack of memory ends alone.

    started: gets the process, for whoever has to end it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DONE).unlink(missing_ok=True)
    command = command_of(job, folder)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started(child)
    _, log = child.communicate()
    lines = [line.strip() for line in log.decode("utf-8", errors="replace").splitlines() if line.strip()]
    warnings = [line.removeprefix(_WARNING) for line in lines if line.startswith(_WARNING)]
    if not any(folder.iterdir()):
        folder.rmdir()
    return Ended(_error(child.returncode, lines), tuple(warnings))


def _error(code: int, lines: Sequence[str]) -> str:
    if code == 0:
        return ""
    if code < 0:
        more = " (perhaps for want of memory)" if -code == signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-code).name}{more}"
    last = lines[-1].removeprefix("pose3d evaluate: ") if lines else f"exit code {code} without a message"
    return last[:_MOST_CHARACTERS]
