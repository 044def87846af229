"""What the page shows of one frame."""

from __future__ import annotations

from dataclasses import dataclass

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.types import ImageArray


@dataclass(frozen=True, eq=False)
class ShownFrame:
    """People of one image, in its camera's optical frame unless `z_up_frame` names another.

    Attributes
    ----------
    stamp_ns : int
        Time of capture.
    people : tuple of Person
        Those of the image.
    camera : Camera, optional
        Of the image; None where nothing says it.
    image_bgr : ndarray, optional
        (H, W, 3) uint8; None where the image is not there.
    ground : GroundPlane, optional
        The floor, where something said so.
    name : str
        Of the frame in its source.
    error : str
        Why the frame could not be used.
    z_up_frame : str
        The frame that people are in instead of the camera's, x ahead and z up from its floor; "" for the camera's.
    """

    stamp_ns: int
    people: tuple[Person, ...]
    camera: Camera | None = None
    image_bgr: ImageArray | None = None
    ground: GroundPlane | None = None
    name: str = ""
    error: str = ""
    z_up_frame: str = ""
