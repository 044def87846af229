"""Times MediaPipe Pose on frames; run by mediapipe_peer.py in an environment of its own.

Argument: a .npy file, (N, H, W, 3) uint8 RGB. Prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import mediapipe
import numpy as np


def main() -> None:
    """Static mode: every frame stands for itself, as in the other measurement."""
    frames = np.load(sys.argv[1])
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        for frame in frames[:3]:
            pose.process(frame)
        times_ms: list[float] = []
        found = 0
        cpu_s = time.process_time()
        for frame in frames:
            start_s = time.perf_counter()
            result = pose.process(frame)
            times_ms.append((time.perf_counter() - start_s) * 1e3)
            found += result.pose_world_landmarks is not None
        cpu_s = time.process_time() - cpu_s
    numbers = {
        "version": mediapipe.__version__,
        "median_ms": statistics.median(times_ms),
        "p95_ms": float(np.percentile(times_ms, 95)),
        "cpu_ms": cpu_s / len(frames) * 1e3,
        "people": found / len(frames),
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
