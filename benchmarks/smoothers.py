"""Every smoothing method on the same people: error, jitter, lag and skating feet, before and after.

    python benchmarks/smoothers.py --assets assets [--bags CROWD.mcap …] [--engines NAME]
    python benchmarks/smoothers.py --assets assets --tune

On held-out motions with the errors over time that nets make (held_out_tracks.py), on what the pipeline finds in the
sample recording, and in a rendered crowd (`pose3d synth crossings --kind crowd`), which is rendered into
out/bench/crossings unless --bags names others. Without --assets it is the sample recording alone. "floor": roots and
methods know it, from transforms. Each pose counts at its own stamp, so that a method that lags is charged for it.
--tune searches the parameters of One-Euro and Savitzky-Golay on motions that are not held out: least acceleration error
at no more lag than the net.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from common import load, report
from held_out_tracks import FEET, SKELETON, Track, tracks

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import EngineConfig, PipelineConfig, SmootherConfig
from pose3d_ros.engines.engine_set import EngineSet, open_engine_set
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.motion_metrics import foot_skating_mmps, lag_frames
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.recorded_scene import RecordedScene
from pose3d_ros.evaluation.recording.scoring import consecutive_runs, match_session
from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.pipeline import Pipeline, open_smoother
from pose3d_ros.records import Detection, Frame, FrameResult, Person
from pose3d_ros.stages.smooth.filter_smoother import FilterSmoother
from pose3d_ros.stages.smooth.one_euro import OneEuroFilter, OneEuroSettings
from pose3d_ros.stages.smooth.person_smoother import PersonSmoother
from pose3d_ros.stages.smooth.savitzky_golay import SavitzkyGolayFilter, SavitzkyGolaySettings
from pose3d_ros.types import Array

METHODS = ("none", "temporal_conv", "kinematic", "one_euro", "savitzky_golay")
_BODIES, _SEED, _TUNING_SEED = 6, 7, 11
_FLOOR_FRAME = "base_footprint"
_COUNTING_RUN = 4


@dataclass(frozen=True, eq=False)
class Case:
    """People of a recording as they were found, and the ground truth.

    grounds: the floor that methods know in each frame. up_cam (3,): the floor's normal, for skating alone.
    """

    session: Session
    grounds: tuple[GroundPlane | None, ...]
    up_cam: Array


@dataclass(frozen=True, eq=False)
class Run:
    """A person over T frames: found_m, true_m (T, 1 + J, 3), the root first; feet: which of the J."""

    found_m: Array
    true_m: Array
    stamps_ns: npt.NDArray[np.int64]
    up_cam: Array
    feet: tuple[int, ...]


class ListeningPipeline(Pipeline):
    """The pipeline, which keeps the floor of each frame."""

    def __init__(self, engines: EngineSet, config: PipelineConfig) -> None:
        super().__init__(engines, config, smooth=False)
        self.grounds: list[GroundPlane | None] = []

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        """See Pipeline."""
        result = super().__call__(frame, detections)
        self.grounds.append(result.ground)
        return result


def main() -> None:
    """Run, score and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, metavar="DIR", help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--bags", type=Path, nargs="+", metavar="BAG", help="rendered crowds")
    parser.add_argument("--engines", default="", help="set of engines or folder (default: as users get)")
    parser.add_argument("--tune", action="store_true", help="search the parameters of the filters instead")
    args = parser.parse_args()
    config = PipelineConfig(engine=EngineConfig(engines=args.engines))
    if args.tune:
        tune(args.assets, config)
        return
    before, rows, models = load(), list[dict[str, object]](), ""
    for name, cases in all_cases(args.assets, args.bags, config):
        models = cases[-1].session.model or models
        rows += [row_of(name, method, scored(method, cases, config)) for method in METHODS]
    notes = {"models": models, "load before and after": f"{before}, {load()}"}
    report("smoothers", rows, notes, verdicts(rows))


