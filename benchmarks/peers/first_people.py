"""Opens the pipeline and finds the people of one image; a process of its own, started by mediapipe_peer.py.

Arguments: a set of engines, and an image of (H, W, 3) uint8 BGR as .npy. Prints as JSON how long after the start of the
process they were there, and the most memory it held.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from pose3d_ros import Camera, Frame, open_pipeline


def peak_mb() -> float:
    """The most memory that this process held; getrusage would count its parent's before the start."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def main() -> None:
    """Run once."""
    image_bgr = np.load(sys.argv[2])
    with open_pipeline(sys.argv[1]) as pipeline:
        camera = Camera.from_hfov(60.0, image_bgr.shape[1], image_bgr.shape[0])
        people = len(pipeline(Frame(image_bgr, camera)).people)
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        answer = {
            "people": people,
            "since_start_s": time.clock_gettime(time.CLOCK_BOOTTIME) - started_s,
            "peak_mb": peak_mb(),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
