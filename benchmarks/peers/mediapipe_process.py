"""MediaPipe as a process of its own: installed for the comparison only, in out/bench-venv."""

from __future__ import annotations

import json
import subprocess
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import OUTPUT

from pose3d_ros.types import Array, ImageArray

# The last release with its models inside; newer ones fetch them from a server.
REQUIREMENT = "mediapipe==0.10.21"
ENVIRONMENT = OUTPUT.parent / "bench-venv"
WORKER = Path(__file__).parent / "mediapipe_worker.py"
# MediaPipe's landmarks that are limb joints, by the names of the annotations.
LANDMARKS = {
    f"{side}_{part}": 11 + 2 * i + j
    for i, part in enumerate(("shoulder", "elbow", "wrist"))
    for j, side in enumerate(("left", "right"))
} | {
    f"{side}_{part}": 23 + 2 * i + j
    for i, part in enumerate(("hip", "knee", "ankle"))
    for j, side in enumerate(("left", "right"))
}
_LIMIT_S = 1800


class Skipped(Exception):
    """Why the peer could not be measured."""


@dataclass(frozen=True)
class Setting:
    """What to run. api: `pose` (one person) or `landmarker` (several); mode: `static` or `video`."""

    api: str
    mode: str
    people: int = 1


@dataclass(frozen=True, eq=False)
class Answer:
    """What an image took, milliseconds of the clock and of all cores, and its people, (N, 33, 2) px.

    since_start_s: from the start of the process to this answer; peak_mb: the most memory it held so far.
    """

    ms: float
    cpu_ms: float
    landmarks_px: Array
    since_start_s: float
    peak_mb: float


class Peer:
    """MediaPipe with some settings by name; a context manager. Raises Skipped where it can't be had."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        python = peer_python()
        self._folder = tempfile.TemporaryDirectory()
        methods = {name: {"api": s.api, "mode": s.mode, "people": s.people} for name, s in settings.items()}
        self._process = subprocess.Popen(
            [str(python), str(WORKER), json.dumps(methods), self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.version = str(self._answer()["version"])
        except Skipped:
            self.__exit__()
            raise

    def __call__(self, name: str, image_bgr: ImageArray, stamp_ms: int = 0) -> Answer:
        """Run a setting on an image. stamp_ms: of its video; has to grow from call to call."""
        if self._process.stdin is None:
            raise Skipped("the worker has no input")
        file = Path(self._folder.name) / "image.npy"
        np.save(file, np.ascontiguousarray(image_bgr[..., ::-1]))
        request = {"method": name, "file": str(file), "stamp_ms": stamp_ms}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        landmarks = np.array(answer.pop("landmarks_px"), dtype=np.float64).reshape(-1, 33, 2)
        return Answer(landmarks_px=landmarks, **answer)

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        while line and not line.startswith("{"):  # its libraries print as well
            line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise Skipped(f"the worker ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._folder.cleanup()


def peer_python() -> Path:
    """The interpreter of the peer's environment, which is made when it is not there. Raises Skipped."""
    python = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / REQUIREMENT.replace("==", "-")
    if not ready.exists():
        print(f"installing {REQUIREMENT} in {ENVIRONMENT} …", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT])
        ready.touch()
    return python


def call(command: Sequence[str]) -> str:
    """What a command prints. Raises Skipped with the end of its complaint."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(str(error)) from error
    if done.returncode != 0:
        complaint = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Skipped(complaint)
    return done.stdout


def limbs_px(landmarks_px: Array) -> dict[str, tuple[float, float]]:
    """The limb joints of a person, (33, 2) px."""
    return {name: (float(landmarks_px[i, 0]), float(landmarks_px[i, 1])) for name, i in LANDMARKS.items()}


def box_of(landmarks_px: Array) -> Array:
    """The box of a whole person, (4,), of its landmarks (33, 2): they end at the eyes, and within the clothes.

    The landmarks' own bounds, up by the distance between mouth and eyes (2 times) and out by 5% of the height.
    """
    low, high = landmarks_px.min(axis=0), landmarks_px.max(axis=0)
    mouth_y, eyes_y = landmarks_px[9:11, 1].mean(), landmarks_px[[2, 5], 1].mean()
    margin_px = 0.05 * (high[1] - low[1])
    top_px = min(float(low[1]), float(eyes_y)) - 2.0 * max(float(mouth_y - eyes_y), 0.0)
    return np.array([low[0] - margin_px, top_px, high[0] + margin_px, high[1] + margin_px / 2])
