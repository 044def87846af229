"""Plans on disk: each beside a record of what it was built from and for, so that a wrong one is never loaded."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pose3d_ros.engines.profiles import Profile
from pose3d_ros.errors import EngineError

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


@dataclass(frozen=True)
class CachedPlan:
    """A plan and how long it took to build, in seconds."""

    data: bytes
    build_s: float


class PlanCache:
    """A folder of plans, one for each engine and precision."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()

    def path(self, name: str, precision: str) -> Path:
        """Where the plan of that engine lies; its record has `.json` behind it."""
        return self.folder / f"{name}.{precision}.plan"

    def why_stale(self, key: PlanKey) -> str:
        """Empty when the plan of that key is there and whole; else what is wrong with it, in a few words."""
        record = self._record(key)
        if record is None:
            return "never built"
        known, wanted = record.get("key"), key.as_record()
        if not isinstance(known, Mapping):
            return "its record is damaged"
        changed = sorted(name for name in wanted if known.get(name) != wanted[name])
        if changed:
            return "; ".join(f"{name} was {_short(known.get(name))}, is {_short(wanted[name])}" for name in changed)
        data = self._data(key)
        return "" if _sha256(data) == record.get("plan_sha256") else "the file is damaged"

    def load(self, key: PlanKey) -> CachedPlan | None:
        """The plan, or None where it is stale."""
        if self.why_stale(key):
            return None
        record = self._record(key) or {}
        return CachedPlan(self._data(key), _seconds(record.get("build_s")))

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
        try:
            _replace(path, plan)
            _replace(_record_path(path), json.dumps(record, indent=1).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def locked(self, name: str, precision: str) -> Iterator[None]:
        """Alone among all processes for that plan: the second one waits, and then finds it built."""
        path = self.path(name, precision)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.with_name(path.name + ".lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _record(self, key: PlanKey) -> dict[str, object] | None:
        try:
            record = json.loads(_record_path(self.path(key.name, key.precision)).read_text())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else {}

    def _data(self, key: PlanKey) -> bytes:
        try:
            return self.path(key.name, key.precision).read_bytes()
        except OSError:
            return b""

    def _unwritable(self, error: OSError) -> EngineError:
        return EngineError(
            f"engine cache {self.folder}",
            expected="a folder that can be written",
            got=str(error),
            fix="Set engine_cache to another folder.",
        )


def _record_path(plan: Path) -> Path:
    return plan.with_name(plan.name + ".json")


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _short(value: object) -> str:
    """A hash by its first digits; a profile is too long to tell."""
    return str(value)[:12] if isinstance(value, str | int) else "another"
