"""Plans on disk: each beside a record of what it was built from and for, so that a wrong one is never loaded."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.own_files import make_own_folder, open_lock, read_own, replace_file
from pose3d_ros.engines.spec.entry import require_name
from pose3d_ros.engines.tensorrt.profiles import Profile

SCHEMA = 1
"""Of this record and of how plans are built; raising it makes every plan stale."""


@dataclass(frozen=True)
class PlanKey:
    """Everything a plan depends on. onnx_sha256: of the graph. flags: of the builder, sorted."""

    name: str
    onnx_sha256: str
    tensorrt: str
    cuda: str
    gpu: str
    compute_capability: str
    multiprocessors: int
    system: str
    precision: str
    profiles: tuple[Profile, ...]
    flags: tuple[str, ...]
    schema: int = SCHEMA

    def as_record(self) -> dict[str, object]:
        """Plain values, as they read back from JSON."""
        record: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return record


class PlanCache:
    """A folder of plans, one for each engine and precision, which is the user's own: a plan is executable code.

    What it reads is a file of the user's or of root's, never a link.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()

    def path(self, name: str, precision: str) -> Path:
        """Where the plan of that engine lies; its record has `.json` behind it. Raises EngineError for other names."""
        require_name("name of an engine", name)
        return self.folder / f"{name}.{precision}.plan"

    def look_up(self, key: PlanKey) -> tuple[bytes | None, str]:
        """The plan of that key, or None and in a few words why there is none.

        Each file is read once: what is returned is what was checked. Needs no lock.
        """
        record = self._record(key)
        if record is None:
            return None, "never built"
        known, wanted = record.get("key"), key.as_record()
        if not isinstance(known, Mapping):
            return None, "its record is damaged"
        changed = sorted(name for name in wanted if known.get(name) != wanted[name])
        if changed:
            return None, "; ".join(_change(name, known.get(name), wanted[name]) for name in changed)
        data = self._data(key)
        if _sha256(data) != record.get("plan_sha256"):
            return None, "the file is damaged"
        return data, ""

    def last_build_s(self, key: PlanKey) -> float | None:
        """How long this engine's plan took the last time, for whatever it was built; None when never built."""
        record = self._record(key)
        return None if record is None else _seconds(record.get("build_s")) or None

    def store(self, key: PlanKey, plan: bytes, build_s: float) -> None:
        """Write plan and record; a reader never sees half of one. Raises EngineError when the folder can't be written.

        The record names the plan's hash and comes last: a plan without its record is stale.
        """
        path = self.path(key.name, key.precision)
        record = {"key": key.as_record(), "plan_sha256": _sha256(plan), "build_s": round(build_s, 1)}
        with self._writing():
            make_own_folder(self.folder)
            replace_file(path, plan)
            replace_file(_record_path(path), json.dumps(record, indent=1).encode())

    @contextmanager
    def locked(self, name: str, precision: str) -> Iterator[None]:
        """Alone among all processes for that plan: the second one waits, and then finds it built."""
        path = self.path(name, precision)
        with self._writing():
            make_own_folder(self.folder)
            lock = open_lock(path.with_name(path.name + ".lock"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _record(self, key: PlanKey) -> dict[str, object] | None:
        try:
            record = json.loads(read_own(_record_path(self.path(key.name, key.precision))))
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) else {}

    def _data(self, key: PlanKey) -> bytes:
        try:
            return read_own(self.path(key.name, key.precision))
        except OSError:
            return b""

    def _writing(self) -> AbstractContextManager[None]:
        """A failed write inside becomes an EngineError."""
        subject, fix = f"engine cache {self.folder}", "Set engine_cache to another folder."
        return library_errors(subject, expected="a folder that can be written", fix=fix, kinds=OSError)


def _record_path(plan: Path) -> Path:
    return plan.with_name(plan.name + ".json")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _change(name: str, before: object, now: object) -> str:
    """Hashes by their first digits; profiles are too long to print."""
    if not isinstance(now, str | int):
        return f"{name} differ"
    return f"{name} was {str(before)[:12]}, is {str(now)[:12]}"
