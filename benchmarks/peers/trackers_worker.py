"""Runs other trackers on given boxes; started by trackers_process.py with their packages on the path.

Arguments: a folder with `detections.json` (frames of {"boxes": [[x0, y0, x1, y1], …], "scores": […]}), an image
`000000.jpg` for each frame, and the frame rate. Writes `tracks.json`: tracker → frames of [box's index, id].
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from boxmot.trackers.box.botsort.tracker import BotSort
from boxmot.trackers.box.bytetrack.tracker import ByteTrack
from norfair import Detection, Tracker

Tracks = list[list[int]]
Step = Callable[[Any, Any, Any], Tracks]
_NORFAIR_DISTANCE = 0.7
"""Of norfair's own examples with boxes, 1 - IoU."""


def boxmot(tracker: Any) -> Step:
    """A tracker of BoxMOT; it gives the index of the box that each id got."""

    def step(boxes: Any, scores: Any, image: Any) -> Tracks:
        rows = np.concatenate([boxes, scores[:, None], np.zeros((len(boxes), 1))], axis=1)
        tracks = np.asarray(tracker.update(rows.astype(np.float32).reshape(-1, 6), image)).reshape(-1, 8)
        return [[int(row[7]), int(row[4])] for row in tracks if row[7] >= 0]

    return step


def norfair(rate_hz: float) -> Step:
    """Norfair on boxes; of its objects those that have a box in this very frame."""
    tracker = Tracker("iou", _NORFAIR_DISTANCE, hit_counter_max=max(round(rate_hz), 2))
    count = 0

    def step(boxes: Any, scores: Any, image: Any) -> Tracks:
        nonlocal count
        count += 1
        found = [
            Detection(box.reshape(2, 2), np.repeat(score, 2), data=(count, i))
            for i, (box, score) in enumerate(zip(boxes, scores, strict=True))
        ]
        objects = [(one.last_detection.data, one.id) for one in tracker.update(found)]
        return [[index, int(number)] for (frame, index), number in objects if frame == count]

    return step


def main() -> None:
    """Track all frames by all trackers."""
    folder, rate_hz = Path(sys.argv[1]), float(sys.argv[2])
    frames = json.loads((folder / "detections.json").read_text(encoding="utf-8"))
    # Thresholds as their authors set them; lost tracks are kept for a second, as at 30 frames a second.
    steps = {
        "ByteTrack": boxmot(ByteTrack(track_buffer=30, frame_rate=rate_hz)),
        "BoT-SORT": boxmot(BotSort(track_buffer=30, frame_rate=rate_hz, use_embeddings=False)),
        "norfair": norfair(rate_hz),
    }
    tracks: dict[str, list[Tracks]] = {name: [] for name in steps}
    for number, frame in enumerate(frames):
        image = cv2.imread(str(folder / f"{number:06d}.jpg"))
        boxes, scores = np.array(frame["boxes"], float).reshape(-1, 4), np.array(frame["scores"], float)
        for name, step in steps.items():
            tracks[name].append(step(boxes, scores, image))
    (folder / "tracks.json").write_text(json.dumps(tracks), encoding="utf-8")


if __name__ == "__main__":
    main()
