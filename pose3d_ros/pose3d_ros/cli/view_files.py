"""`pose3d view` of files: people that were found before, or in a source that runs through the models now."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE
from pose3d_ros.bags.people_lines import SUFFIXES
from pose3d_ros.bags.topic_choice import GROUND_TRUTH
from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.people_files import FoundFrame
from pose3d_ros.cli.recording_options import recording_choice
from pose3d_ros.cli.recording_sources import open_any_source
from pose3d_ros.cli.scene_options import given_floor
from pose3d_ros.cli.source_run import SourceJob, SourceRun
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.recording.prediction import open_predictor
from pose3d_ros.evaluation.recording.predictions import Predictions, read_predictions
from pose3d_ros.nodes.timing import RateMeter
from pose3d_ros.reading.files import is_file, is_folder
from pose3d_ros.viewer.frame_store import FrameStore
from pose3d_ros.viewer.page import Page, people_words
from pose3d_ros.viewer.player import Player, play
from pose3d_ros.viewer.shown_floor import ShownFloor
from pose3d_ros.viewer.shown_frame import ShownFrame

PEOPLE_FILE = "people.jsonl"
_STILL_NS = 1_000_000_000
"""How long each of several photographs is shown."""
_END_S = 10.0


class _EndedError(Exception):
    """The page is closed, and what still fills it ends."""


def view_files(args: argparse.Namespace, page: Page) -> int:
    """Show a file until Ctrl-C. Returns the exit code. Raises our errors for what can't be used."""
    page.scene.floor = ShownFloor(given_floor(args))
    found = people_file(args.source)
    if found is None and not _lasts(args.source):
        return _show_as_found(args, page)
    store = FrameStore()
    player = Player(page, store)
    fill = _filled_by_models(args, store, player) if found is None else _filled_by_file(args, found, store, player)
    return _play_while_filled(player, fill)


def people_file(text: str) -> Path | None:
    """The file with people that a source names: lines, a folder with them, or a recording; None for another source."""
    path = Path(text)
    if is_folder(path) and is_file(path / PEOPLE_FILE):
        return path / PEOPLE_FILE
    if path.suffix in SUFFIXES:
        return path
    if is_bag(path):
        with BagReader(path) as bag:
            if any(GROUND_TRUTH not in topic for topic in bag.topics_of((PEOPLE_TYPE,))):
                return path
    return None


def _lasts(text: str) -> bool:
    """Whether a source is on disk, and not a camera or a stream."""
    return is_file(Path(text)) or is_folder(Path(text))


class Ending:
    """Whether the page is to end; what fills the store looks at it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.error: Exception | None = None

    def set(self) -> None:
        """End."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether to end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raises _EndedError when it is to end."""
        if self.is_set():
            raise _EndedError


Fill = Callable[[Ending], None]


def _play_while_filled(player: Player, fill: Fill) -> int:
    """Play what there is, while another thread adds to it. Raises its error when there was nothing to show."""
    ending = Ending()

    def run() -> None:
        try:
            fill(ending)
        except _EndedError:
            pass
        except Exception as error:  # shown, and raised below
            ending.error = error
            player.about = {**player.about, "error": str(error)}
            if player.is_empty:
                ending.set()
            else:
                warn_of((str(error),))
        finally:
            player.finish()

    filler = threading.Thread(target=run, name="pose3d-fill", daemon=True)
    filler.start()
    try:
        play(player, ending.is_set)
    finally:
        ending.set()
        filler.join(_END_S)
    if ending.error is not None:
        raise ending.error
    return 0


def _filled_by_file(args: argparse.Namespace, path: Path, store: FrameStore, player: Player) -> Fill:
    """From people that were found before; their images follow."""
    predictions = read_predictions(path)
    warn_of(predictions.problems[:5])
    frames = frames_of(predictions, smoothed=args.smoothed)
    for frame in frames.values():
        store.add(frame)
    player.about = {"models": predictions.model} if predictions.model else {}
    if args.smoothed and not any(frame.smoothed is not None for frame in predictions.frames):
        warn_of((f"{path} has no smoothed people: those before the smoother are shown",))

    def fill(ending: Ending) -> None:
        source = args.images or (str(path) if _has_images(path) else None)
        if source is None:
            player.about = {**player.about, "images": "none: name what they were found in with --images"}
            return
        _add_images(args, source, frames, store, ending)

    return fill


def frames_of(predictions: Predictions, *, smoothed: bool) -> dict[int, ShownFrame]:
    """The frames of a file of people by their stamps, without images."""
    frames = {}
    for frame in predictions.frames:
        people = frame.smoothed if smoothed and frame.smoothed is not None else frame.raw
        error = "" if frame.raw is not None else "this frame could not be used"
        made = ShownFrame(frame.stamp_ns, people or (), predictions.camera, name=frame.name, error=error)
        frames[frame.stamp_ns] = replace(made, name="") if frame.name == str(frame.stamp_ns) else made
    return frames


