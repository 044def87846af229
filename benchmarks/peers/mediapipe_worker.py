"""Runs MediaPipe's pose solutions on images; started by mediapipe_process.py in an environment of its own.

Argument: the methods as JSON, {NAME: {"api": "pose" or "landmarker", "mode": "static" or "video", "people": N}, …},
and for the landmarker the folder to put its .task file in. Prints the version, then for every line of standard input,
{"method": NAME, "file": an image of (H, W, 3) uint8 RGB as .npy, "stamp_ms": …}, one line of JSON, so that other
measurements can take turns with these.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

# The files of a landmarker's .task: where the wheel holds them, and the mean and deviation of their input's pixels,
# which a .task has to state.
_TASK_FILES = {
    "pose_detector.tflite": ("modules/pose_detection/pose_detection.tflite", 127.5, 127.5),
    "pose_landmarks_detector.tflite": ("modules/pose_landmark/pose_landmark_full.tflite", 0.0, 255.0),
}


class Solution:
    """The older API: one person, full model."""

    def __init__(self, mode: str) -> None:
        self._pose: Any = mediapipe.solutions.pose.Pose(static_image_mode=mode == "static", model_complexity=1)

    def __call__(self, image_rgb: Any, stamp_ms: int) -> list[Any]:
        found = self._pose.process(image_rgb).pose_landmarks
        return [] if found is None else [found.landmark]


class Landmarker:
    """The newer API: several people, full model."""

    def __init__(self, mode: str, people: int, task: Path) -> None:
        vision = mediapipe.tasks.vision
        self._video = mode == "video"
        options = vision.PoseLandmarkerOptions(
            base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(task)),
            running_mode=vision.RunningMode.VIDEO if self._video else vision.RunningMode.IMAGE,
            num_poses=people,
        )
        self._landmarker: Any = vision.PoseLandmarker.create_from_options(options)

    def __call__(self, image_rgb: Any, stamp_ms: int) -> list[Any]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image_rgb)
        run = self._landmarker
        result = run.detect_for_video(image, stamp_ms) if self._video else run.detect(image)
        return list(result.pose_landmarks)


def task_file(folder: Path) -> Path:
    """The landmarker's .task of the models in the wheel; its files must not be compressed."""
    path, package = folder / "pose_landmarker_full.task", Path(mediapipe.__file__).parent
    if not path.exists():
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as task:
            for name, (source, mean, deviation) in _TASK_FILES.items():
                task.writestr(name, with_normalization((package / source).read_bytes(), mean, deviation))
    return path


def with_normalization(model: bytes, mean: float, deviation: float) -> bytes:
    """The model with metadata of its input."""
    writer = MetadataWriter.create(bytearray(model)).add_general_info("pose")
    writer.add_image_input([mean], [deviation])
    populated: bytes = writer.populate()[0]
    return populated


def started_s() -> float:
    """When this process was started, on the clock since boot."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def peak_mb() -> float:
    """The most memory that this process held; getrusage would count its parent's before the start."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def main() -> None:
    """Open the methods and answer."""
    settings, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    methods: dict[str, Any] = {}
    for name, setting in settings.items():
        if setting["api"] == "pose":
            methods[name] = Solution(setting["mode"])
        else:
            methods[name] = Landmarker(setting["mode"], setting["people"], task_file(folder))
    print(json.dumps({"version": mediapipe.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        image_rgb, run = np.load(request["file"]), methods[request["method"]]
        cpu_s, start_s = time.process_time(), time.perf_counter()
        people = run(image_rgb, request["stamp_ms"])
        took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        height_px, width_px = image_rgb.shape[:2]
        answer = {
            "ms": took_s * 1e3,
            "cpu_ms": cpu_s * 1e3,
            "landmarks_px": [[[p.x * width_px - 0.5, p.y * height_px - 0.5] for p in person] for person in people],
            "since_start_s": time.clock_gettime(time.CLOCK_BOOTTIME) - started_s(),
            "peak_mb": peak_mb(),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
