"""Follow people through a video: `python examples/video.py clip.mp4 60`, or `0` for the first camera."""

from __future__ import annotations

import sys
import time

import cv2

from pose3d_ros import Camera, Frame, TrackState, open_pipeline


def main(source: str, hfov_deg: str = "60") -> None:
    """Print each frame's people, who keep their numbers from frame to frame. source: a video, or a camera's number."""
    live = source.isdigit()
    video = cv2.VideoCapture(int(source) if live else source)
    with open_pipeline() as pipeline:
        while True:
            read, image = video.read()
            if not read:
                break
            # Tracking and smoothing need the time of capture, of any clock that goes forward.
            stamp_ns = time.time_ns() if live else round(video.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            camera = Camera.from_hfov(float(hfov_deg), image.shape[1], image.shape[0])
            for person in pipeline(Frame(image, camera, stamp_ns)).people:
                if person.state in (TrackState.NEW, TrackState.TRACKED):
                    x, y, z = person.pose.root_cam_m
                    print(f"{stamp_ns / 1e9:.2f} s: person {person.track_id} at ({x:.2f}, {y:.2f}, {z:.2f}) m")
    video.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
