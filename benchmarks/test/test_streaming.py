"""What the benchmark of streaming compares is the same net, and its rows say how they compare."""

from __future__ import annotations

from pathlib import Path

import pytest
import streaming

from pose3d_training.nets.temporal_net import TemporalModel


def test_step_and_window_are_one_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "WIDTHS", (3, 3))
    monkeypatch.setattr(streaming, "CHANNELS", 8)
    monkeypatch.setattr(streaming, "PEOPLE", (1, 3))
    rows, difference = streaming.compare(tmp_path, 2, 1)
    assert difference < 1e-5
    assert [row["people"] for row in rows] == [1, 3]
    for row in rows:
        assert row["times faster"] == pytest.approx(row["whole window ms"] / row["step ms"], rel=0.2)


def test_measured_net_sees_243_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHANNELS", 8)
    net = streaming.random_net()
    assert isinstance(net, TemporalModel)
    assert net.receptive_field == 243
