"""The .tflite files of MediaPipe's pose models: in a wheel, an npm package, a `.task` file, or by themselves.

Wheel and npm package are downloaded by pip and npm, with the user's own settings of them.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.engines.failures import UnfitError, library_errors
from pose3d_ros.engines.mediapipe.released_files import DETECTOR, NPM_PACKAGE, PIP_REQUIREMENT, RELEASED
from pose3d_ros.engines.tflite.tflite_graph import IDENTIFIER
from pose3d_ros.errors import EngineError
from pose3d_ros.reading.files import Origin, read_bytes

_KINDS = {sha256: kind for kind, (_, sha256) in RELEASED.items()}
_TASK_MEMBERS = ("pose_detector.tflite", "pose_landmarks_detector.tflite")
_LARGEST_LITE, _LARGEST_FULL = 4 << 20, 14 << 20
"""Bytes of a landmark file that is not a released one: 2.8, 6.4 and 27.7 MB are."""
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)
_MOST_BYTES = 256 << 20
"""Of a file, and of what is in it: the wheel has 36 MB, the npm package 41 MB."""
_NO_CONNECTION = ("Retrying (", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH")
_DOWNLOAD_S = 1800
_PIP = (
    *("--no-deps", "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"),
    *("--implementation", "cp", "--retries", "1", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
)
"""One wheel for every machine: the models in it do not depend on the processor or on Python."""


@dataclass(frozen=True)
class ModelFile:
    """A .tflite file. kind: a key of RELEASED. origin: what it came from, for messages and the notice."""

    kind: str
    content: bytes
    origin: str

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_released(self) -> bool:
        """Whether it is, byte by byte, one of RELEASED."""
        return self.sha256 in _KINDS


def released_kind(sha256: object) -> str | None:
    """The kind of the released file with that hash, if there is one."""
    return _KINDS.get(sha256) if isinstance(sha256, str) else None


def files_in(path: Path, origin: str = "") -> Mapping[str, ModelFile]:
    """The pose models that a file holds, by kind.

    path: a wheel, an npm package, a `.task` or a .tflite file, told apart by their content. Raises EngineError for
    another file, a damaged one, and one of these without a released model in it. The models of a `.task` may be others.
    """
    what = f"file {path}"
    data = read_bytes(path, Origin(EngineError, what, "Check the path."), most_bytes=_MOST_BYTES)
    with library_errors(what, expected="a whole archive", fix="Get it again.", kinds=_DAMAGED):
        members = _members(path.name, data)
    found = [_classified(name, content, origin or path.name) for name, content in members.items()]
    files = {file.kind: file for file in found if file is not None}
    if not files:
        raise EngineError(
            what,
            expected=f"a model file of {PIP_REQUIREMENT} or {NPM_PACKAGE}, or one of these packages, or a .task file",
            got=_described(members),
            fix="Give such a file; damaged ones have another sha256.",
        )
    return files


def download_wheel(folder: Path) -> Path:
    """Get the wheel with the detector and `full` by pip. Raises EngineError without pip or a network."""
    if importlib.util.find_spec("pip") is None:
        raise _not_downloaded(PIP_REQUIREMENT, "no pip in this Python", ".whl")
    command = [sys.executable, "-m", "pip", "download", *_PIP, "--dest", str(folder), PIP_REQUIREMENT]
    return _downloaded(command, folder, PIP_REQUIREMENT, ".whl")


def download_npm_package(folder: Path) -> Path:
    """Get the package with every size of the landmark model by npm. Raises EngineError without npm or a network."""
    npm = shutil.which("npm")
    if npm is None:
        raise _not_downloaded(NPM_PACKAGE, "no npm on this machine", ".tgz")
    command = [npm, "pack", "--loglevel=error", "--fetch-retries=1", "--pack-destination", str(folder), NPM_PACKAGE]
    return _downloaded(command, folder, NPM_PACKAGE, ".tgz")


def _downloaded(command: Sequence[str], folder: Path, package: str, suffix: str) -> Path:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DOWNLOAD_S,
            cwd=folder,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_downloaded(package, str(error), suffix) from error
    files = sorted(folder.glob(f"*{suffix}"))
    if done.returncode or not files:
        raise _not_downloaded(package, _reason(done.stderr or done.stdout), suffix)
    return files[0]


def _reason(output: str) -> str:
    """What pip's or npm's output says about why; of a machine without a network both say much, and pip not this."""
    if any(sign in output for sign in _NO_CONNECTION):
        return "no connection to its registry"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    return (telling or lines or ["no file"])[0][:300]


def _not_downloaded(package: str, got: str, suffix: str) -> EngineError:
    """The error about a download. suffix: of the package's file."""
    return EngineError(
        f"download of {package}",
        expected="the package",
        got=got,
        fix=f"Get its {suffix} file, or one of Google's pose_landmarker_*.task, on another machine, and give it: "
        "pose3d models get mediapipe --from FILE. Without it the embedded models are used.",
    )


def _members(name: str, data: bytes) -> dict[str, bytes]:
    """Name → content of each .tflite file."""
    if data[4:8] == IDENTIFIER:  # first: a model with a vocabulary or the like has a zip archive behind it
        return {name: data}
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(".tflite")]
            _check_sizes([one.file_size for one in members])
            return {one.filename: archive.read(one) for one in members}
    if data[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(_MOST_BYTES + 1)
        _check_sizes([len(unpacked)])
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            files = [one for one in archive.getmembers() if one.isfile() and one.name.endswith(".tflite")]
            return {one.name: content.read() for one in files if (content := archive.extractfile(one)) is not None}
    return {name: data}


def _check_sizes(sizes: Sequence[int]) -> None:
    if sum(sizes) > _MOST_BYTES:
        raise UnfitError(f"an archive of more than {_MOST_BYTES >> 20} MiB")


def _classified(name: str, content: bytes, origin: str) -> ModelFile | None:
    kind = _KINDS.get(hashlib.sha256(content).hexdigest())
    if kind is None and name in _TASK_MEMBERS:
        kind = DETECTOR if name == _TASK_MEMBERS[0] else _size_of(content)
    return None if kind is None else ModelFile(kind, content, origin)


def _size_of(content: bytes) -> str:
    return "lite" if len(content) < _LARGEST_LITE else "full" if len(content) < _LARGEST_FULL else "heavy"


def _described(members: Mapping[str, bytes]) -> str:
    names = [f"{name} (sha256 {hashlib.sha256(content).hexdigest()[:12]}…)" for name, content in members.items()]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "no .tflite file in it"
