"""Recorded people, ids and states of any kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.message_records import TrackIds, person_of, sent_size_px
from pose3d_ros.errors import InputError
from pose3d_ros.skeletons import get_skeleton

COCO = get_skeleton("coco17")


def recorded(**changes: object) -> Any:
    """A Person3D as a bag has it, with some fields changed."""
    point = SimpleNamespace(x=0.1, y=0.2, z=3.0)
    joint = SimpleNamespace(position=point, u=300.0, v=200.0, score=0.9, valid=True)
    box = {"box_x": 1.0, "box_y": 2.0, "box_width": 30.0, "box_height": 40.0}
    person = {"id": "p_1", "state": 1, "score": 0.8, "root": point, "velocity": point, "joints": [joint] * len(COCO)}
    return SimpleNamespace(**{**person, **box, "root_covariance": np.eye(3).ravel(), **changes})


@pytest.mark.parametrize("state", [4, 129, 255, -1])
def test_state_that_is_none_is_an_error(state: int) -> None:
    with pytest.raises(InputError, match=rf"a state from 0 \(NEW\) to 3 \(LOST\), got {state}"):
        person_of(recorded(state=state), 1, COCO)


def test_people_of_recordings_before_root_solvers_are_read() -> None:
    assert person_of(recorded(), 1, COCO).pose.root_solvers == ()
    assert person_of(recorded(root_solvers=["ground"]), 1, COCO).pose.root_solvers == ("ground",)


def test_ids_of_many_digits_are_numbered() -> None:
    number_of = TrackIds()
    assert [number_of(name) for name in ("gt_2", "9" * 5000, "gt_2", "p_" + "1" * 400, "b2", "x")] == [2, 3, 2, 4, 5, 6]


def test_many_ids_are_numbered_in_one_pass() -> None:
    number_of = TrackIds()
    assert [number_of(f"person_{i}_a") for i in range(50_000)] == list(range(1, 50_001))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_numbers_that_no_person_has_are_no_person(value: float) -> None:
    far = SimpleNamespace(x=0.1, y=value, z=3.0)
    joint = SimpleNamespace(position=far, u=value, v=200.0, score=value, valid=True)
    person = person_of(recorded(joints=[joint] * len(COCO)), 1, COCO)
    assert np.isnan(person.pose.joints_cam_m).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_covariance_that_no_root_has_is_unknown(value: float) -> None:
    covariance_m2 = np.eye(3)
    covariance_m2[1, 1] = value
    assert np.isnan(person_of(recorded(root_covariance=covariance_m2.ravel()), 1, COCO).pose.root_sigma_m)


def test_person_of_a_box_alone_may_lack_a_root() -> None:
    nowhere = SimpleNamespace(x=np.nan, y=np.nan, z=np.nan)
    lost = SimpleNamespace(position=nowhere, u=np.nan, v=np.nan, score=0.0, valid=False)
    message = recorded(root=nowhere, joints=[lost] * len(COCO))
    assert np.isnan(person_of(message, 1, COCO, may_be_box=True).pose.root_cam_m).all()
    with pytest.raises(InputError, match="a root within 10 km"):
        person_of(message, 1, COCO)
    with pytest.raises(InputError, match="a root within 10 km"):
        person_of(recorded(root=nowhere), 1, COCO, may_be_box=True)


@pytest.mark.parametrize(
    ("size_px", "roi_px", "binning", "expected"),
    [
        ((640, 480), (0, 0), (0, 0), (640, 480)),
        ((640, 480), (0, 0), (2, 2), (320, 240)),
        ((640, 480), (200, 100), (1, 2), (200, 50)),
        ((0, 0), (0, 0), (0, 0), None),
    ],
)
def test_size_of_the_image_of_a_camera_info(
    size_px: tuple[int, int], roi_px: tuple[int, int], binning: tuple[int, int], expected: tuple[int, int] | None
) -> None:
    roi = SimpleNamespace(width=roi_px[0], height=roi_px[1])
    info = SimpleNamespace(width=size_px[0], height=size_px[1], binning_x=binning[0], binning_y=binning[1], roi=roi)
    assert sent_size_px(info) == expected
