"""Errors of people's distances by distance: every root solver alone and all fused, on simulated people in motion.

python benchmarks/roots.py --assets FOLDER [--people 24] [--seed 1]

FOLDER: as for `pose3d synth`. See simulated_people.py for the people, their motions and the nets' measured noise. Each
scene is four seconds of one camera and five people, one in each range of distances; a cell is a condition and a range.
Alone: each is all that the camera has ever seen. Children are one of a scene, judged from two seconds on if a foot was
seen in them, on a floor that is right. stature: the floor is known for two seconds only, and the frames after count.
What is asked, and whether it holds, is below the table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from common import report
from simulated_people import (
    EXACT,
    MEASURED,
    RATE_HZ,
    SKELETON,
    THICKNESS_M,
    Motion,
    NetNoise,
    Seen,
    Walk,
    depth_image,
    motions,
    pitched,
    seen,
    walks_before_camera,
    wrong_floor,
)

from pose3d_ros.config.root_settings import RootConfig, SceneConfig
from pose3d_ros.errors import Pose3DError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.geometry.root_search import nearest_root, search_root
from pose3d_ros.geometry.root_solver import SolvedRoots, mehta_root, solve_root, veges_root, weak_perspective_root
from pose3d_ros.records import Detection, Frame, Pose, RootReading
from pose3d_ros.stages.roots.root_stage import RootStage
from pose3d_ros.types import Array

RANGES_M = ((1.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 7.0), (7.0, 10.0))
VARIANTS: dict[str, Callable[[Array, Array, Array], SolvedRoots]] = {
    "similarity": nearest_root,
    "closed form": solve_root,
    "search": search_root,
    "weak_perspective": weak_perspective_root,
    "mehta": mehta_root,
    "veges": veges_root,
}
FUSED, STATURE, DEPTH, ALL = "fused", "stature", "depth", "fused, depth"
SINGLE = ("similarity", "learned", "ground")
_CLOSED_SIGMA, _LEARNED_SIGMA = 0.12, 0.10
"""Medians of what the default models say of themselves."""
_KNOWN_FRAMES = round(2.0 * RATE_HZ)
_UNSEEN_SCORE = 0.1
_BELOW_PX = 5.0


@dataclass(frozen=True)
class Condition:
    """What is wrong. focal: factor on the focal length; pitch_deg: added to the floor's; cut: feet below the image.

    children: whether one of the five is a child, who is judged alone; else every tenth person is one. alone: see the
    module. more: factor on the number of scenes: a mean of squares needs many.
    """

    noise: NetNoise = MEASURED
    focal: float = 1.0
    pitch_deg: float = 0.0
    cut: bool = False
    children: bool = False
    sitting: bool = False
    alone: bool = False
    more: int = 1


_CHILDREN = Condition(replace(MEASURED, floor=False), children=True, more=5)
CONDITIONS = {
    "exact": Condition(EXACT),
    "noise": Condition(more=5),
    "focal length +10%": Condition(focal=1.1),
    "focal length -10%": Condition(focal=0.9),
    "pitch off by 1°": Condition(pitch_deg=1.0),
    "pitch off by 3°": Condition(pitch_deg=3.0),
    "feet cut": Condition(cut=True),
    "children": _CHILDREN,
    "sitting": Condition(sitting=True),
    "alone, noise": Condition(alone=True, more=5),
    "alone, pitch off by 1°": Condition(pitch_deg=1.0, alone=True),
    "alone, pitch off by 3°": Condition(pitch_deg=3.0, alone=True),
    "alone, children": replace(_CHILDREN, alone=True),
}


def main() -> None:
    """Simulate and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--people", type=int, default=24, help="in each cell (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), choices=list(CONDITIONS), metavar="NAME")
    args = parser.parse_args()
    if args.assets is None:
        print("roots: skipped, no --assets (see --help)")
        return
    rows: list[dict[str, object]] = []
    for name in args.conditions:
        condition = CONDITIONS[name]
        count = args.people * condition.more
        people = motions(args.assets, count, sitting=condition.sitting, seed=args.seed)
        children = motions(args.assets, count, children=True, seed=args.seed) if condition.children else []
        frames = frames_of(condition, people, children, np.random.default_rng(args.seed))
        for (near_m, far_m), own in frames.items():
            rows += rows_of(name, f"{near_m:g}-{far_m:g} m", own)
    checks = {**solver_checks(args.seed), **cell_checks(rows)}
    report("roots", rows, checks)


@dataclass(frozen=True)
class OneFrame:
    """What each solver said of a person in a frame: solver → (ln of its distance over the true one, its sigma).

    stood: whether a foot was seen on the floor in the two seconds before.
    """

    number: int
    stood: bool
    said: Mapping[str, tuple[float, float]]


