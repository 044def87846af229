"""Cameras, crops and poses in space: pure functions and frozen records over NumPy and OpenCV.

Conventions, here and everywhere in the package:

- Camera frame: the optical frame of REP 103, x right, y down, z forward, in metres.
- Image frame: integer pixel coordinates are pixel centers, so an image w pixels wide spans [-0.5, w - 0.5].
- Boxes are x0, y0, x1, y1 of their edges in these coordinates, so x1 - x0 is the width in pixels.
- Resizing by s maps u to s (u + 0.5) - 0.5, as `cv2.resize` does.
- Transforms name both ends: `img2crop` maps image pixels to crop pixels.
- A point without a value is NaN, and stays NaN through every function. Nothing is invented in its place.
"""

from pose3d_ros.geometry.alignment import similarity_align
from pose3d_ros.geometry.assemble import assemble
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.root_solver import SolvedRoots, solve_root

__all__ = ["Camera", "SolvedRoots", "assemble", "similarity_align", "solve_root"]
