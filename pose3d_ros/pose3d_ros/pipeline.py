"""The path of a frame: poses (a `PoseSource` finds them) → track → smooth."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from pose3d_ros.config.settings import PipelineConfig, SmootherConfig
from pose3d_ros.engines.engine_pool import EnginePool
from pose3d_ros.engines.engine_set import EngineSet, Report, open_engine_set
from pose3d_ros.engines.images.frame_image import ImageLoader
from pose3d_ros.errors import ConfigError, EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import STILL, Detection, Frame, FrameResult, time_after
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.exposure import normalized_exposure
from pose3d_ros.stages.pose_chain import pose_source
from pose3d_ros.stages.pose_source import timed
from pose3d_ros.stages.roots.agreement import Agreement
from pose3d_ros.stages.roots.root_stage import RootStage
from pose3d_ros.stages.scene_change import SceneChange
from pose3d_ros.stages.smooth.chosen_smoother import ChosenSmoother
from pose3d_ros.stages.smooth.smoother import Smoother
from pose3d_ros.stages.track.tracker import Tracker

_WARM_UP_PX = (640, 480)
"""A first run allocates and is slow; it should not be the first frame's. The usual camera's size serves."""


def open_pipeline(
    engines: str | Path = "",
    *,
    backend: str = "auto",
    config: PipelineConfig | None = None,
    smooth: bool = True,
    report: Report | None = None,
    pool: EnginePool | None = None,
) -> Pipeline:
    """Open the engines of a folder as a pipeline that is ready to run.

    Parameters
    ----------
    engines : str or Path
        `auto`, `embedded`, the name of a set that `pose3d models get` got, or a folder with a `manifest.yaml`; empty
        for what `config` names, which is `auto` by default: the best that is there.
    backend : str
        `auto`, `tensorrt`, `torch` or `onnxruntime`; `auto` leaves it to `config`, whose own default takes the
        fastest that works here.
    config : PipelineConfig, optional
        Settings of engines and stages.
    smooth : bool
        Whether people are smoothed over time, by the method that `config` names.
    report : callable, optional
        Called with a line of text about what takes long, such as the build of an engine.
    pool : EnginePool, optional
        Shares the engines with other pipelines of the process; see its `frames` for pipelines in several threads.

    Returns
    -------
    Pipeline
        Warmed up. Close it, or use it in a `with` block.

    Raises
    ------
    EngineError
        When the folder, an engine in it or the backend can't be used; it says what to do about it.
    """
    config = config or PipelineConfig()
    settings = config.engine
    chosen = settings.backend if backend == "auto" else backend
    config = replace(config, engine=replace(settings, engines=str(engines) or settings.engines, backend=chosen))
    pipeline = Pipeline(open_engine_set(config, report, pool), config, smooth=smooth)
    with contextlib.ExitStack() as opened:  # closed again when a first run fails
        with contextlib.nullcontext() if pool is None else pool.frames:
            opened.enter_context(pipeline).warm_up(*_WARM_UP_PX)
        opened.pop_all()
    return pipeline


def open_smoother(
    config: PipelineConfig, report: Report | None = None, pool: EnginePool | None = None
) -> tuple[ChosenSmoother, EngineSet]:
    """The smoothing of a configuration alone, and the engines to close after it; options as of `open_pipeline`.

    Raises EngineError, and ConfigError for a method that is not there.
    """
    with contextlib.ExitStack() as opened:
        engines = opened.enter_context(open_engine_set(config, report, pool))
        smoother = _smoother(engines, config)
        opened.pop_all()
    return smoother, engines


class Pipeline:
    """Frames in, people out. Use it from one thread; as a context manager it closes its engines.

    `open_pipeline` makes one. Raises EngineError when a role has no model, or an engine can't be opened or does not
    fit its decoder; the engines are closed then.

    Parameters
    ----------
    engines : EngineSet
        Those of a folder, opened here as far as they are needed, and closed with the pipeline.
    config : PipelineConfig, optional
        Settings of the stages.
    smooth : bool
        With smoothing over time.
    """

    def __init__(self, engines: EngineSet, config: PipelineConfig | None = None, *, smooth: bool = True) -> None:
        config = config or PipelineConfig()
        self.engines = engines
        with contextlib.ExitStack() as opened:
            opened.enter_context(engines)
            self._poses = pose_source(engines, config)
            self._roots = RootStage(config.root, config.scene)
            self._tracker = Tracker(config.tracker)
            self._smoother = _smoother(engines, config, at_once=True) if smooth else None
            self._skeleton = get_skeleton(config.skeleton) if config.skeleton else self._poses.usual_skeleton
            opened.pop_all()
        self._load_image = ImageLoader(engines.opened)
        self._scene_change, self._jumped = SceneChange(), False
        self._time_ns: int | None = None
        self._max_people = config.detector.max_people

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the people that come out."""
        return self._skeleton

    @property
    def engine_problems(self) -> tuple[str, ...]:
        """What does not run as meant: other models than `auto` looks for, engines or crops on another backend."""
        return (*self.engines.problems, *([self._load_image.problem] if self._load_image.problem else []))

    @property
    def root_agreement(self) -> Agreement:
        """How much each root solver counts over the last seconds, and whether floor or depth contradict sizes."""
        return self._roots.agreement

    @property
    def delay_frames(self) -> int:
        """Frames by which the people lag behind their image on purpose: the smoother's, 0 without one."""
        return 0 if self._smoother is None else self._smoother.delay_frames

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        """Find the people in a frame.

        Parameters
        ----------
        frame : Frame
            A frame without a stamp is independent: no track continues into it, and no person is smoothed.
        detections : sequence of Detection, optional
            Boxes that replace the detector's.

        Returns
        -------
        FrameResult
            Its `timings_ms` has each stage, their `total`, and what of it the `engines` took.

        Raises
        ------
        InputError
            For an image, camera or box that can't be used, before any engine runs.
        EngineError
            When an engine fails; the people followed so far stay as they are and the next frame may come.
        """
        check_frame(frame)
        given = None if detections is None else _checked(detections)
        still = frame.stamp_ns == STILL
        if still:
            self.reset()
        else:
            frame = self._in_order(frame)
        timings_ms: dict[str, float] = {}
        busy_s = self.engines.busy_s
        with timed(timings_ms, "total"):
            with timed(timings_ms, "scene"):
                self._notice_jump(frame, still=still)
            with timed(timings_ms, "upload"):
                image = self._load_image(normalized_exposure(frame.image_bgr))
            with self._load_image.using(image):
                found = self._poses(frame, image, given)
            timings_ms.update(found.timings_ms)
            with timed(timings_ms, "root"):
                placed = self._roots.placed(frame, found.poses)
            with timed(timings_ms, "track"):
                tracked = self._tracker.update(
                    placed,
                    frame.stamp_ns,
                    frame.camera,
                    jumped=self._jumped,
                    known_as=self._roots.known_as,
                    cam2fixed=frame.cam2fixed,
                )
                self._roots.keep(self._tracker.track_ids)
                self._jumped = False
            if self._smoother is not None and not still:
                with timed(timings_ms, "smooth"):
                    tracked = self._smoother.update(tracked, frame.stamp_ns, frame.camera, self._roots.ground)
            tracked = tuple(person.converted(self._skeleton) for person in tracked)
        timings_ms["engines"] = (self.engines.busy_s - busy_s) * 1e3
        return FrameResult(tracked, found.detections, timings_ms, self._roots.ground)

    def _in_order(self, frame: Frame) -> Frame:
        """The frame, no earlier than the last one, so that all stages have one notion of a clock that goes back."""
        time_ns = time_after(self._time_ns, frame.stamp_ns)
        if time_ns is None:
            self._forget()
            self._jumped, time_ns = True, frame.stamp_ns
        self._time_ns = time_ns
        return frame if time_ns == frame.stamp_ns else replace(frame, stamp_ns=time_ns)

    def _notice_jump(self, frame: Frame, *, still: bool) -> None:
        """Where the image shows another scene than the last, nothing that was seen there helps to find its people."""
        if not still and self._scene_change(frame.image_bgr):
            self._poses.reset()
            self._jumped = True  # until the tracker has heard of it, whatever engine fails on this frame

    def warm_up(self, width_px: int, height_px: int) -> None:
        """Run the image engines on a black image: a first run allocates and is slow.

        A GPU prepares each batch size once, so there it is run for as many sizes as max_people has.

        Parameters
        ----------
        width_px, height_px : int
            Size of the images to come.

        Raises
        ------
        EngineError
            When an engine fails.
        """
        camera = Camera.from_hfov(60.0, width_px, height_px)
        frame = Frame(np.zeros((height_px, width_px, 3), dtype=np.uint8), camera, 0)
        try:
            self._run_sizes(frame)
        except EngineError:
            if not self._load_image.problem:
                raise
            self._run_sizes(frame)  # with crops of the CPU

    def _run_sizes(self, frame: Frame) -> None:
        image = self._load_image(frame.image_bgr)
        with self._load_image.using(image):
            self._poses.warm_up(frame, image, self._load_image.batch_sizes(image, self._max_people))

    def reconfigure(self, config: PipelineConfig) -> None:
        """Apply new settings of the stages.

        Parameters
        ----------
        config : PipelineConfig
            Its settings of engines, backend and threads are passed over.

        Raises
        ------
        ConfigError
            For a smoothing method that is not there; nothing is changed then.
        """
        if self._smoother is not None:
            check_at_once(config.smoother)
            self._smoother.config = config.smoother
        self._max_people = config.detector.max_people
        self._poses.configure(config)
        self._roots.config, self._roots.scene = config.root, config.scene
        self._tracker.config = config.tracker
        self._skeleton = get_skeleton(config.skeleton) if config.skeleton else self._poses.usual_skeleton

    def reset(self) -> None:
        """Drop all tracks, as before another recording."""
        self._forget()
        self._jumped, self._time_ns = False, None
        self._tracker.reset()

    def _forget(self) -> None:
        """Drop all that is known of the frames before, but who is followed."""
        self._scene_change.reset()
        self._poses.reset()
        self._roots.reset()
        if self._smoother is not None:
            self._smoother.reset()

    def close(self) -> None:
        """Close the engines. Closing twice is fine."""
        self.engines.close()

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


def check_at_once(config: SmootherConfig) -> None:
    """Raises ConfigError for smoothing that waits for later frames: a result has the people of its own frame."""
    if config.lookahead_frames:
        raise ConfigError(
            "parameter smoother.lookahead_frames",
            expected="0: a pipeline gives the people of the frame that it got",
            got=str(config.lookahead_frames),
            fix="Set it on smoother_node, whose messages have stamps of their own.",
        )


def _smoother(engines: EngineSet, config: PipelineConfig, *, at_once: bool = False) -> ChosenSmoother:
    if at_once:
        check_at_once(config.smoother)
    net = Smoother(engines.for_role("smoother")) if engines.manifest.has_role("smoother") else None
    return ChosenSmoother(net, config.smoother)
