"""The root's error on a recording without and with each source of distance that it has: floor, depth, both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.bags.transforms import read_transforms
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.evaluation.metrics.pose_metrics import MM_PER_M
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.types import Array

FLOOR_FRAME = "base_footprint"
"""The frame on the floor of mobile robots (REP 120)."""
BANDS_M = ((0.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 7.0), (7.0, float("inf")))


@dataclass(frozen=True)
class SourceError:
    """Of all people found. source: `none`, `floor`, `depth`, or several joined by " and ".

    errors_mm: band of distance such as "3-5" → mean error, of the bands that have people. ratio_sigma: standard
    deviation of the error along the ray over the one that was stated; 1 where covariances mean what they say.
    """

    source: str
    people: int
    mrpe_mm: float
    errors_mm: dict[str, float]
    ratio_sigma: float

    def as_dict(self) -> dict[str, object]:
        """For the summary's file."""
        by_distance = {f"{band} m": round(error, 1) for band, error in self.errors_mm.items()}
        return {
            "source": self.source,
            "people": self.people,
            "mrpe_mm": round(self.mrpe_mm, 1),
            "mrpe_by_distance_mm": by_distance,
            "error_over_sigma": round(self.ratio_sigma, 3),
        }


def compare_sources(
    path: Path,
    pipeline: Pipeline,
    progress: Callable[[int, int], None] = lambda *_: None,
    choice: RecordingChoice = ANY_RECORDING,
) -> tuple[SourceError, ...]:
    """Run the pipeline frame by frame with each choice of the recording's sources, first with none.

    pipeline: without a smoother, and without a floor in its parameters. Nothing for a recording without ground truth,
    or with neither a floor nor depth. Raises BagError.
    """
    choices = _choices(path)
    found = []
    for number, (source, scene) in enumerate(choices):

        def step(done: int, of: int, before: int = number) -> None:
            progress(before * of + done, len(choices) * of)

        pipeline.reset()
        session = run_offline(path, Predictor(pipeline), step, scene, choice)
        pairs = match_session(session)
        true_m = np.array([p.ground_truth.pose.root_cam_m for p in pairs]).reshape(-1, 3)
        seen_m = np.array([p.raw.pose.root_cam_m for p in pairs]).reshape(-1, 3)
        sigmas_m = np.array([p.raw.pose.root_sigma_m for p in pairs])
        found.append(_scored(source, true_m, seen_m, sigmas_m))
    return tuple(found)


def _choices(path: Path) -> list[tuple[str, SceneConfig]]:
    with BagReader(path) as bag:
        floor = FLOOR_FRAME if _has_floor(bag) else ""
        depth = bag.depth_topic()
        truth = bag.topics_of((PEOPLE_TYPE,), "*ground_truth*")
    choices = [("none", "", ""), ("floor", floor, ""), ("depth", "", depth), ("floor and depth", floor, depth)]
    usable = [(name, f, d) for name, f, d in choices if all((f or "floor" not in name, d or "depth" not in name))]
    if len(usable) == 1 or not truth:
        return []
    return [(name, SceneConfig(floor_frame=frame, depth_topic=topic)) for name, frame, topic in usable]


def _has_floor(bag: BagReader) -> bool:
    return read_transforms(bag).has(FLOOR_FRAME)


def _scored(
    source: str,
    true_m: Array,
    seen_m: Array,
    sigmas_m: Array,
) -> SourceError:
    errors_mm = MM_PER_M * np.linalg.norm(seen_m - true_m, axis=1)
    distances_m = np.linalg.norm(true_m, axis=1)
    along = (np.linalg.norm(seen_m, axis=1) - distances_m) / sigmas_m
    bands = {}
    for low, high in BANDS_M:
        inside = (distances_m >= low) & (distances_m < high)
        if inside.any():
            name = f"over {low:.0f}" if np.isinf(high) else f"{low:.0f}-{high:.0f}"
            bands[name] = float(errors_mm[inside].mean())
    mean = float(errors_mm.mean()) if len(errors_mm) else float("nan")
    ratio = float(np.sqrt(np.nanmean(along**2))) if np.isfinite(along).any() else float("nan")
    return SourceError(source, len(true_m), mean, bands, ratio)
