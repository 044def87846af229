"""CVML's XML beside a Tsai calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.boxed_people import HIPS_M
from pose3d_ros.evaluation.datasets.cvml_xml import is_cvml, read_cvml
from pose3d_ros.evaluation.datasets.ground_truth import Selection

from .conftest import write_cvml


def test_people_stand_on_the_floor_of_the_calibration(tmp_path: Path) -> None:
    path = write_cvml(tmp_path)
    assert is_cvml(path)
    assert not is_cvml(path.with_name("View_001.xml"))
    (sequence,) = read_cvml(path, Selection()).sequences
    assert sequence.camera is not None
    assert sequence.ground is not None
    assert [frame.number for frame in sequence.frames] == [0, 1]
    (person,) = sequence.frames[0].people
    assert person.track_id == 7
    np.testing.assert_allclose(person.pose.detection.box_xyxy_px, [365, 200, 395, 290])
    # The middle of the lower edge is the principal point: the world's origin, 20 m away.
    expected = np.array([0, 0, 20.0]) + HIPS_M * sequence.ground.up_cam
    np.testing.assert_allclose(person.pose.root_cam_m, expected, atol=1e-6)


@pytest.mark.parametrize("change", [('id="7"', 'id="x"'), ('h="90"', 'h="-1"'), ("<dataset", "<data"), ("xc=", "xd=")])
def test_other_content_is_named(tmp_path: Path, change: tuple[str, str]) -> None:
    path = write_cvml(tmp_path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match="CVML boxes"):
        read_cvml(path, Selection())
