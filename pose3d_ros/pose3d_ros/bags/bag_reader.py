"""Reading bags (MCAP and sqlite3, files and folders) as they are or into records, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pose3d_ros.bags.bag_parts import BagParts, BagTopic, SerializedMessage
from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS, decoded_bgr
from pose3d_ros.bags.image_encodings import image_bgr
from pose3d_ros.bags.message_records import (
    BagCamera,
    BagImage,
    BagPeople,
    TrackIds,
    UnusableImage,
    camera_of,
    is_rectified,
    people_of,
    stamp_ns,
)
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE
from pose3d_ros.bags.topic_choice import TopicChoice
from pose3d_ros.config.share_folders import share_directories
from pose3d_ros.errors import BagError, CameraError, InputError, Pose3DError
from pose3d_ros.reading.files import is_there

SAMPLE, SAMPLE_WITH_DEPTH = "people_crossing.mcap", "people_crossing_depth.mcap"
_Record = TypeVar("_Record")
_Unusable = Callable[[str], None]


class BagReader:
    """An open bag: a context manager that yields messages or records in the order of recording.

    path: an .mcap or .db3 file, or a rosbag2 folder. Raises BagError when it can't be read. Messages are decoded with
    the definitions that the bag itself carries, and with this package's for a bag that carries none (sqlite3 before
    Iron). Of a recording that was cut off, what was whole until then is read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not is_there(self.path):
            fix = "Check the path."
            raise BagError(f"bag {path}", expected="a bag", got="no such file or folder", fix=fix)
        self._parts = BagParts(self.path)

    def __enter__(self) -> BagReader:
        self._parts.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.__exit__(kind, error, trace)

    @property
    def problems(self) -> tuple[str, ...]:
        """What the user should know of the bag."""
        return self._parts.problems

    @property
    def topics(self) -> dict[str, BagTopic]:
        """The topics by name."""
        return self._parts.topics

    @property
    def start_ns(self) -> int:
        """Recording time of the first message, 0 for an empty bag."""
        return self._parts.span_ns[0]

    @property
    def duration_s(self) -> float:
        """From the first to the last message, 0 for an empty bag."""
        start_ns, end_ns = self._parts.span_ns
        return max(0.0, (end_ns - start_ns) * 1e-9)

    def topics_of(self, msgtypes: Collection[str], pattern: str = "*") -> list[str]:
        """The topics of these types whose name fits a (shell) pattern."""
        return [topic.name for topic in self._choice.fitting(msgtypes, pattern)]

    def find_topic(self, msgtypes: Sequence[str], pattern: str = "*") -> str:
        """The only topic of one of these types whose name fits; see `TopicChoice.only`."""
        return self._choice.only(msgtypes, pattern).name

    def image_topic(self, topic: str = "*") -> str:
        """The topic of color images that fits; see `TopicChoice.image`."""
        return self._choice.image(topic).name

    def camera_topic(self, topic: str = "*", image_topic: str = "*") -> str:
        """The camera_info topic that fits, that of an image topic; see `TopicChoice.camera`."""
        return self._choice.camera(topic, image_topic).name

    def ground_truth_topic(self, image_topic: str = "*") -> str:
        """That of the people in the images of a topic, "" without one; see `TopicChoice.ground_truth`."""
        found = self._choice.ground_truth(image_topic)
        return found.name if found else ""

    def depth_topic(self) -> str:
        """The first topic of depth images, without a transport's suffix; "" without one."""
        return self._choice.depth()

    def images(
        self, topic: str = "*", unusable: _Unusable | None = None, max_pixels: int = MAX_IMAGE_PIXELS
    ) -> Iterator[BagImage]:
        """Images of the image topic that fits, compressed or raw.

        unusable: told of each image that can't be decoded, which is left out; None: the first one's InputError.
        """
        for found in self.each_image(topic, max_pixels):
            if isinstance(found, BagImage):
                yield found
            elif unusable is None:
                raise found.error
            else:
                unusable(str(found))

    def each_image(self, topic: str = "*", max_pixels: int = MAX_IMAGE_PIXELS) -> Iterator[BagImage | UnusableImage]:
        """All images of the image topic that fits, with those that can't be decoded in their places."""
        chosen = self._choice.image(topic)

        def read(received_ns: int, message: Any) -> BagImage | UnusableImage:
            stamp = stamp_ns(message.header)
            try:
                is_compressed = chosen.msgtype == COMPRESSED_TYPE
                pixels = decoded_bgr(message, max_pixels) if is_compressed else image_bgr(message)
            except InputError as error:
                return UnusableImage(number, chosen.name, stamp, error.fresh())
            return BagImage(stamp, received_ns, str(message.header.frame_id), pixels)

        for number, message in enumerate(self.serialized((chosen.name,)), 1):
            try:
                yield self._record(message, chosen.msgtype, read)
            except BagError as error:
                yield UnusableImage(number, chosen.name, None, error.fresh())

    def image_stamps_ns(self, topic: str = "*") -> Iterator[int]:
        """The stamps of the images of the image topic that fits; they are not decoded."""
        chosen = self._choice.image(topic)
        for message in self.serialized((chosen.name,)):
            with suppress(BagError):
                yield self._record(message, chosen.msgtype, lambda _, image: stamp_ns(image.header))

    def cameras(
        self, topic: str = "*", image_topic: str = "*", unusable: _Unusable | None = None
    ) -> Iterator[BagCamera]:
        """The camera_info messages of the topic that fits, for rectified images if that is what the images are.

        Unusable ones are left out: a driver may send zeros before it has its calibration. unusable: told once how many
        they were before the first usable one. Raises the first one's CameraError when there is no other.
        """
        name = self.camera_topic(topic, image_topic)
        rectified = bool(self.topics_of((COMPRESSED_TYPE, IMAGE_TYPE))) and is_rectified(self.image_topic(image_topic))
        skipped, problem, usable = 0, None, False

        def read(_: int, message: Any) -> BagCamera | Pose3DError:
            try:
                camera = camera_of(message, rectified=rectified)
            except CameraError as error:
                return error.fresh()
            return BagCamera(stamp_ns(message.header), str(message.header.frame_id), camera)

        for found in self.records(name, read):
            if not isinstance(found, BagCamera):
                skipped, problem = skipped + 1, problem or found
                continue
            if problem is not None and not usable and unusable is not None:
                unusable(f"the first {skipped} messages of {name} are left out: {problem}")
            usable = True
            yield found
        if problem is not None and not usable:
            raise problem

    def people(self, topic: str = "*") -> Iterator[BagPeople]:
        """The Person3DArray messages of the only such topic that fits, ids as numbers (see TrackIds)."""
        number_of = TrackIds()
        name = self.find_topic((PEOPLE_TYPE,), topic)
        yield from self.records(name, lambda received_ns, message: people_of(message, received_ns, number_of))

    def records(self, topic: str, read: Callable[[int, Any], _Record]) -> Iterator[_Record]:
        """What `read` makes of each (recording time ns, message) of a topic.

        Raises BagError for a damaged message and for one without the fields that this package knows, our errors as
        `read` raises them.
        """
        msgtype = self.topics[topic].msgtype
        for message in self.serialized((topic,)):
            yield self._record(message, msgtype, read)

    def serialized(self, topics: Collection[str]) -> Iterator[SerializedMessage]:
        """The messages of these topics as they were published. Raises BagError for a damaged one."""
        return self._parts.serialized(topics)

    def _record(self, message: SerializedMessage, msgtype: str, read: Callable[[int, Any], _Record]) -> _Record:
        try:
            return read(message.received_ns, self._decoded(message, msgtype))
        except Pose3DError:
            raise
        except Exception as error:  # the bag's own definition may be anything
            raise self._parts.unreadable(f"messages of another definition on {message.topic}") from error

    def _decoded(self, message: SerializedMessage, msgtype: str) -> Any:
        try:
            return self._parts.decoded(message.data, msgtype)
        except Exception as error:  # the bytes and the definition may be anything
            raise self._parts.unreadable(f"a damaged message on {message.topic}") from error

    @property
    def _choice(self) -> TopicChoice:
        return TopicChoice(self.path, tuple(self.topics.values()), self.problems)


def sample_bag(name: str = SAMPLE) -> Path:
    """A recording that comes with the package. Raises BagError when it is not installed."""
    folders = [directory / "samples" for directory in share_directories()]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise BagError(
        "sample recording",
        expected=f"{name}, which came with the package",
        got="none in " + ", ".join(str(folder) for folder in folders),
        fix="Install the package with its data files, or name a recording with --bag.",
    )
