"""The path of a frame: detect → root and pose → track → smooth. The only file that orders the stages."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from pose3d_ros.config.settings import DetectorConfig, PipelineConfig
from pose3d_ros.engines import BackendChoice, Engine, EngineOptions, Manifest, ManifestEntry, open_engine
from pose3d_ros.engines.base import engine_problems
from pose3d_ros.engines.images.image_loader import ImageLoader
from pose3d_ros.engines.options import DEFAULT_CACHE_DIR
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame, FrameResult, Pose
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.pose.placement import needs_lifter
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.stages.skeleton_conversion import convert_people
from pose3d_ros.stages.smooth.smoother import Smoother
from pose3d_ros.stages.track.tracker import Tracker

_log = logging.getLogger(__name__)

_Open = Callable[[ManifestEntry], Engine]


class Pipeline:
    """Frames in, people out. Use it from one thread; as a context manager it closes its engines."""

    def __init__(
        self,
        detector: Detector,
        estimator: RootPoseEstimator,
        tracker: Tracker,
        smoother: Smoother | None = None,
        *,
        skeleton: str = "",
        engines: Sequence[Engine] = (),
    ) -> None:
        """skeleton: what to give the people in, empty for the engine's. engines: closed with the pipeline."""
        self._detector = detector
        self._estimator = estimator
        self._tracker = tracker
        self._smoother = smoother
        self._skeleton = get_skeleton(skeleton) if skeleton else estimator.skeleton
        self._engines = tuple(engines)
        self._load_image = ImageLoader(self._engines)

    @classmethod
    def from_manifest(
        cls,
        manifest: Manifest,
        config: PipelineConfig,
        backend: BackendChoice,
        *,
        smooth: bool = True,
        options: EngineOptions | None = None,
    ) -> Pipeline:
        """Open the engines of a manifest and make the stages.

        smooth: with the temporal smoother, where the manifest has one. options: `engine_options(config)` unless given.
        Raises EngineError when a role is not filled, or an engine can't be opened or does not fit its decoder; engines
        opened until then are closed.
        """
        opener = partial(open_engine, backend=backend, options=options or engine_options(config))
        return cls.from_opener(manifest, config, opener, smooth=smooth)

    @classmethod
    def from_opener(cls, manifest: Manifest, config: PipelineConfig, opener: _Open, *, smooth: bool = True) -> Pipeline:
        """The same with engines of the caller's own making. opener: called once for each entry that is needed."""
        with contextlib.ExitStack() as opened:
            engines: dict[str, Engine] = {}

            def engine(entry: ManifestEntry) -> Engine:
                """One engine per entry: the stages share one that fills several roles."""
                if entry.name not in engines:
                    engines[entry.name] = opened.enter_context(opener(entry))
                return engines[entry.name]

            detector, estimator = _detector(manifest, engine, config), _estimator(manifest, engine, config)
            made = cls(
                detector,
                estimator,
                Tracker(config.tracker),
                _smoother(manifest, engine, config, estimator.skeleton) if smooth else None,
                skeleton=config.skeleton,
                engines=tuple(engines.values()),
            )
            opened.pop_all()
        return made

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the people that come out."""
        return self._skeleton

    @property
    def engine_statuses(self) -> tuple[str, ...]:
        """What runs each engine: `name: backend`."""
        return tuple(f"{engine.name}: {engine.status}" for engine in self._engines)

    @property
    def engine_problems(self) -> tuple[str, ...]:
        """Why an engine does not run on the chosen backend, of those that do not, or crops are not made there."""
        return (*engine_problems(self._engines), *([self._load_image.problem] if self._load_image.problem else []))

    @property
    def delay_frames(self) -> int:
        """Frames by which the people lag behind their image: the smoother's delay, 0 without one."""
        return 0 if self._smoother is None else self._smoother.delay_frames

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        """The people in a frame, with the milliseconds of each stage, their `total`, and what of it the `engines` took.

        detections: boxes that replace the detector's. Raises InputError for an image, camera or box that can't be
        used, before any engine runs, and EngineError when an engine fails; the people followed so far stay as they
        are and the next frame may come.
        """
        check_frame(frame)
        timings_ms: dict[str, float] = {}
        busy_s = self._busy_s()
        with _timed(timings_ms, "total"):
            poses, found = self._seen(frame, detections, timings_ms)
            with _timed(timings_ms, "track"):
                people = self._tracker.update(poses, frame.stamp_ns, frame.camera)
            if self._smoother is not None:
                with _timed(timings_ms, "smooth"):
                    people = self._smoother.update(people, frame.stamp_ns, frame.camera)
            people = convert_people(people, self._skeleton)
        timings_ms["engines"] = (self._busy_s() - busy_s) * 1e3
        return FrameResult(people, found, timings_ms)

    def _seen(
        self, frame: Frame, detections: Sequence[Detection] | None, timings_ms: dict[str, float]
    ) -> tuple[tuple[Pose, ...], tuple[Detection, ...]]:
        """The poses in the frame's image, and the boxes they were read from."""
        given = None if detections is None else _checked(detections)
        with _timed(timings_ms, "upload"):
            image = self._load_image(frame.image_bgr)
        with self._load_image.reading(image):
            with _timed(timings_ms, "detect"):
                found = self._detector(frame, image) if given is None else given
            with _timed(timings_ms, "pose"):
                return self._estimator(frame, found, image), found

    def _busy_s(self) -> float:
        return sum(engine.busy_s for engine in self._engines)

    def warm_up(self, width_px: int, height_px: int) -> None:
        """Run the image engines on a black image of that size: a first run allocates and is slow.

        A GPU prepares each size of batch once, so there it is run for as many sizes as max_people has.
        """
        camera = Camera.from_hfov(60.0, width_px, height_px)
        frame = Frame(np.zeros((height_px, width_px, 3), dtype=np.uint8), camera, 0)
        try:
            self._run_sizes(frame)
        except EngineError:
            if not self._load_image.problem:
                raise
            self._run_sizes(frame)  # with crops of the CPU
        self._estimator.reset()

    def _run_sizes(self, frame: Frame) -> None:
        height_px, width_px = frame.image_bgr.shape[:2]
        whole = Detection(np.array([-0.5, -0.5, width_px - 0.5, height_px - 0.5]), 1.0)
        image = self._load_image(frame.image_bgr)
        with self._load_image.reading(image):
            self._detector(frame, image)
            for people in self._load_image.batch_sizes(image, self._detector.config.max_people):
                self._estimator(frame, (whole,) * people, image)

    def reconfigure(self, config: PipelineConfig) -> None:
        """Take over the stages' settings; engines, backend and threads stay those it was made with."""
        self._detector.config = config.detector
        self._estimator.config = config.pose
        self._tracker.config = config.tracker
        self._skeleton = get_skeleton(config.skeleton) if config.skeleton else self._estimator.skeleton
        if self._smoother is not None:
            self._smoother.config = config.smoother

    def reset(self) -> None:
        """Forget everybody, as before another recording."""
        self._estimator.reset()
        self._tracker.reset()
        if self._smoother is not None:
            self._smoother.reset()

    def close(self) -> None:
        """Close the engines. Closing twice is fine."""
        for engine in self._engines:
            engine.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def check_frame(frame: Frame) -> None:
    """Raises InputError unless the image is (H, W, 3) uint8, not empty, and of its camera's size."""
    image, camera = frame.image_bgr, frame.camera
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError("image", expected="uint8 (height, width, 3), BGR", got=got, fix="Convert it to bgr8 first.")
    if not image.size:
        raise InputError("image", expected="at least one pixel", got=str(image.shape), fix="Check the camera's driver.")
    if (camera.height_px, camera.width_px) != image.shape[:2]:
        raise InputError(
            "image",
            expected=f"{camera.width_px}x{camera.height_px} as its camera says",
            got=f"{image.shape[1]}x{image.shape[0]}",
            fix="Use the calibration of this resolution, or resize the camera with the image.",
        )


