"""Text files of the MOT challenge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.mot_text import is_mot, read_mot, read_rows, text_of

from .conftest import MOT_ROWS, TSAI, write_mot


def test_people_who_count_are_read_from_pixel_1(tmp_path: Path) -> None:
    folder = write_mot(tmp_path / "small")
    assert is_mot(folder)
    assert is_mot(tmp_path)
    (sequence,) = read_mot(folder, Selection()).sequences
    assert (sequence.name, sequence.rate_hz, sequence.camera) == ("small", 10.0, None)
    assert [[p.track_id for p in frame.people] for frame in sequence.frames] == [[1, 2], [1], [1]]
    first = sequence.frames[0]
    assert first.name == "small/000001.jpg"
    np.testing.assert_allclose(first.people[1].pose.detection.box_xyxy_px, [200, 50, 240, 150])
    assert first.people[1].score == 0.5
    assert np.isnan(first.people[0].pose.root_cam_m).all()
    assert [frame.stamp_ns - first.stamp_ns for frame in sequence.frames] == [0, 10**8, 2 * 10**8]


def test_calibration_beside_the_file_places_people(tmp_path: Path) -> None:
    folder = write_mot(tmp_path / "small")
    (folder / "calibration.xml").write_text(TSAI)
    (sequence,) = read_mot(folder, Selection()).sequences
    root = sequence.frames[0].people[0].pose.root_cam_m
    assert sequence.ground is not None
    assert sequence.ground.heights_m(root) == pytest.approx(0.92)


def test_rows_are_written_as_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(MOT_ROWS)
    rows = read_rows(path)
    path.write_text(text_of(rows))
    assert [(r.frame, r.track_id, r.visible, *r.box_xyxy_px) for r in read_rows(path)] == [
        (r.frame, r.track_id, r.visible, *r.box_xyxy_px) for r in rows
    ]


@pytest.mark.parametrize("line", ["1,2,3", "1,1,0,0,-5,10,1", "a,b,c,d,e,f", "1,1,0,0,nan,10", "99999999999,1,1,1,5,5"])
def test_other_lines_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(f"1,1,1,1,5,5\n{line}\n")
    with pytest.raises(InputError, match="line 2"):
        read_rows(path)
