"""The images of a bag as frames, each with its camera and what the bag tells of the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS
from pose3d_ros.bags.message_records import BagImage, UnusableImage
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.errors import BagError, CameraError, InputError, Pose3DError
from pose3d_ros.evaluation.recording.recorded_scene import RecordedScene
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import LATE_NS, Detection, Frame

_NS_PER_S = 1_000_000_000
_RATE_FRAMES = 50
_RATES_HZ = 1.0, 240.0


@dataclass(frozen=True)
class RecordingChoice:
    """What of a bag is used. image_topic, camera_topic: names or (shell) patterns.

    camera_of: the camera of images of that width and height in pixels, in place of camera_info.
    """

    image_topic: str = "*"
    camera_topic: str = "*"
    camera_of: Callable[[int, int], Camera] | None = None
    max_image_pixels: int = MAX_IMAGE_PIXELS


ANY_RECORDING = RecordingChoice()


@dataclass(frozen=True, eq=False)
class RecordedFrame(Frame):
    """A frame of a bag. detections: the boxes that another detector recorded for it, in place of our own's."""

    detections: tuple[Detection, ...] | None = None


class RecordedFrames:
    """Iterates over all images of a bag in the order of recording: frames, and what can't be used in their places.

    An image is not used that can't be decoded, is not of its camera's size, or is stamped no later than one before it.
    Where the clock was set back by more than a second the images behind that are used, unless their stamps were there
    before. scene: names the frame of the floor and the topic of depth. Raises BagError for a bag without such images
    or without a camera.

    Attributes: count, how many images the bag has; rate_hz, of the first ones' stamps; remarks, what the user should
    know of the bag, and unusable, the images that were not used, both complete after the iteration.
    """

    def __init__(
        self,
        path: Path,
        scene: SceneConfig | None = None,
        choice: RecordingChoice = ANY_RECORDING,
        detector: DetectorConfig | None = None,
    ) -> None:
        self._path, self._choice, self._detector = path, choice, detector or DetectorConfig()
        with BagReader(path) as bag:
            self.remarks, self.unusable = list(bag.problems), list[UnusableImage]()
            self._topic = bag.image_topic(choice.image_topic)
            self.count = bag.topics[self._topic].count
            self.rate_hz = usual_rate_hz(list(islice(bag.image_stamps_ns(self._topic), _RATE_FRAMES)))
            self._camera = None if choice.camera_of else recorded_camera(bag, choice, self.remarks.append)
        self._scene = RecordedScene(path, scene or SceneConfig())
        self._last_ns = -1
        self._seen: set[int] = set()

    @property
    def problems(self) -> tuple[str, ...]:
        """Remarks, and the images that were not used."""
        return (*self.remarks, *map(str, self.unusable))

    def __iter__(self) -> Iterator[RecordedFrame | UnusableImage]:
        used = 0
        with BagReader(self._path) as bag:
            for number, image in enumerate(bag.each_image(self._topic, self._choice.max_image_pixels), 1):
                found = self._frame_of(image, number)
                if isinstance(found, UnusableImage):
                    self.unusable.append(found)
                else:
                    used += 1
                yield found
        if not used:
            raise BagError(
                f"bag {self._path}",
                expected=f"an image on {self._topic} that can be used",
                got=f"{self.count} that can't; the first is {self.unusable[0]}" if self.unusable else "none",
                fix="Look at the node that published the images.",
            )

    def _frame_of(self, image: BagImage | UnusableImage, number: int) -> RecordedFrame | UnusableImage:
        if isinstance(image, UnusableImage):
            return image
        try:
            self._check_order(image.stamp_ns, number)
            frame = RecordedFrame(image.image_bgr, self._camera_of(image), image.stamp_ns, image.frame_id)
            ground, depth = self._scene.of(frame)
            detections = self._scene.detections(frame, self._detector)
        except (InputError, CameraError) as error:
            return UnusableImage(number, self._topic, image.stamp_ns, error.fresh())
        cam2fixed = self._scene.cam2fixed(frame)
        return replace(frame, ground=ground, depth=depth, cam2fixed=cam2fixed, detections=detections)

    def _camera_of(self, image: BagImage) -> Camera:
        height_px, width_px = image.image_bgr.shape[:2]
        if self._choice.camera_of is not None:
            return self._choice.camera_of(width_px, height_px)
        camera = self._camera
        assert camera is not None  # else it had been an error
        if (width_px, height_px) != (camera.width_px, camera.height_px):
            size = f"{camera.width_px}x{camera.height_px}"
            fix = "Record the camera_info of these images."
            raise InputError("image", expected=f"{size} as camera_info says", got=f"{width_px}x{height_px}", fix=fix)
        return camera

    def _check_order(self, stamp_ns: int, number: int) -> None:
        """Raise InputError for an image that comes too late, or again."""
        back_ns = self._last_ns - stamp_ns
        if stamp_ns in self._seen or 0 <= back_ns <= LATE_NS:
            got = "the stamp of an earlier one" if stamp_ns in self._seen else f"one {back_ns / 1e6:.0f} ms before it"
            fix = "Synchronize clocks, or record each image once."
            raise InputError("image", expected="a stamp later than that of the image before", got=got, fix=fix)
        if back_ns > 0:
            self.remarks.append(
                f"the clock was set back by {back_ns / _NS_PER_S:.1f} s at image {number} of {self._topic}: all tracks "
                "end there"
            )
        self._last_ns = stamp_ns
        self._seen.add(stamp_ns)


def usual_rate_hz(stamps_ns: Sequence[int]) -> float:
    """Of images with these stamps: by the usual interval, within what cameras have."""
    steps = [later - earlier for earlier, later in pairwise(stamps_ns) if later > earlier]
    return min(_RATES_HZ[1], max(_RATES_HZ[0], _NS_PER_S / median(steps))) if steps else _RATES_HZ[0]


def recorded_camera(bag: BagReader, choice: RecordingChoice, unusable: Callable[[str], None]) -> Camera:
    """The first usable camera of the chosen images. Raises BagError or CameraError without one."""
    fix = "Give a calibration (--camera), or a field of view (--hfov)."
    try:
        found = next(bag.cameras(choice.camera_topic, choice.image_topic, unusable), None)
    except CameraError as error:
        subject = f"bag {bag.path}: {error.subject}"
        raise CameraError(subject, expected=error.expected, got=error.got, fix=fix) from error
    except Pose3DError as error:
        if choice.camera_topic != "*" or "Choose" in error.fix:
            raise
        raise BagError(error.subject, expected=error.expected, got=error.got, fix=fix) from error
    if found is None:
        raise BagError(f"bag {bag.path}", expected="a camera_info message", got="none", fix=fix)
    return found.camera
