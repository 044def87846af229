"""Lines of people are read back as they were written, to 0.1 mm; others are errors with their place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.people_lines import error_line, frame_line, read_people_lines
from pose3d_ros.errors import InputError
from pose3d_ros.records import Frame, TrackState

from ..conftest import MUCO, Scene


def line_of(scene: Scene, **options: Any) -> dict[str, Any]:
    """The first frame's people."""
    frame = Frame(scene.image(0), scene.camera, scene.stamps_ns[0])
    text = frame_line("a.jpg", frame, MUCO, scene.ground_truth[0], calibrated=True, **options)
    read: dict[str, Any] = json.loads(text)
    return read


def test_people_are_read_back(scene: Scene, tmp_path: Path) -> None:
    people = list(scene.ground_truth[0])
    lost_m = people[0].pose.joints_cam_m.copy()
    lost_m[5] = np.nan
    pose = replace(people[0].pose, joints_cam_m=lost_m, root_solvers=("ground",))
    people[0] = replace(people[0], pose=pose, state=TrackState.PREDICTED, score=0.25)
    people[1] = replace(people[1], state=TrackState.LOST)
    frame = Frame(scene.image(0), scene.camera, 7)
    text = frame_line(3, frame, MUCO, people, calibrated=True, smoothed=people[2:], model="m")
    (tmp_path / "p.jsonl").write_text(f"{text}\n\n{error_line(4, 9, ValueError('cut'))}\n")
    first, second = read_people_lines(tmp_path / "p.jsonl")
    assert (first.name, first.stamp_ns, first.model, first.error) == (3, 7, "m", "")
    assert first.people is not None
    assert first.smoothed is not None
    assert first.camera is not None
    assert [p.track_id for p in (*first.people, *first.smoothed)] == [1, 3, 3]
    assert first.camera.K_px == pytest.approx(scene.camera.K_px, abs=1e-3)
    found, pose = first.people[0], people[0].pose
    assert (found.state, found.score) == (TrackState.PREDICTED, 0.25)
    np.testing.assert_allclose(found.pose.joints_cam_m, lost_m, atol=1e-4)
    np.testing.assert_allclose(
        np.delete(found.pose.joints_img_px, 5, 0), np.delete(pose.joints_img_px, 5, 0), atol=0.01
    )
    np.testing.assert_allclose(found.pose.detection.box_xyxy_px, pose.detection.box_xyxy_px, atol=0.02)
    assert found.pose.root_sigma_m == 0.1
    assert (second.name, second.stamp_ns, second.people, second.error) == (4, 9, None, "cut")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "none"}, "line 2: skeleton"),
        ({"frame": None}, "`frame`, a name or a number"),
        ({"stamp_ns": 0.5}, "`stamp_ns`, an integer"),
        ({"people": 3}, "a list of people, got 3"),
        ({"people": [{"id": 1}]}, "person 0, box: expected 4 numbers"),
        ({"camera": {"fx": 0}}, "camera's fx, fy, cx, cy"),
        ({"camera": {"fx": -1, "fy": 1, "cx": 1, "cy": 1}}, "line 2"),
    ],
)
def test_other_lines_are_errors_with_their_number(
    scene: Scene, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    good = line_of(scene)
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps({**good, **change})}\n")
    with pytest.raises(InputError, match=message) as caught:
        list(read_people_lines(tmp_path / "p.jsonl"))
    assert "line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("state", "GONE", "a state of NEW"),
        ("score", "high", "person 0, score: expected a number"),
        ("root", [1.0, 2.0], "person 0, root: expected 3 numbers"),
        ("joints", {"Tail": {"xyz": [0, 0, 1]}}, "a joint of muco21, got 'Tail'"),
        ("joints", {"Pelvis": {"xyz": [0, 0, 1e9]}}, "joint 'Pelvis', xyz"),
        ("id", 2, "id 2 for two people"),
    ],
)
def test_people_of_another_form_are_errors(
    scene: Scene, tmp_path: Path, place: str, value: object, message: str
) -> None:
    line = line_of(scene)
    line["people"][0][place] = value
    (tmp_path / "p.jsonl").write_text(json.dumps(line))
    with pytest.raises(InputError, match=message):
        list(read_people_lines(tmp_path / "p.jsonl"))


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"[]", b'{"frame": NaN}', b"x" * (9 << 20)], ids=range(5))
def test_what_is_no_json_is_an_error(text: bytes, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(json.dumps(line_of(scene)).encode() + b"\n" + text)
    with pytest.raises(InputError, match=r"p\.jsonl, line 2"):
        list(read_people_lines(tmp_path / "p.jsonl"))