def frames_of(
    condition: Condition, people: Sequence[Motion], children: Sequence[Motion], rng: np.random.Generator
) -> dict[tuple[float, float], list[OneFrame]]:
    """Every frame of every person, or of every child, by range of distances. As many scenes as people."""
    frames: dict[tuple[float, float], list[OneFrame]] = {range_m: [] for range_m in RANGES_M}
    for scene in range(len(people)):
        several = [people[(scene + i) % len(people)] for i in range(len(RANGES_M))]
        if children:
            several[scene % len(several)] = children[scene]
        walks = walks_before_camera(several, RANGES_M, rng)
        ground = wrong_floor(walks[0].ground, rng) if condition.noise.floor else walks[0].ground
        shown = [_Simulated.of(walk, condition, ground, number, rng) for number, walk in enumerate(walks)]
        stages = [_stages()] * len(shown) if not condition.alone else [_stages() for _ in shown]
        for number in range(len(walks[0].distances_m)):
            found = [one.frame(number, own) for one, own in zip(shown, stages, strict=True)]
            for place, range_m in enumerate(RANGES_M):
                frame = found[place]
                if frame is not None and (not children or place == scene % len(several)):
                    frames[range_m].append(frame)
    return frames


def _stages() -> dict[str, RootStage]:
    stages = {name: RootStage(RootConfig(), SceneConfig()) for name in (FUSED, STATURE, DEPTH, ALL)}
    stages[DEPTH].config = RootConfig(solvers="depth")
    return stages


def _cut(walk: Walk) -> Camera:
    """The camera whose image ends above the ankles, in every frame."""
    ankles = [SKELETON.index_of[f"{side}_Ankle"] for side in "LR"]
    lowest_px = walk.camera.project(walk.joints_cam_m[:, ankles])[..., 1].min() - _BELOW_PX
    return replace(walk.camera, height_px=int(np.clip(lowest_px, 100, walk.camera.height_px)))


@dataclass(eq=False)
class _Simulated:
    """A walk under a condition. true: the camera that took it, given: the one that is known, as ground is.

    stood: whether a foot was seen on the floor while it was known.
    """

    number: int
    walk: Walk
    true: Camera
    given: Camera
    ground: GroundPlane
    condition: Condition
    nets: Seen
    thickness_m: float
    rng: np.random.Generator
    stood: bool = False

    @classmethod
    def of(
        cls, walk: Walk, condition: Condition, ground: GroundPlane, number: int, rng: np.random.Generator
    ) -> _Simulated:
        """number: of the person."""
        true = _cut(walk) if condition.cut else walk.camera
        given = replace(true, K_px=true.K_px * _focal(condition.focal))
        nets, thickness_m = seen(walk, condition.noise, rng), rng.normal(0.0, THICKNESS_M)
        return cls(number, walk, true, given, pitched(ground, condition.pitch_deg), condition, nets, thickness_m, rng)

    def frame(self, number: int, stages: Mapping[str, RootStage]) -> OneFrame | None:
        """What the solvers say of a frame, alone and together; None where the person is not seen."""
        pose, roots = self._pose(number, self.given)
        if pose is None:
            return None
        image = np.zeros((self.given.height_px, self.given.width_px, 3), dtype=np.uint8)
        frame = Frame(image, self.given, round((1 + number / RATE_HZ) * 1e9), ground=self.ground)
        depth = depth_image(self.walk, number, self.true, self.given, self.thickness_m, self.rng)
        known = number < _KNOWN_FRAMES
        frames = {
            FUSED: frame,
            STATURE: frame if known else replace(frame, ground=None),
            DEPTH: replace(frame, ground=None, depth=depth),
            ALL: replace(frame, depth=depth),
        }
        found = {name: _placed(stages[name], one, pose, self.number) for name, one in frames.items()}
        true_m = float(self.walk.distances_m[number])
        said = {name: _error(_distance_m(p), p.root_sigma_m / _distance_m(p), true_m) for name, p in found.items()}
        if known:
            del said[STATURE]
        if not found[DEPTH].readings:
            del said[DEPTH]
        for reading in found[FUSED].readings:
            said[reading.solver] = _error(reading.distance_m, reading.sigma, true_m)
        for name, root in roots.items():
            said.setdefault(name, _error(float(np.linalg.norm(root)), _CLOSED_SIGMA, true_m))
        self.stood |= known and "ground" in said
        return OneFrame(number, self.stood and not known, said)

    def _pose(self, number: int, given: Camera) -> tuple[Pose | None, dict[str, Array]]:
        at_px, relative = self.nets.joints_img_px[number], self.nets.relative_m[number]
        true_px = self.true.project(self.walk.joints_cam_m[number])
        inside = ((true_px > 0) & (true_px < [self.true.width_px, self.true.height_px])).all(axis=1)
        scores = np.where(inside, self.nets.scores[number], _UNSEEN_SCORE)
        weights = np.where(inside, scores, _UNSEEN_SCORE**2)
        rays = given.rays(at_px)[..., :2]
        solved = {name: solve(relative[None], rays[None], weights[None]) for name, solve in VARIANTS.items()}
        roots = {name: s.root_cam_m[0] for name, s in solved.items() if np.isfinite(s.root_cam_m).all()}
        if "similarity" not in roots or not inside.any():
            return None, roots
        root = roots["similarity"]
        size = np.array([given.width_px, given.height_px])
        box = np.concatenate([np.clip(at_px.min(axis=0), 0, size), np.clip(at_px.max(axis=0), 0, size)])
        learned_m = float(self.nets.learned_m[number] * self.condition.focal)
        readings = (
            RootReading("similarity", float(np.linalg.norm(root)), _CLOSED_SIGMA, by_size=True),
            RootReading("learned", learned_m, _LEARNED_SIGMA, by_size=True),
        )
        return Pose(root, relative + root, at_px, scores, SKELETON, Detection(box, 0.9), readings=readings), roots


