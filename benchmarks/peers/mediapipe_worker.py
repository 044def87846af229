"""Times MediaPipe Pose on frames; run by mediapipe_peer.py in an environment of its own.

Argument: a .npy file, (N, H, W, 3) uint8 RGB. Prints its version, then for every frame's number on standard input one
line of JSON, so that the other measurement can take turns with this one.
"""

from __future__ import annotations

import json
import sys
import time

import mediapipe
import numpy as np


def main() -> None:
    """Static mode: every frame stands for itself, as in the other measurement."""
    frames = np.load(sys.argv[1])
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        print(json.dumps({"version": mediapipe.__version__}), flush=True)
        for line in sys.stdin:
            frame = frames[int(line)]
            cpu_s, start_s = time.process_time(), time.perf_counter()
            result = pose.process(frame)
            took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
            found = int(result.pose_world_landmarks is not None)
            print(json.dumps({"ms": took_s * 1e3, "cpu_ms": cpu_s * 1e3, "people": found}), flush=True)


if __name__ == "__main__":
    main()