def image_entries(manifest: Manifest) -> dict[str, ManifestEntry]:
    """Role → entry of the engines that a frame goes through before the tracker.

    Without a root net the pose net has to give metres, or have a lifter; the stage says so where it does not.
    """
    pose = manifest.for_role("pose")
    wanted = {"root": "root" not in pose.parameters, "lifter": needs_lifter(pose)}
    others = {role: manifest.for_role(role) for role, use in wanted.items() if use and manifest.has_role(role)}
    return {"detector": manifest.for_role("detector"), "pose": pose, **others}


def engine_options(config: PipelineConfig, report: Callable[[str], object] | None = None) -> EngineOptions:
    """The engines' options of a configuration. report: told in a line what takes long."""
    settings = config.engine
    options = EngineOptions(
        threads=settings.threads,
        precision=settings.precision,
        cache_dir=Path(settings.engine_cache) if settings.engine_cache else DEFAULT_CACHE_DIR,
        # Plans that were built with the usual number serve a node that looks for fewer.
        max_people=max(config.detector.max_people, DetectorConfig().max_people),
        allow_build=settings.build_engines,
        provider=settings.onnx_provider,
    )
    return replace(options, report=report) if report else options


def _checked(detections: Sequence[Detection]) -> tuple[Detection, ...]:
    for detection in detections:
        box = np.asarray(detection.box_xyxy_px)
        if box.shape != (4,) or not np.isfinite(box).all() or not (box[2:] > box[:2]).all():
            raise InputError(
                "box",
                expected="four finite numbers x0, y0, x1, y1 with x1 > x0 and y1 > y0",
                got=str(box.tolist()),
                fix="Leave boxes without an area out.",
            )
    return tuple(detections)


def _detector(manifest: Manifest, engine: _Open, config: PipelineConfig) -> Detector:
    entry = manifest.for_role("detector")
    return Detector(engine(entry), entry, config.detector)


def _estimator(manifest: Manifest, engine: _Open, config: PipelineConfig) -> RootPoseEstimator:
    entries = image_entries(manifest)
    pose = entries["pose"]
    root, lift = entries.get("root"), entries.get("lifter")
    shared = root is not None and root.name == pose.name
    return RootPoseEstimator(
        engine(pose),
        pose,
        engine(root) if root is not None and not shared else None,
        root,
        engine(lift) if lift is not None else None,
        lift,
        config=config.pose,
    )


def _smoother(manifest: Manifest, engine: _Open, config: PipelineConfig, skeleton: Skeleton) -> Smoother | None:
    if not manifest.has_role("smoother"):
        return None
    entry = manifest.for_role("smoother")
    if entry.skeleton != skeleton.name:
        about = f"{entry.name} is for {entry.skeleton}, and people come in {skeleton.name}"
        _log.warning("nobody is smoothed: %s", about)
        return None
    return Smoother(engine(entry), entry, config.smoother)


@contextlib.contextmanager
def _timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings_ms[stage] = (time.perf_counter() - start) * 1e3