def _focal(factor: float) -> Array:
    """Factors (3, 3) on a camera's matrix."""
    return np.array([[factor, factor, 1.0], [1.0, factor, 1.0], [1.0, 1.0, 1.0]])


def _placed(stage: RootStage, frame: Frame, pose: Pose, person: int) -> Pose:
    (placed,) = stage.placed(frame, (pose,))
    return stage.known_as(person, placed, frame.stamp_ns)


def _distance_m(pose: Pose) -> float:
    return float(np.linalg.norm(pose.root_cam_m))


def _error(distance_m: float, sigma: float, true_m: float) -> tuple[float, float]:
    return float(np.log(distance_m / true_m)), float(sigma)


def rows_of(condition: str, distance: str, frames: Sequence[OneFrame]) -> Iterator[dict[str, object]]:
    """A line a solver. Children are judged from two seconds on, where a foot was seen in them."""
    solvers = [*VARIANTS, "learned", "ground", DEPTH, STATURE, FUSED, ALL]
    for solver in solvers:
        own = [f for f in frames if solver in f.said and (not condition.endswith("children") or f.stood)]
        if not own:
            continue
        logs = np.array([f.said[solver][0] for f in own])
        sigmas = np.array([f.said[solver][1] for f in own])
        fused = np.array([f.said[FUSED][0] for f in own])
        yield {
            "condition": condition,
            "distance": distance,
            "solver": solver,
            "answers": round(len(own) / max(len(frames), 1), 2) if not condition.endswith("children") else len(own),
            "mean error %": round(100 * float(np.abs(logs).mean()), 2),
            "median error %": round(100 * float(np.median(np.abs(logs))), 2),
            "bias %": round(100 * float(np.median(logs)), 2),
            "fused there %": round(100 * float(np.abs(fused).mean()), 2),
            "NEES": round(float(np.mean((logs / sigmas) ** 2)), 2),
        }


def solver_checks(seed: int) -> dict[str, str]:
    """Whether the solvers agree on exact input: all in perspective, and those of weak perspective on flat people."""
    rng = np.random.default_rng(seed)
    relative = rng.normal(0.0, [0.25, 0.5, 0.2], (400, 21, 3))
    root = np.stack([rng.normal(0, 1, 400), rng.normal(0, 0.5, 400), rng.uniform(1.5, 10, 400)], axis=1)
    weights = rng.uniform(0.2, 1.0, relative.shape[:2])
    apart = {}
    for shape, names in (("people", ("similarity", "closed form", "search")), ("flat people", tuple(VARIANTS))):
        joints = relative if shape == "people" else relative * [1.0, 1.0, 0.0]
        at = joints + root[:, None]
        solved = [VARIANTS[name](joints, at[..., :2] / at[..., 2:], weights).root_cam_m for name in names]
        apart[shape] = 1000 * max(float(np.linalg.norm(found - root, axis=1).max()) for found in solved)
    return {f"solvers agree on exact {shape}": f"{_verdict(mm < 1.0)}, {mm:.2g} mm" for shape, mm in apart.items()}


def cell_checks(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Fused against the best single solver in each cell, children with a floor, and the errors against the sigmas."""

    def number(row: Mapping[str, object], key: str) -> float:
        return float(str(row[key]))

    single = [row for row in rows if row["solver"] in SINGLE and row["condition"] != "exact"]
    worse = [row for row in single if number(row, "fused there %") > 1.05 * number(row, "mean error %")]
    children = [row for row in rows if row["condition"] == "children" and row["solver"] == FUSED]
    far = max([number(row, "median error %") for row in children], default=float("nan"))
    noise = [row for row in rows if row["condition"] == "noise" and row["solver"] in (*SINGLE, DEPTH, STATURE, FUSED)]
    off = [row for row in noise if not 0.8 <= number(row, "NEES") <= 1.3]
    return {
        "fused at most 5% worse than any single solver": f"{_verdict(not worse)}, {len(single) - len(worse)} of "
        f"{len(single)}" + "".join(f"; {_cell(row)} {row['fused there %']} for {row['mean error %']}" for row in worse),
        "children within 5% after 2 s with a floor": f"{_verdict(far <= 5.0)}, {far:.1f}% at most",
        "normalized errors squared within 0.8-1.3": f"{_verdict(not off)}, {len(noise) - len(off)} of {len(noise)}"
        + "".join(f"; {_cell(row)} {row['NEES']}" for row in off),
    }


def _cell(row: Mapping[str, object]) -> str:
    return f"{row['condition']}, {row['distance']}, {row['solver']}"


def _verdict(right: bool) -> str:
    return "pass" if right else "fail"


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"roots: {error}")