def all_cases(
    assets: Path | None, bags: Sequence[Path] | None, config: PipelineConfig
) -> Iterator[tuple[str, list[Case]]]:
    """Name and cases of each line of the table."""
    if assets is not None:
        from pose3d_training.synthetic.motion import evaluation_clips

        found = list(tracks(assets, evaluation_clips(assets), _BODIES, _SEED))
        yield "held-out motions", [case_of_track(track, floor=False) for track in found]
        yield "held-out motions, floor", [case_of_track(track, floor=True) for track in found]
    yield "sample recording", [case_of_bag(sample_bag(), config, floor=False)]
    yield "sample recording, floor", [case_of_bag(sample_bag(), config, floor=True)]
    crowds = list(bags or ()) or ([crowd_of(assets)] if assets is not None else [])
    if crowds:
        yield "rendered crowd", [case_of_bag(bag, config, floor=False) for bag in crowds]
        yield "rendered crowd, floor", [case_of_bag(bag, config, floor=True) for bag in crowds]


def crowd_of(assets: Path) -> Path:
    """A rendered crowd of eight, made where it is not there."""
    from pose3d_training.synthetic.crossings import CrossingChoice, write_crossing

    bag = Path("out/bench/crossings/crowd_s1.mcap")
    if not bag.exists():
        bag.parent.mkdir(parents=True, exist_ok=True)
        write_crossing(CrossingChoice("crowd", 1, frames=180), assets, bag)
    return bag


def case_of_track(track: Track, *, floor: bool) -> Case:
    """A simulated person as a recording."""
    frames = []
    for person, truth_m, stamp_ns in zip(track.people, track.true_cam_m, track.stamps_ns, strict=True):
        pose = replace(person.pose, root_cam_m=truth_m[SKELETON.root], joints_cam_m=truth_m)
        frames.append(SessionFrame(int(stamp_ns), (replace(person, pose=pose),), (person,), None))
    ground = track.ground if floor else None
    return Case(Session(track.camera, SKELETON, tuple(frames)), (ground,) * len(frames), track.up_cam)


def case_of_bag(bag: Path, config: PipelineConfig, *, floor: bool) -> Case:
    """What the pipeline finds in a bag with ground truth, whose camera does not tilt."""
    known = SceneConfig(floor_frame=_FLOOR_FRAME)
    with (pipeline := ListeningPipeline(open_engine_set(config), config)):
        session = run_offline(
            bag, Predictor(pipeline, None, pipeline.engines.names), lambda done, of: None, known if floor else None
        )
        grounds = tuple(pipeline.grounds)
    first = Frame(np.zeros((1, 1, 3), np.uint8), session.camera, session.frames[0].stamp_ns, "camera_optical_frame")
    ground, _ = RecordedScene(bag, known).of(first)
    return Case(session, grounds, np.full(3, np.nan) if ground is None else ground.up_cam)


def scored(method: str, cases: Sequence[Case], config: PipelineConfig) -> dict[str, float]:
    """Figures of a method by its name."""
    smoother, engines = open_smoother(replace(config, smoother=SmootherConfig(method=method)))
    with engines:
        return figures_of(smoother, cases)


def figures_of(smoother: PersonSmoother, cases: Sequence[Case]) -> dict[str, float]:
    """All runs of all cases through a method."""
    runs: list[Run] = []
    people, busy_s = 0, 0.0
    for case in cases:
        smoother.reset()
        frames = []
        for frame, ground in zip(case.session.frames, case.grounds, strict=True):
            start_s = time.process_time()
            smoothed = smoother.update(frame.raw or (), frame.stamp_ns, case.session.camera, ground)
            busy_s += time.process_time() - start_s
            people += len(smoothed)
            frames.append(replace(frame, smoothed=smoothed))
        runs += runs_of(replace(case.session, frames=tuple(frames)), case.up_cam)
    return {**figures_of_runs(runs), "CPU ms a person": 1e3 * busy_s / max(people, 1)}


def runs_of(session: Session, up_cam: Array) -> Iterator[Run]:
    """The matched people over consecutive frames."""
    frames: list[dict[tuple[int, int], Array]] = [{} for _ in session.frames]
    for pair in match_session(session):
        if pair.smoothed is not None:
            found = np.stack([_points(pair.smoothed), _points(pair.ground_truth)])
            frames[pair.frame][pair.ground_truth.track_id, pair.smoothed.track_id] = found
    names = [SKELETON.joints[foot] for foot in FEET]
    feet = tuple(session.skeleton.index_of[name] for name in names if name in session.skeleton.index_of)
    for _, stamps_ns, both in consecutive_runs(session, frames):
        if len(both) >= _COUNTING_RUN:
            yield Run(both[:, 0], both[:, 1], stamps_ns, up_cam, feet)


def _points(person: Person) -> Array:
    return np.concatenate((person.pose.root_cam_m[None], person.pose.joints_cam_m))


