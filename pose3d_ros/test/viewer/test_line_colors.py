from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.drawing.colors import LEFT_HEX, MIDDLE_HEX, PERSON_HEX, RIGHT_HEX, bgr
from pose3d_ros.viewer.line_colors import line_colors, mapped


@pytest.mark.parametrize("color", [LEFT_HEX, RIGHT_HEX, MIDDLE_HEX, *PERSON_HEX, "#3e4a5c", "#11161e"])
def test_lines_get_the_colors_that_are_meant_at_nine_tenths_of_their_brightness(color: str) -> None:
    wanted = np.array(bgr(color)[::-1], dtype=np.uint8)
    assert mapped(line_colors(wanted)) == pytest.approx(0.905 * wanted, abs=14)


def test_white_is_mapped_as_three_js_does_it() -> None:
    """Measured in Chromium: white lines are (232, 232, 232), and (255, 90, 6) becomes (232, 176, 64)."""
    asked = np.array([[255, 255, 255], [255, 90, 6]], dtype=np.uint8)
    assert mapped(asked) == pytest.approx(np.array([[232, 232, 232], [232, 176, 64]]), abs=12)
