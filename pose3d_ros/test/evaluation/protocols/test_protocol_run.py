"""Results of a protocol: all metrics, groups by sequence, and the dataset converted to a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.protocols.protocol_run import evaluate_protocol, read_for_protocol
from pose3d_ros.evaluation.protocols.protocol_table import get_protocol
from pose3d_ros.evaluation.protocols.scored import FoundPeople

from ...conftest import Scene
from ..datasets.conftest import write_mot, write_mupots
from .conftest import found_in, moved


def test_file_has_figures_metrics_and_groups(tmp_path: Path) -> None:
    dataset = read_for_protocol(write_mupots(tmp_path), get_protocol("mupots-abs"), Selection())
    result = evaluate_protocol(found_in(dataset, moved((0, 0, 0.1))), dataset, "mupots-abs")
    result.write(tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())
    assert (written["protocol"], written["dataset"], written["sequences"]) == ("mupots-abs", "mupots", 2)
    assert written["pck_abs_all"] == written["figures"]["pck_abs_all"] == 100.0
    assert written["mrpe_mm"] == 100.0
    assert {name: group["people"] for name, group in written["groups"]["sequence"].items()} == {"TS1": 4, "TS2": 3}
    assert "definitions" in written


def test_people_of_one_number_in_two_sequences_are_two_people(tmp_path: Path) -> None:
    dataset = read_for_protocol(write_mupots(tmp_path), get_protocol("mupots"), Selection())
    scored = evaluate_protocol(found_in(dataset), dataset, "mupots").scored
    assert len({person.track_id for frame in scored.session.frames for person in frame.ground_truth}) == 4


def test_recording_of_a_dataset_is_scored_by_its_protocol(tmp_path: Path, scene: Scene) -> None:
    bag = scene.write(tmp_path / "TS1.mcap", frames=4)
    dataset = read_for_protocol(bag, get_protocol("mupots"), Selection())
    assert evaluate_protocol(found_in(dataset), dataset, "mupots").figures["pck_rel_all"] == 100.0


def test_selection_narrows_the_protocol(tmp_path: Path) -> None:
    dataset = read_for_protocol(write_mupots(tmp_path), get_protocol("mupots"), Selection(sequences=("TS2",), step=2))
    assert [frame.number for frame in dataset.frames] == [0, 1]


def test_predictions_of_something_else_and_no_camera_are_errors(tmp_path: Path) -> None:
    dataset = read_for_protocol(write_mupots(tmp_path), get_protocol("mupots"), Selection())
    with pytest.raises(InputError, match="none of any of them"):
        evaluate_protocol(FoundPeople({1: ()}), dataset, "mupots")
    boxes = read_for_protocol(write_mot(tmp_path / "small"), get_protocol("mot"), Selection())
    with pytest.raises(CameraError, match="--hfov"):
        evaluate_protocol(found_in(boxes), boxes, "mot")
