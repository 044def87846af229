"""Print where the people in an image are: `python examples/image.py photo.jpg 60`."""

from __future__ import annotations

import sys

import cv2

from pose3d_ros import Camera, Frame, open_pipeline


def main(path: str, hfov_deg: str = "60") -> None:
    """Print each person's position and hands.

    path: of an image. hfov_deg: the camera's horizontal field of view; with a calibration use `Camera.from_yaml`.
    """
    image = cv2.imread(path)
    if image is None:
        sys.exit(f"{path} can't be read as an image")
    height_px, width_px = image.shape[:2]
    camera = Camera.from_hfov(float(hfov_deg), width_px, height_px)
    with open_pipeline() as pipeline:
        people = pipeline(Frame(image, camera)).people
    print(f"people: {len(people)}")
    for person in people:
        x, y, z = person.pose.root_cam_m
        print(f"person {person.track_id}: {x:.2f} m to the right, {y:.2f} m down, {z:.2f} m away")
        for joint in ("L_Wrist", "R_Wrist"):
            at = person.pose.joints_cam_m[person.pose.skeleton.index_of[joint]]
            print(f"    {joint}: {at.round(2)} m")


if __name__ == "__main__":
    main(*sys.argv[1:])
