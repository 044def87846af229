"""The package's own recordings as a dataset: one sequence with the bag's camera and ground truth."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.datasets.ground_truth import (
    Dataset,
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    checked_dataset,
)
from pose3d_ros.evaluation.recording.bag_recording import read_recording
from pose3d_ros.evaluation.recording.recorded_frames import usual_rate_hz

NAME = "bag"


def read_bag(path: Path, selection: Selection) -> Dataset:
    """Read the ground truth of a bag; frames are named by their stamp, numbered from 0. Raises BagError."""
    recording = read_recording(path)
    if not recording.ground_truth:
        raise BagError(
            f"bag {path}",
            expected="a topic of pose3d_msgs/Person3DArray with ground_truth in its name",
            got="none",
            fix="Convert a dataset to a bag with `pose3d convert`, or record ground truth.",
        )
    skeleton = next(iter(recording.ground_truth.values())).skeleton
    stamps = recording.stamps_ns
    frames = tuple(
        GroundTruthFrame(
            f"{stamp}",
            number,
            stamp,
            None,
            recording.ground_truth[stamp].people if stamp in recording.ground_truth else (),
        )
        for number, stamp in enumerate(stamps)
        if selection.has_frame(number)
    )
    rate_hz = usual_rate_hz(stamps)
    sequence = GroundTruthSequence(path.stem, skeleton, recording.camera, frames, rate_hz, path.stem)
    return checked_dataset(path, NAME, [sequence] if selection.has_sequence(sequence.name) else [], selection)
