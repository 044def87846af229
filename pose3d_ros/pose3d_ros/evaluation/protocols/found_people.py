"""Predictions of a file as what a protocol scores: by the stamps or the names of the dataset's frames."""

from __future__ import annotations

from pose3d_ros.evaluation.datasets.ground_truth import Dataset
from pose3d_ros.evaluation.protocols.scored import FoundPeople
from pose3d_ros.evaluation.recording.joining import predictions_by_frame
from pose3d_ros.evaluation.recording.predictions import Predictions
from pose3d_ros.evaluation.recording.recorded_truth import truth_of_dataset


def found_people(predictions: Predictions, dataset: Dataset) -> FoundPeople:
    """The people of the dataset's frames. Raises InputError when no prediction belongs to any of them."""
    problems = list(predictions.problems)
    frames = predictions_by_frame(predictions, truth_of_dataset(dataset), problems)
    return FoundPeople(
        people={stamp: frame.raw for stamp, frame in frames.items()},
        model=predictions.model,
        how=predictions.how,
        camera=predictions.camera,
        smoothed={stamp: frame.smoothed for stamp, frame in frames.items()},
        problems=tuple(problems),
    )
