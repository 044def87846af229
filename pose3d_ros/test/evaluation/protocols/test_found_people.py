"""Predictions of a file belong to a dataset's frames by stamp, else by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import Dataset
from pose3d_ros.evaluation.protocols.found_people import found_people
from pose3d_ros.evaluation.recording.predictions import PredictedFrame, Predictions

from ..datasets.conftest import CAMERA, write_mupots


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A small MuPoTS-3D."""
    return read_dataset(write_mupots(tmp_path))


@pytest.fixture
def predictions(dataset: Dataset) -> Predictions:
    """The dataset's own people, of all frames but the last."""
    frames = tuple(PredictedFrame(frame.name, frame.stamp_ns, frame.people) for frame in dataset.frames[:-1])
    skeleton = dataset.sequences[0].skeleton
    return Predictions(Path("x.jsonl"), skeleton, frames, "net", CAMERA, "predicted", problems=("a bad image",))


def test_people_are_found_by_stamp(dataset: Dataset, predictions: Predictions) -> None:
    found = found_people(predictions, dataset)
    assert list(found.people) == [frame.stamp_ns for frame in dataset.frames[:-1]]
    assert (found.model, found.camera, found.problems[0]) == ("net", CAMERA, "a bad image")


def test_people_of_other_stamps_are_found_by_name(dataset: Dataset, predictions: Predictions) -> None:
    shifted = tuple(replace(frame, stamp_ns=frame.stamp_ns + 7) for frame in predictions.frames)
    found = found_people(replace(predictions, frames=shifted), dataset)
    assert found.people == found_people(predictions, dataset).people


def test_people_of_something_else_are_an_error(dataset: Dataset, predictions: Predictions) -> None:
    other = tuple(replace(frame, name=f"{i}", stamp_ns=i + 7) for i, frame in enumerate(predictions.frames))
    with pytest.raises(InputError, match=r"x\.jsonl"):
        found_people(replace(predictions, frames=other), dataset)
