from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
from image_delivery import CASES, run_case


@pytest.mark.slow
@pytest.mark.skipif(find_spec("rclpy") is None or find_spec("pose3d_msgs") is None, reason="needs ROS")
def test_no_image_that_dds_delivers_is_lost(record_promise: Any) -> None:
    rows = [run_case(case, 60) for case in CASES if case.deliverable]
    least = min(int(str(row["arrived"])) for row in rows)
    promise = "58 of 60 images of 640x480 and 1280x720 arrive from reliable and best-effort drivers"
    record_promise("image delivery", promise, f"{least} of 60 in the worst of {len(rows)} cases", least >= 58)
