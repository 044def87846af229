"""Errors on the floor of a Tsai calibration, and identities by metres."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection
from pose3d_ros.evaluation.metrics.identity import has_trackeval
from pose3d_ros.evaluation.protocols.protocol_run import evaluate_protocol, read_for_protocol
from pose3d_ros.evaluation.protocols.protocol_table import get_protocol
from pose3d_ros.records import Person

from ..datasets.conftest import write_cvml, write_mot
from .conftest import found_in

pytestmark = pytest.mark.skipif(not has_trackeval(), reason="TrackEval is not installed")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A person on the floor, in two frames."""
    return read_for_protocol(write_cvml(tmp_path), get_protocol("pets-ground"), Selection())


def figures(dataset: Dataset, factor: float) -> dict[str, float]:
    def change(person: Person) -> Person:
        return replace(person, pose=replace(person.pose, root_cam_m=person.pose.root_cam_m * factor))

    return dict(evaluate_protocol(found_in(dataset, change), dataset, "pets-ground").figures)


def test_errors_are_on_the_floor_and_along_the_ray(dataset: Dataset) -> None:
    ground = dataset.sequences[0].ground
    assert ground is not None
    roots = [frame.people[0].pose.root_cam_m for frame in dataset.frames]
    horizontal = [0.04 * np.linalg.norm(root - (root @ ground.up_cam) * ground.up_cam) for root in roots]
    found = figures(dataset, 1.04)
    assert found["ground_error_mean_m"] == pytest.approx(np.mean(horizontal))
    assert found["distance_error_percent"] == pytest.approx(100 * np.log(1.04))
    assert found["distance_bias_percent"] == pytest.approx(100 * np.log(1.04))
    assert figures(dataset, 0.97)["distance_bias_percent"] == pytest.approx(100 * np.log(0.97))


def test_identities_are_matched_within_a_metre(dataset: Dataset) -> None:
    assert figures(dataset, 1.0)["mota_1m"] == 100.0
    near, far = figures(dataset, 1.03), figures(dataset, 1.2)
    assert (near["mota_1m"], near["idf1_1m"]) == (100.0, 100.0)
    assert far["mota_1m"] == -100.0  # both missed, and two false positives


def test_without_a_floor_there_are_no_positions(tmp_path: Path) -> None:
    boxes = read_for_protocol(write_mot(tmp_path / "small"), get_protocol("pets-ground"), Selection())
    own = found_in(boxes)
    camera = read_for_protocol(write_cvml(tmp_path), get_protocol("pets-ground"), Selection()).sequences[0].camera
    result = evaluate_protocol(replace(own, camera=camera), boxes, "pets-ground")
    assert all(np.isnan(value) for value in result.figures.values())
