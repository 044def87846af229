"""What a bag holds besides its images: their stamps, the camera, ground truth by stamp."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import BagPeople, check_ids
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, IMAGE_TYPE
from pose3d_ros.errors import BagError, CameraError
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice, recorded_camera
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import LATE_NS, TrackState


@dataclass(frozen=True, eq=False)
class Recording:
    """What a bag holds besides its images: stamps of these, the camera, ground truth by stamp.

    stamps_ns: in the order of time, each once; those of the ground truth in a bag without images. camera: None where
    it is not known. problems: what the user should know.
    """

    camera: Camera | None
    stamps_ns: tuple[int, ...]
    ground_truth: Mapping[int, BagPeople]
    has_images: bool = True
    problems: tuple[str, ...] = ()


def read_recording(path: Path, choice: RecordingChoice = ANY_RECORDING) -> Recording:
    """Read a bag's stamps, camera and ground truth. Raises BagError for a bag with neither images nor ground truth."""
    problems: list[str] = []
    truth = ground_truth_of(path, problems.append, choice.image_topic)
    with BagReader(path) as bag:
        has_images = any(bag.topics[name].count for name in bag.topics_of((COMPRESSED_TYPE, IMAGE_TYPE)))
        if not has_images and not truth:
            bag.image_topic(choice.image_topic)  # the error that lists its topics
        stamps = list(bag.image_stamps_ns(choice.image_topic)) if has_images else list(truth)
        camera = _camera(bag, choice, problems, is_expected=has_images)
        return Recording(camera, time_order(stamps), truth, has_images, (*bag.problems, *problems))


def ground_truth_of(
    path: Path, problem: Callable[[str], None] = lambda _: None, image_topic: str = "*"
) -> dict[int, BagPeople]:
    """The ground truth of the images of a bag by stamp, empty where it has none.

    problem: told of stamps that come twice. image_topic: a name or (shell) pattern. Raises BagError.
    """
    with BagReader(path) as bag:
        topic = bag.ground_truth_topic(image_topic)
        return by_stamp(bag.people(topic), f"ground truth of {path}", problem) if topic else {}


def no_ground_truth(path: Path) -> str:
    """What there is to say of a recording without it."""
    return f"{path} has no ground truth: what needs it is left out"


def by_stamp(
    messages: Iterable[BagPeople], subject: str, problem: Callable[[str], None] = lambda _: None
) -> dict[int, BagPeople]:
    """Messages by image stamp, in the order of time; of a stamp that repeats (a looped playback) the first counts.

    problem: told how many repeat, but for those that say of the last image's people that they are no longer there.
    """
    found: dict[int, BagPeople] = {}
    repeated = 0
    for message in messages:
        check_ids(message.people, f"{subject}, stamp {message.stamp_ns} ns")
        repeated += message.stamp_ns in found and any(person.state != TrackState.LOST for person in message.people)
        found.setdefault(message.stamp_ns, message)
    if repeated:
        problem(f"{subject}: {repeated} messages have the stamp of an earlier one, which counts")
    return {stamp: found[stamp] for stamp in time_order(found)}


def time_order(stamps_ns: Iterable[int]) -> tuple[int, ...]:
    """Stamps, each once, sorted as far as they are late; where a clock was set back they go on in that order."""
    parts: list[list[int]] = [[]]
    latest = None
    for stamp in dict.fromkeys(stamps_ns):
        if latest is not None and latest - stamp > LATE_NS:
            parts.append([])
            latest = None
        parts[-1].append(stamp)
        latest = stamp if latest is None else max(latest, stamp)
    return tuple(stamp for part in parts for stamp in sorted(part))


def _camera(bag: BagReader, choice: RecordingChoice, problems: list[str], *, is_expected: bool) -> Camera | None:
    """The camera that is given, or the recorded one; None, and why if it is expected, where there is none."""
    if choice.camera_of is not None:
        image = next(bag.images(choice.image_topic, lambda _: None), None)
        return None if image is None else choice.camera_of(image.image_bgr.shape[1], image.image_bgr.shape[0])
    try:
        return recorded_camera(bag, choice, problems.append)
    except (BagError, CameraError) as error:
        problems += [str(error)] if is_expected else []
        return None