def _has_images(path: Path) -> bool:
    if path.suffix in SUFFIXES:
        return False
    with BagReader(path) as bag:
        return bool(bag.topics_of((IMAGE_TYPE, COMPRESSED_TYPE)))


def _add_images(
    args: argparse.Namespace, text: str, frames: Mapping[int, ShownFrame], store: FrameStore, ending: Ending
) -> None:
    """The images of a source to the frames of the same stamp, or of the same name."""
    choice = recording_choice(args)
    source = open_any_source(text, choice, PipelineConfig())
    by_name = {Path(frame.name).name: stamp for stamp, frame in frames.items() if frame.name}
    count = 0
    for item in source:
        ending.check()
        if item.image_bgr is None:
            continue
        stamp_ns = by_name.get(str(item.name)) if item.stamp_ns not in frames or source.stills else item.stamp_ns
        if stamp_ns is None:
            continue
        count += 1
        if item.frame is not None:  # its camera has the lens too
            store.add(replace(frames[stamp_ns], camera=item.frame.camera, image_bgr=item.image_bgr))
        else:
            store.add_image(stamp_ns, item.image_bgr)
    if not count:
        fix = "Name the video, recording or folder that the people were found in."
        raise InputError(f"images {text}", expected="frames of the people's stamps or names", got="none", fix=fix)


def _filled_by_models(args: argparse.Namespace, store: FrameStore, player: Player) -> Fill:
    """By the models, which find people while what they have found is played."""
    job = SourceJob.of(args.source, args)

    def fill(ending: Ending) -> None:
        with ExitStack() as stack:
            predictor = stack.enter_context(open_predictor(job.config, smooth=args.smoothed and not job.source.stills))
            warn_of(predictor.pipeline.engine_problems)
            player.about = {"models": predictor.model}
            file = _StoredPeople(store, ending, stills=job.source.stills, smoothed=args.smoothed)
            bar = stack.enter_context(ProgressBar(Path(args.source).name))
            SourceRun(job, predictor, file, bar).process(args.frames)
            warn_of(job.source.remarks)

    return fill


class _Receiver:
    """A PeopleFile that hands frames on."""

    def __init__(self, ending: Ending, *, stills: bool, smoothed: bool) -> None:
        self._ending, self._stills, self._smoothed, self._count = ending, stills, smoothed, 0

    def __enter__(self) -> _Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def write(self, found: FoundFrame) -> None:
        """Hand a frame on. Raises _EndedError when the page is to end."""
        self._ending.check()
        frame = found.frame
        people = found.smoothed if self._smoothed and found.smoothed is not None else found.people
        shown = ShownFrame(self._stamp_ns(frame.stamp_ns), tuple(people), frame.camera, frame.image_bgr, frame.ground)
        self.take(replace(shown, name=str(found.name)))

    def write_error(self, name: str | int, stamp_ns: int, error: Exception) -> None:
        """The place of a frame that could not be used."""
        self._ending.check()
        self.take(ShownFrame(self._stamp_ns(stamp_ns), (), name=str(name), error=str(error)))

    def take(self, frame: ShownFrame) -> None:
        """What becomes of a frame."""
        raise NotImplementedError

    def _stamp_ns(self, stamp_ns: int) -> int:
        self._count += 1
        return self._count * _STILL_NS if self._stills else stamp_ns


class _StoredPeople(_Receiver):
    def __init__(self, store: FrameStore, ending: Ending, *, stills: bool, smoothed: bool) -> None:
        super().__init__(ending, stills=stills, smoothed=smoothed)
        self._store = store

    def take(self, frame: ShownFrame) -> None:
        self._store.add(frame)


class _ShownPeople(_Receiver):
    def __init__(self, page: Page, *, smoothed: bool) -> None:
        super().__init__(Ending(), stills=False, smoothed=smoothed)
        self._page, self._meter = page, RateMeter(time.monotonic)

    def take(self, frame: ShownFrame) -> None:
        self._meter.tick()
        self._page.show(frame, lambda: self._rows(frame))

    def _rows(self, frame: ShownFrame) -> Mapping[str, str]:
        return {
            "frame": frame.name,
            "shown": f"{self._meter.rate_hz():.1f} Hz",
            "people": people_words(frame.people),
            "floor": self._page.scene.floor_words,
        }


def _show_as_found(args: argparse.Namespace, page: Page) -> int:
    """A camera or a stream: nothing is kept."""
    job = SourceJob.of(args.source, args)
    with ExitStack() as stack:
        predictor = stack.enter_context(open_predictor(job.config, smooth=args.smoothed))
        warn_of(predictor.pipeline.engine_problems)
        bar = stack.enter_context(ProgressBar(args.source))
        SourceRun(job, predictor, _ShownPeople(page, smoothed=args.smoothed), bar).process(args.frames)
    return 0
