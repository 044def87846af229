from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.records import Detection, FrameResult, TrackState

PERSON_MSG = Path(__file__).resolve().parents[2] / "pose3d_msgs/msg/Person3D.msg"


def test_track_states_are_the_constants_of_the_message() -> None:
    constants = dict(re.findall(r"^uint8 ([A-Z]+)=(\d+)", PERSON_MSG.read_text(), flags=re.MULTILINE))
    assert {name: int(value) for name, value in constants.items()} == {state.name: state.value for state in TrackState}


def test_records_are_frozen() -> None:
    detection = Detection(np.zeros(4), 0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        detection.score = 1.0  # type: ignore[misc]


def test_empty_results_do_not_share_their_timings() -> None:
    first, second = FrameResult((), ()), FrameResult((), ())
    first.timings_ms["detect"] = 1.0
    assert second.timings_ms == {}
