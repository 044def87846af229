"""How well identities last, beside other trackers on the same boxes: IDF1, MOTA, HOTA, switches, fragments.

    python benchmarks/tracking.py --assets assets --seeds 1 2
    python benchmarks/tracking.py --video vtest.avi --boxes gt.txt --hfov 60

The first renders crossings (`pose3d synth crossings`, held out) into out/bench/crossings and keeps them; --bags takes
recordings with ground truth instead; without either it is the package's sample recording. The pipeline runs on every
image, and the boxes of the poses that it found are what the other trackers get; all are scored by those boxes, so
that identities alone differ. "perfect identities" gives each box the id of its person. Counted are people at least
30% visible, and of a video all its boxes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from common import load, report
from peers.mediapipe_process import Skipped
from peers.trackers_process import Tracked, run_trackers
from real_people import frames_of
from scipy.optimize import linear_sum_assignment

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import EngineConfig, PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet, open_engine_set
from pose3d_ros.errors import Pose3DError
from pose3d_ros.evaluation.datasets.boxed_people import BoxRow
from pose3d_ros.evaluation.datasets.mot_text import read_rows
from pose3d_ros.evaluation.metrics.identity import IdentityFrame, box_frame, score_identities
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, FrameResult
from pose3d_ros.types import Array

OURS, PERFECT = "pose3d_ros", "perfect identities"
_UNKNOWN = 100_000
"""Ids from here on are of boxes that are no person's."""
_JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class TruePerson:
    """A ground-truth person of a frame."""

    track_id: int
    box_xyxy_px: Array
    counts: bool = True


@dataclass(eq=False)
class Run:
    """A recording of a kind: ground truth and boxes of each frame, and what each tracker made of these."""

    kind: str
    rate_hz: float
    truths: list[tuple[TruePerson, ...]] = field(default_factory=list)
    boxes: list[tuple[Detection, ...]] = field(default_factory=list)
    tracks: dict[str, list[tuple[Tracked, ...]]] = field(default_factory=dict)