def figures_of_runs(runs: Sequence[Run]) -> dict[str, float]:
    """Means over all joints and frames; lag over runs, by their length."""
    pose = [(run.found_m[:, 1:] - run.found_m[:, :1], run.true_m[:, 1:] - run.true_m[:, :1]) for run in runs]
    lags = [(lag_frames(run.found_m, run.true_m), len(run.stamps_ns)) for run in runs]
    known = np.array([pair for pair in lags if np.isfinite(pair[0])]).reshape(-1, 2)
    return {
        "MPJPE mm": _mean(metrics.joint_errors_mm(*pair) for pair in pose),
        "MRPE mm": _mean(metrics.joint_errors_mm(run.found_m[:, :1], run.true_m[:, :1]) for run in runs),
        "jitter m/s³": _mean(metrics.third_derivatives_mps3(run.found_m[:, 1:], run.stamps_ns) for run in runs),
        "acceleration mm/frame²": _mean(metrics.motion_errors_mm(*pair, 2) for pair in pose),
        "lag frames": float(known.prod(axis=1).sum() / known[:, 1].sum()) if len(known) else float("nan"),
        "skating mm/s": _mean(_skating(run) for run in runs),
    }


def _skating(run: Run) -> Array:
    feet = [1 + foot for foot in run.feet]
    return foot_skating_mmps(run.found_m[:, feet], run.true_m[:, feet], run.up_cam, run.stamps_ns)


def _mean(arrays: Iterable[Array]) -> float:
    return metrics.mean(np.concatenate([np.ravel(array) for array in arrays] or [np.empty(0)]))


def row_of(case: str, method: str, figures: Mapping[str, float]) -> dict[str, object]:
    """A line of the table."""
    return {"case": case, "method": method} | {name: round(value, 2) for name, value in figures.items()}


def verdicts(rows: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """How many times less acceleration error and jitter the default has than raw, its lag, and its gain in MPJPE."""
    found: dict[str, float] = {}
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        raw, net = (next(r for r in rows if (r["case"], r["method"]) == (case, name)) for name in METHODS[:2])
        for name in ("acceleration mm/frame²", "jitter m/s³"):
            found[f"{case}: {name}, raw / default"] = round(float(str(raw[name])) / float(str(net[name])), 2)
        found[f"{case}: MPJPE mm, raw - default"] = round(float(str(raw["MPJPE mm"])) - float(str(net["MPJPE mm"])), 2)
    return found


def tune(assets: Path, config: PipelineConfig) -> None:
    """Print the filters' parameters with the least acceleration error that lag no more than the net."""
    from pose3d_training.synthetic.motion import training_clips

    cases = [
        case_of_track(track, floor=False) for track in tracks(assets, training_clips(assets)[::4], 1, _TUNING_SEED)
    ]
    most = scored(METHODS[1], cases, config)["lag frames"]
    print(f"the net lags by {most:.2f} frames")
    for kind, grid in (("one_euro", one_euro_grid()), ("savitzky_golay", savitzky_golay_grid())):
        found = [(label, figures_of(smoother(), cases)) for label, smoother in grid]
        fitting = [row for row in found if row[1]["lag frames"] <= most]
        for label, figures in sorted(fitting, key=lambda row: row[1]["acceleration mm/frame²"])[:3]:
            print(kind, label, {name: round(value, 2) for name, value in figures.items()}, flush=True)


Grid = Iterator[tuple[str, Callable[[], PersonSmoother]]]


def one_euro_grid() -> Grid:
    """Root and joints with the same parameters."""
    for cutoff, beta in product((0.5, 1.0, 2.0), (2.0, 4.0, 8.0)):
        one = partial(OneEuroFilter, OneEuroSettings(cutoff, beta))
        yield f"cutoff {cutoff} beta {beta}", partial(FilterSmoother, one, one)


def savitzky_golay_grid() -> Grid:
    """Windows of root and joints, by order."""
    for order, root, joints in product((1, 2), (5, 9, 13), (5, 9, 13)):
        root_filter, joint_filter = (
            partial(SavitzkyGolayFilter, SavitzkyGolaySettings(window, order)) for window in (root, joints)
        )
        yield f"order {order} windows {root}, {joints}", partial(FilterSmoother, root_filter, joint_filter)


if __name__ == "__main__":
    main()
