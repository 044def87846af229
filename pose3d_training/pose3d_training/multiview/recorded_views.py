"""What a recording shows of people in 2D, from the models or as it was found before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.bags.topic_choice import GROUND_TRUTH
from pose3d_ros.errors import CameraError
from pose3d_ros.evaluation.recording.bag_recording import read_recording
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.predictions import RAW, read_predictions
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames, RecordingChoice
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_training.multiview.view_tracks import ViewPeople, ViewTrack

_SEEN = (TrackState.NEW, TrackState.TRACKED)


@dataclass(frozen=True)
class ViewSource:
    """A recording of one camera. name: of the view. people: a file that has its people already; None for none."""

    path: Path
    name: str
    choice: RecordingChoice
    people: Path | None = None

    @property
    def found_before(self) -> Path | None:
        """The file with its people: the one that is named, or the recording where it has the topic `people`."""
        if self.people is not None:
            return self.people
        with BagReader(self.path) as bag:
            topics = [name for name in bag.topics_of((PEOPLE_TYPE,)) if GROUND_TRUTH not in name and name.endswith(RAW)]
        return self.path if len(topics) == 1 else None


@dataclass(frozen=True, eq=False)
class RecordedView:
    """A recording's camera, and who is seen in it at which stamp. frame_id: of the camera's optical frame."""

    source: ViewSource
    camera: Camera
    frame_id: str
    skeleton: Skeleton
    people: dict[int, tuple[Person, ...]]

    @property
    def track_ids(self) -> tuple[int, ...]:
        """Whose tracks `view_people` has, in that order."""
        return tuple(sorted({person.track_id for people in self.people.values() for person in people}))

    def view_people(self, origin_ns: int) -> ViewPeople:
        """Everyone's 2D joints over time, seconds from the origin."""
        return ViewPeople(self.source.name, tuple(self._track(one, origin_ns) for one in self.track_ids))

    def _track(self, track_id: int, origin_ns: int) -> ViewTrack:
        seen = [
            (stamp, person.pose)
            for stamp, people in sorted(self.people.items())
            for person in people
            if person.track_id == track_id
        ]
        times_s = np.array([(stamp - origin_ns) * 1e-9 for stamp, _ in seen])
        keypoints = self.camera.rays(np.stack([pose.joints_img_px for _, pose in seen]))[..., :2]
        return ViewTrack(track_id, times_s, keypoints, np.stack([pose.scores for _, pose in seen]))


def read_found(source: ViewSource, found: Path) -> RecordedView:
    """A view whose people are in a file. Raises our errors, CameraError for a recording whose camera is unknown."""
    recording = read_recording(source.path, source.choice)
    if recording.camera is None:
        raise CameraError(
            f"bag {source.path}",
            expected="camera_info: without a calibration two views tell no angles",
            got="; ".join(recording.problems) or "none",
            fix="Give a calibration (--camera), or a field of view (--hfov).",
        )
    predictions = read_predictions(found)
    people = {frame.stamp_ns: _seen(frame.raw) for frame in predictions.frames if frame.raw is not None}
    return RecordedView(source, recording.camera, _frame_id(source), predictions.skeleton, people)


def read_by_models(source: ViewSource, predictor: Predictor, progress: Callable[[int, int], None]) -> RecordedView:
    """A view whose people the models find. progress: called with (done, all) after each image. Raises our errors."""
    frames = RecordedFrames(source.path, None, source.choice)
    people: dict[int, tuple[Person, ...]] = {}
    camera: Camera | None = None
    predictor.pipeline.reset()
    for number, frame in enumerate(frames, 1):
        if not isinstance(frame, UnusableImage):
            camera = camera or frame.camera
            people[frame.stamp_ns] = _seen(predictor(frame).people)
        progress(number, frames.count)
    assert camera is not None  # RecordedFrames raises where there is no frame
    return RecordedView(source, camera, _frame_id(source), predictor.skeleton, people)


def _seen(people: tuple[Person, ...]) -> tuple[Person, ...]:
    return tuple(person for person in people if person.state in _SEEN)


def _frame_id(source: ViewSource) -> str:
    with BagReader(source.path) as bag:
        return next(bag.images(source.choice.image_topic, lambda _: None)).frame_id
