"""Running the pipeline on a bag frame by frame, without ROS: the same frames give the same numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.evaluation.recording.bag_recording import ground_truth_of, no_ground_truth
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordedFrames, RecordingChoice
from pose3d_ros.evaluation.recording.session import People, Session, SessionFrame
from pose3d_ros.geometry.camera import Camera


def run_offline(
    path: Path,
    predictor: Predictor,
    progress: Callable[[int, int], None],
    scene: SceneConfig | None = None,
    choice: RecordingChoice = ANY_RECORDING,
    ground_truth: Mapping[int, People] | None = None,
    detector: DetectorConfig | None = None,
) -> Session:
    """Process every image of a bag in order and join it with the ground truth.

    progress: called with (done, all) after each image. scene: names the frame of the floor, and the topics of depth and
    of another detector's boxes, that the bag has. detector: the thresholds that hold for these boxes. ground_truth: by
    stamp; the bag's own when None. `received_ns` is the processing time added up, so that fps is how fast this machine
    would go. Raises BagError for a bag without a camera, or without images that can be used; some that can't are left
    out and named in the session's problems.
    """
    images = RecordedFrames(path, scene, choice, detector)
    truth = ground_truth
    if truth is None:
        recorded = ground_truth_of(path, images.remarks.append, choice.image_topic)
        truth = {stamp: message.people for stamp, message in recorded.items()}
    timings_ms: dict[str, list[float]] = defaultdict(list)
    frames: list[SessionFrame] = []
    camera: Camera | None = None
    busy_ns = 0
    for number, frame in enumerate(images, 1):
        if not isinstance(frame, UnusableImage):
            camera = camera or frame.camera
            found = predictor(frame, frame.detections)
            busy_ns += found.elapsed_ns
            for stage, time_ms in found.timings_ms.items():
                timings_ms[stage].append(time_ms)
            people = tuple(p.converted(predictor.skeleton) for p in truth.get(frame.stamp_ns, ()))
            elapsed_ms, is_annotated = found.elapsed_ns * 1e-6, frame.stamp_ns in truth
            results = people, found.people, found.smoothed, busy_ns, elapsed_ms, is_annotated
            frames.append(SessionFrame(frame.stamp_ns, *results))
        progress(number, images.count)
    assert camera is not None  # RecordedFrames raises where there is no frame
    return Session(
        camera,
        predictor.skeleton,
        tuple(frames),
        model=predictor.model,
        backend=predictor.pipeline.engines.backend.name,
        engine_ms={stage: float(np.mean(values)) for stage, values in timings_ms.items()},
        delay_frames=predictor.delay_frames,
        how="computed frame by frame without ROS",
        has_ground_truth=bool(truth),
        problems=images.problems if truth else (*images.problems, no_ground_truth(path)),
    )