class ListeningPipeline(Pipeline):
    """The pipeline, whose boxes and people of each frame are kept, and its images as files."""

    def __init__(self, engines: EngineSet, config: PipelineConfig, folder: Path) -> None:
        super().__init__(engines, config, smooth=False)
        self.results: list[FrameResult] = []
        self._folder = folder

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        """See Pipeline."""
        result = super().__call__(frame, detections)
        path = self._folder / f"{len(self.results):06d}.jpg"
        cv2.imwrite(str(path), frame.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        self.results.append(result)
        return result


def main() -> None:
    """Run, score and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, metavar="DIR", help="render crossings from these bodies and motions")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the crossings (%(default)s)")
    parser.add_argument("--bags", type=Path, nargs="+", metavar="BAG", help="recordings with ground truth")
    parser.add_argument("--fixed-frame", help="TF frame to follow people in (default: odom for crossings, else none)")
    parser.add_argument("--video", type=Path, help="a video of people")
    parser.add_argument("--boxes", type=Path, metavar="FILE", help="its ground truth, gt.txt of a MOT challenge")
    parser.add_argument("--hfov", type=float, default=60.0, help="of the video's camera, degrees (%(default)s)")
    parser.add_argument("--engines", default="", help="set of engines or folder (default: as users get)")
    args = parser.parse_args()
    if (args.video is None) != (args.boxes is None):
        parser.error("--video and --boxes go together")
    fixed_frame = args.fixed_frame if args.fixed_frame is not None else "odom" if args.assets else ""
    scene, before = SceneConfig(fixed_frame=fixed_frame), load()
    config = PipelineConfig(engine=EngineConfig(engines=args.engines), scene=scene)
    bags = [(kind_of(bag), bag) for bag in args.bags or ()]
    bags += [*crossings(args.assets, args.seeds)] if args.assets else []
    if not bags and args.video is None:
        bags = [("sample recording", sample_bag())]
    notes: dict[str, object] = {}
    runs = [run_bag(kind, bag, config, notes) for kind, bag in bags]
    rows = rendered_rows(runs)
    if args.video is not None:
        rows += video_rows(run_video(args.video, args.boxes, args.hfov, config, notes))
    report("tracking", rows, {**notes, "load before and after": f"{before}, {load()}"})


def kind_of(bag: Path) -> str:
    """What a recording is called, its seed left out."""
    return bag.stem.rpartition("_s")[0] or bag.stem


def crossings(assets: Path, seeds: Sequence[int]) -> Iterable[tuple[str, Path]]:
    """Kind and bag of every rendered recording; those that are there are kept."""
    from pose3d_training.synthetic.crossing_ways import KINDS
    from pose3d_training.synthetic.crossings import CrossingChoice, write_crossing

    folder = Path("out/bench/crossings")
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        for seed in seeds:
            bag = folder / f"{kind}_s{seed}.mcap"
            if not bag.exists():
                print(f"rendering {bag} …", flush=True)
                write_crossing(CrossingChoice(kind, seed, frames=180), assets, bag)
            yield kind, bag


def run_bag(kind: str, bag: Path, config: PipelineConfig, notes: dict[str, object]) -> Run:
    """The pipeline and the other trackers on a bag with ground truth."""
    print(f"{bag.name} …", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        with (pipeline := ListeningPipeline(open_engine_set(config), config, Path(folder))):
            session = run_offline(bag, Predictor(pipeline), lambda done, of: None, config.scene)
        stamps_ns = [frame.stamp_ns for frame in session.frames]
        run = Run(kind, 1e9 / float(np.median(np.diff(stamps_ns))))
        run.truths = [
            tuple(
                TruePerson(p.track_id, p.pose.detection.box_xyxy_px, p.score >= MIN_VISIBLE) for p in frame.ground_truth
            )
            for frame in session.frames
        ]
        _track(run, pipeline.results, Path(folder), notes)
    return run


def run_video(video: Path, boxes: Path, hfov_deg: float, config: PipelineConfig, notes: dict[str, object]) -> Run:
    """The pipeline and the other trackers on a video, whose frames count from 1."""
    truths: dict[int, list[BoxRow]] = {}
    for row in read_rows(boxes):
        truths.setdefault(row.frame, []).append(row)
    stamps_ns: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        with (pipeline := ListeningPipeline(open_engine_set(config), config, Path(folder))):
            for image_bgr, stamp_ns in frames_of(video):
                height_px, width_px = image_bgr.shape[:2]
                pipeline(Frame(image_bgr, Camera.from_hfov(hfov_deg, width_px, height_px), stamp_ns))
                stamps_ns.append(stamp_ns)
        run = Run(video.name, 1e9 / float(np.median(np.diff(stamps_ns))))
        run.truths = [
            tuple(TruePerson(row.track_id, row.box_xyxy_px) for row in truths.get(number, ()))
            for number in range(1, len(stamps_ns) + 1)
        ]
        _track(run, pipeline.results, Path(folder), notes)
    return run


def _track(run: Run, results: Sequence[FrameResult], folder: Path, notes: dict[str, object]) -> None:
    """What the pipeline's tracker and the other ones made of the same boxes."""
    run.boxes = [result.detections for result in results]
    run.tracks[OURS] = [by_box(result) for result in results]
    try:
        run.tracks |= run_trackers(folder, run.boxes, run.rate_hz)
    except Skipped as reason:
        notes["other trackers"] = f"not measured: {reason}"


def by_box(result: FrameResult) -> tuple[Tracked, ...]:
    """The detected people of a frame by the box that they have."""
    people = detected(result.people)
    if not people or not result.detections:
        return ()
    boxes = np.array([one.box_xyxy_px for one in result.detections])
    apart = [np.abs(boxes - person.pose.detection.box_xyxy_px).max(axis=1) for person in people]
    return tuple(Tracked(int(px.argmin()), p.track_id) for p, px in zip(people, apart, strict=True))


def frames_to_score(runs: Sequence[Run], tracker: str) -> list[IdentityFrame]:
    """The frames of recordings one after another; the same number in two of them is not the same person."""
    frames = []
    for number, run in enumerate(runs):
        first = number * 1_000_000
        for truths, boxes, tracks in zip(run.truths, run.boxes, run.tracks[tracker], strict=True):
            frames.append(
                box_frame(
                    [first + truth.track_id for truth in truths],
                    np.array([truth.box_xyxy_px for truth in truths]),
                    [first + track.track_id for track in tracks],
                    np.array([boxes[track.index].box_xyxy_px for track in tracks]),
                    [truth.counts for truth in truths],
                )
            )
    return frames


def perfect_tracks(run: Run, iou: float) -> list[tuple[Tracked, ...]]:
    """The boxes with the ids of the people whom they overlap most, as a tracker without errors."""
    tracks, unknown = [], count(_UNKNOWN)
    for truths, boxes in zip(run.truths, run.boxes, strict=True):
        people, found = (np.array([one.box_xyxy_px for one in of]).reshape(-1, 4) for of in (truths, boxes))
        overlap = iou_matrix(people, found)
        pairs = zip(*linear_sum_assignment(np.where(overlap >= iou, overlap, 0.0), maximize=True), strict=True)
        owners = {column: truths[row].track_id for row, column in pairs if overlap[row, column] >= iou}
        tracks.append(tuple(Tracked(i, owners[i] if i in owners else next(unknown)) for i in range(len(boxes))))
    return tracks


def rendered_rows(runs: Sequence[Run]) -> list[dict[str, object]]:
    """A line a kind of recordings and tracker, and for all kinds together."""
    kinds = {kind: [run for run in runs if run.kind == kind] for kind in dict.fromkeys(run.kind for run in runs)}
    if len(kinds) > 1:
        kinds["all"] = list(runs)
    return [row for kind, of_kind in kinds.items() for row in rows_of(kind, of_kind, 0.5)]


def video_rows(run: Run) -> list[dict[str, object]]:
    """A line a tracker, at an intersection over union of 0.5 and of 0.3: datasets draw boxes otherwise than we do."""
    return [row for iou in (0.5, 0.3) for row in rows_of(run.kind, [run], iou)]


def rows_of(name: str, runs: Sequence[Run], iou: float) -> list[dict[str, object]]:
    """A line a tracker."""
    runs = [replace(run, tracks={**run.tracks, PERFECT: perfect_tracks(run, iou)}) for run in runs]
    rows: list[dict[str, object]] = []
    for tracker in dict.fromkeys(tracker for run in runs for tracker in run.tracks):
        scores = score_identities(frames_to_score(runs, tracker), iou)
        rows.append(
            {
                "recordings": name,
                "IoU": iou,
                "tracker": tracker,
                "IDF1": round(scores.idf1, 3),
                "MOTA": round(scores.mota, 3),
                "HOTA": round(scores.hota, 3),
                "switches": scores.id_switches,
                "fragments": scores.fragments,
            }
        )
    return rows


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"tracking: {error}")
