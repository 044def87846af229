"""Recordings and datasets as sources, whose frames bring their cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.bags.image_decoding import image_file
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.cli.sources import camera_of_size, has_images, open_source
from pose3d_ros.cli.video_source import Source, SourceFrame, Video
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.evaluation.datasets.dataset_formats import FORMATS, read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, GroundTruthFrame, GroundTruthSequence
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames, RecordingChoice
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import is_file, is_folder, is_there
from pose3d_ros.records import STILL, Frame
from pose3d_ros.types import ImageArray

_ANNOTATIONS = (".json", ".txt", ".xml", ".mat")


def open_any_source(
    text: str, choice: RecordingChoice, config: PipelineConfig, read: Callable[[Path], Dataset] | None = None
) -> Source:
    """A recording, a dataset, or what `open_source` opens. Raises our errors where there is nothing to read.

    A folder of images is that, whatever else it holds, unless it has a bag's metadata.yaml. read: gives the part of a
    dataset that is asked for, so that anything but a recording is a dataset.
    """
    path = Path(text)
    if is_bag(path) and not (has_images(path) and not is_file(path / "metadata.yaml")):
        return BagSource(path, choice, config)
    if read is not None:
        return DatasetSource(read(path), choice)
    may_be_dataset = (is_folder(path) and not has_images(path)) or path.suffix.lower() in _ANNOTATIONS
    if may_be_dataset and is_there(path) and any(one.holds(path) for one in FORMATS.values()):
        return DatasetSource(read_dataset(path), choice)
    return open_source(text, choice.max_image_pixels)


class BagSource:
    """The images of a bag. Raises BagError as `RecordedFrames`."""

    stills = False
    brings_cameras = True
    skipped: tuple[str, ...] = ()

    def __init__(self, path: Path, choice: RecordingChoice, config: PipelineConfig) -> None:
        self._frames = RecordedFrames(path, config.scene, choice, config.detector)
        self.count: int | None = self._frames.count
        self.rate_hz = self._frames.rate_hz

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of the bag, complete after its last frame."""
        return tuple(self._frames.remarks)

    def __iter__(self) -> Iterator[SourceFrame]:
        for number, found in enumerate(self._frames):
            if isinstance(found, UnusableImage):
                stamp_ns = STILL if found.stamp_ns is None else found.stamp_ns
                yield SourceFrame(number, stamp_ns, None, found.error)
            else:
                yield SourceFrame(number, found.stamp_ns, found.image_bgr, frame=found, detections=found.detections)


class DatasetSource:
    """The images of a dataset, one sequence after the other. Tracks end in between, by the stamps."""

    stills = False
    brings_cameras = True
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __init__(self, dataset: Dataset, choice: RecordingChoice) -> None:
        self._dataset, self._choice = dataset, choice
        self.count: int | None = len(dataset.frames)
        self.rate_hz = dataset.sequences[0].rate_hz

    def __iter__(self) -> Iterator[SourceFrame]:
        for sequence in self._dataset.sequences:
            with ExitStack() as stack:
                yield from self._frames_of(sequence, stack)

    def _frames_of(self, sequence: GroundTruthSequence, stack: ExitStack) -> Iterator[SourceFrame]:
        video = _VideoFrames(sequence, self._choice.max_image_pixels) if sequence.video is not None else None
        for frame in sequence.frames:
            try:
                image = self._image(frame, video)
                camera = self._camera(sequence, image)
            except (InputError, CameraError) as error:
                yield SourceFrame(frame.name, frame.stamp_ns, None, error.fresh())
                continue
            made = Frame(image, camera, frame.stamp_ns, ground=sequence.ground)
            yield SourceFrame(frame.name, frame.stamp_ns, image, frame=made)

    def _image(self, frame: GroundTruthFrame, video: _VideoFrames | None) -> ImageArray:
        if frame.image is not None:
            return image_file(frame.image, self._choice.max_image_pixels)[0]
        if video is None:
            fix = "Give the folder of the images, or their video, with --images."
            raise InputError(f"frame {frame.name}", expected="an image", got="annotations only", fix=fix)
        return video.image(frame.number)

    def _camera(self, sequence: GroundTruthSequence, image_bgr: ImageArray) -> Camera:
        height_px, width_px = image_bgr.shape[:2]
        if self._choice.camera_of is not None:
            return self._choice.camera_of(width_px, height_px)
        if sequence.camera is None:
            fix = "Give a calibration (--camera), or a field of view (--hfov)."
            raise CameraError(f"sequence {sequence.name}", expected="a calibration", got="none in the dataset", fix=fix)
        return camera_of_size(sequence.camera, width_px, height_px)


class _VideoFrames:
    """Frames of a video by their numbers, which only grow."""

    def __init__(self, sequence: GroundTruthSequence, max_pixels: int) -> None:
        assert sequence.video is not None
        self._name, self._at = str(sequence.video), sequence.first - 1
        self._frames = iter(Video(sequence.video, max_pixels))

    def image(self, number: int) -> ImageArray:
        """The frame of that number. Raises InputError where the video is shorter."""
        found: ImageArray | None = None
        while self._at < number:
            frame = next(self._frames, None)
            self._at += 1
            found = None if frame is None else frame.image_bgr
        if found is None:
            fix = "Look whether the video is whole, and of this sequence."
            raise InputError(f"video {self._name}", expected=f"frame {number}", got="its end before", fix=fix)
        return found
