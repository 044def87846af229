"""Running the pipeline on a bag frame by frame, without ROS: the same frames give the same numbers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.recording.recorded_scene import RecordedScene
from pose3d_ros.evaluation.recording.session import Recording, Session, SessionFrame, read_recording
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, Person
from pose3d_ros.stages.smooth.person_smoother import PersonSmoother


def run_offline(
    path: Path,
    pipeline: Pipeline,
    smoother: PersonSmoother | None,
    model: str,
    progress: Callable[[int, int], None],
    scene: SceneConfig | None = None,
) -> Session:
    """Process every image of a bag in order and join it with the bag's ground truth.

    pipeline: without a smoother of its own. model: the names of all models. progress: called with (done, all) after
    each frame. scene: names the frame of the floor and the topic of depth that the bag has. `received_ns` is the
    processing time added up, so that fps is how fast this machine would go. Raises BagError for a bag without
    camera_info, or without images that can be decoded; some that can't are left out and named in the session's
    problems.
    """
    recording = read_recording(path)
    problems = list(recording.problems)
    skeleton = pipeline.skeleton
    timings_ms: dict[str, list[float]] = defaultdict(list)
    frames: list[SessionFrame] = []
    busy_ns = 0
    recorded = RecordedScene(path, scene or SceneConfig(), recording.camera)
    for image in _frames(path, recording, problems.append):
        ground, depth = recorded.of(image)
        frame = replace(image, ground=ground, depth=depth)
        start_ns = time.perf_counter_ns()
        result = pipeline(frame)
        middle_ns = time.perf_counter_ns()
        smoothed: tuple[Person, ...] | None = None
        if smoother is not None:
            smoothed = smoother.update(result.people, frame.stamp_ns, frame.camera, result.ground)
            timings_ms["smooth"].append((time.perf_counter_ns() - middle_ns) * 1e-6)
        elapsed_ns = time.perf_counter_ns() - start_ns
        busy_ns += elapsed_ns
        for stage in ("detect", "pose"):
            timings_ms[stage].append(result.timings_ms[stage])
        ground_truth = recording.ground_truth.get(frame.stamp_ns)
        people = tuple(p.converted(skeleton) for p in ground_truth.people) if ground_truth is not None else ()
        frames.append(SessionFrame(frame.stamp_ns, people, result.people, smoothed, busy_ns, elapsed_ns * 1e-6))
        progress(len(frames), len(recording.stamps_ns))
    if not frames:
        raise BagError(
            f"bag {path}",
            expected="an image that can be decoded",
            got=f"{len(recording.stamps_ns)} that can't; the first is {problems[0]}",
            fix="Look at the node that published the images.",
        )
    return Session(
        recording.camera,
        skeleton,
        tuple(frames),
        model=model,
        backend=pipeline.engines.backend.name,
        engine_ms={stage: float(np.mean(values)) for stage, values in timings_ms.items()},
        delay_frames=0 if smoother is None else smoother.delay_frames,
        how="computed frame by frame without ROS",
        has_ground_truth=bool(recording.ground_truth),
        problems=tuple(problems),
    )


def _frames(path: Path, recording: Recording, unusable: Callable[[str], None]) -> Iterator[Frame]:
    camera = recording.camera
    last_ns, late = -1, 0
    with BagReader(path) as bag:
        for image in bag.images(unusable=unusable):
            size = (image.image_bgr.shape[1], image.image_bgr.shape[0])
            if size != (camera.width_px, camera.height_px):
                raise BagError(
                    f"bag {path}",
                    expected=f"images of {camera.width_px}x{camera.height_px} as camera_info says",
                    got=f"{size[0]}x{size[1]} at {image.stamp_ns} ns",
                    fix="Record the camera_info of this image topic.",
                )
            if image.stamp_ns > last_ns:
                last_ns = image.stamp_ns
                yield Frame(image.image_bgr, camera, image.stamp_ns, image.frame_id)
            else:
                late += 1
    if late:
        unusable(f"bag {path}: {late} images are left out, stamped no later than one before them")
