"""The configurations of RViz and Foxglove."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

PACKAGE = Path(__file__).resolve().parents[2]


def test_rviz_displays_show_published_topics() -> None:
    rviz = yaml.safe_load((PACKAGE / "config/pose3d.rviz").read_text(encoding="utf-8"))
    displays = rviz["Visualization Manager"]["Displays"]
    topics = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    assert topics == {"markers", "markers_smoothed", "overlay"}
    layout = json.loads((PACKAGE / "config/foxglove.json").read_text(encoding="utf-8"))
    assert set(layout["configById"]["3D!people"]["topics"]) == {"/markers", "/markers_smoothed"}
