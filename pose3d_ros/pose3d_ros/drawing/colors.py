"""The colors of people and body sides, the same in the overlay, the top view and the report."""

from __future__ import annotations

from pose3d_ros.skeletons import Skeleton

Bgr = tuple[int, int, int]

PERSON_HEX = ("#ff5d73", "#35d08f", "#a98bff", "#ffb627", "#3fc5f0", "#f277c6", "#c3e34f", "#ff8a4c")
LEFT_HEX = "#ff9f2e"
RIGHT_HEX = "#38bdf8"
MIDDLE_HEX = "#f2f4f8"
GROUND_TRUTH_HEX = "#9aa4b2"
RAW_HEX = "#e879c9"


def bgr(color_hex: str) -> Bgr:
    """`#rrggbb` as OpenCV's (blue, green, red), 0–255."""
    red, green, blue = (int(color_hex[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red


def person_hex(track_id: int) -> str:
    """The color of a person, the same for the same id."""
    return PERSON_HEX[(track_id - 1) % len(PERSON_HEX)]


def person_bgr(track_id: int) -> Bgr:
    """`person_hex` for OpenCV."""
    return bgr(person_hex(track_id))


def edge_hex(skeleton: Skeleton, edge: tuple[int, int]) -> str:
    """The color of a bone by the side of the body that its outer joint belongs to."""
    joint = skeleton.joints[edge[1]]
    return LEFT_HEX if joint.startswith("L_") else RIGHT_HEX if joint.startswith("R_") else MIDDLE_HEX
