"""Poses in the boxes of a detector of your own: here, whatever moves in front of a camera that stands still."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np

from pose3d_ros import Camera, Detection, Frame, open_pipeline


class MotionDetector:
    """Boxes around what moves and is large enough."""

    def __init__(self, min_area_px: int = 1500) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
        self._min_area_px = min_area_px

    def __call__(self, image: np.ndarray) -> Iterator[Detection]:
        moving = cv2.dilate(self._background.apply(image), np.ones((15, 7), np.uint8))
        for outline in cv2.findContours(moving, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
            x, y, width, height = cv2.boundingRect(outline)
            if width * height >= self._min_area_px:
                # The edges of the box; integer coordinates are pixel centers.
                edges = np.array([x, y, x + width, y + height]) - 0.5
                yield Detection(edges, score=0.9)


def main(path: str, hfov_deg: str = "60") -> None:
    """Print the people in the moving parts of a video. What is in a box, but is no person, gives no pose."""
    video, detector = cv2.VideoCapture(path), MotionDetector()
    with open_pipeline() as pipeline:
        while True:
            read, image = video.read()
            if not read:
                break
            stamp_ns = round(video.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            camera = Camera.from_hfov(float(hfov_deg), image.shape[1], image.shape[0])
            boxes = list(detector(image))
            people = pipeline(Frame(image, camera, stamp_ns), detections=boxes).people
            print(
                f"{stamp_ns / 1e9:.2f} s: boxes: {len(boxes)}; people:",
                *(f"{p.pose.root_cam_m.round(2)} m" for p in people),
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
