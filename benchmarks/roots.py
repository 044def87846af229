"""Errors of people's distances by distance: every root solver alone and all fused, on simulated people in motion.

python benchmarks/roots.py --assets FOLDER [--people 24] [--seed 1]

FOLDER: as for `pose3d synth`. See simulated_people.py for the people, their motions and the nets' measured noise. Each
case is one camera, person and motion of four seconds; a cell is a condition and a range of distances. Children are
judged from two seconds on if a foot was seen in them, on a floor that is right. stature: the floor is known for two
seconds only, and the frames after count. What is asked, and whether it holds, is below the table.
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
    Motion,
    NetNoise,
    Seen,
    Walk,
    motions,
    seen,
    walk_before_camera,
)

from pose3d_ros.config.root_settings import RootConfig, SceneConfig
from pose3d_ros.errors import Pose3DError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.geometry.root_search import nearest_root, search_root
from pose3d_ros.geometry.root_solver import SolvedRoots, mehta_root, solve_root, veges_root, weak_perspective_root
from pose3d_ros.records import DepthImage, Detection, Frame, Pose, RootReading
from pose3d_ros.stages.roots.depth_reading import SKIN_M
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
_DEPTH_SCALE = 8
_DEPTH_NOISE_M, _STEREO_PER_M, _THICKNESS_M = 0.01, 0.003, 0.03


@dataclass(frozen=True)
class Condition:
    """What is wrong. focal: factor on the focal length; pitch_deg: added to the floor's; cut: feet below the image.

    more: factor on the number of people: a mean of squares needs many.
    """

    noise: NetNoise = MEASURED
    focal: float = 1.0
    pitch_deg: float = 0.0
    cut: bool = False
    children: bool | None = None
    sitting: bool = False
    more: int = 1


CONDITIONS = {
    "exact": Condition(EXACT),
    "noise": Condition(more=5),
    "focal length +10%": Condition(focal=1.1),
    "focal length -10%": Condition(focal=0.9),
    "pitch off by 1°": Condition(pitch_deg=1.0),
    "pitch off by 3°": Condition(pitch_deg=3.0),
    "feet cut": Condition(cut=True),
    "children": Condition(replace(MEASURED, floor=False), children=True),
    "sitting": Condition(sitting=True),
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
        people = motions(
            args.assets,
            args.people * condition.more,
            children=condition.children,
            sitting=condition.sitting,
            seed=args.seed,
        )
        for near_m, far_m in RANGES_M:
            rng = np.random.default_rng([args.seed, int(10 * near_m)])
            frames = frames_of(condition, people, near_m, far_m, rng)
            rows += rows_of(name, f"{near_m:g}-{far_m:g} m", frames)
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
    condition: Condition, people: Sequence[Motion], near_m: float, far_m: float, rng: np.random.Generator
) -> list[OneFrame]:
    """Every frame of every person within a range of distances."""
    frames: list[OneFrame] = []
    for motion in people:
        walk = walk_before_camera(motion, near_m, far_m, rng)
        camera = _cut(walk) if condition.cut else walk.camera
        frames += _Simulated(walk, camera, condition, seen(walk, condition.noise, rng), rng).frames()
    return frames


def _cut(walk: Walk) -> Camera:
    """The camera whose image ends above the ankles, in every frame."""
    ankles = [SKELETON.index_of[f"{side}_Ankle"] for side in "LR"]
    lowest_px = walk.camera.project(walk.joints_cam_m[:, ankles])[..., 1].min() - _BELOW_PX
    return replace(walk.camera, height_px=int(np.clip(lowest_px, 100, walk.camera.height_px)))


@dataclass(frozen=True, eq=False)
class _Simulated:
    """A walk under a condition. true: the camera that took it, the given one may be wrong."""

    walk: Walk
    true: Camera
    condition: Condition
    nets: Seen
    rng: np.random.Generator

    def frames(self) -> list[OneFrame]:
        """What the solvers say of each frame, alone and together."""
        given = replace(self.true, K_px=self.true.K_px * _focal(self.condition.focal))
        ground = _pitched(self.nets.ground, self.condition.pitch_deg)
        stages = {name: RootStage(RootConfig(), SceneConfig()) for name in (FUSED, STATURE, DEPTH, ALL)}
        stages[DEPTH].config = RootConfig(solvers="depth")
        thickness_m = self.rng.normal(0.0, _THICKNESS_M)
        image = np.zeros((given.height_px, given.width_px, 3), dtype=np.uint8)
        frames, stood = [], False
        for number, true_m in enumerate(self.walk.distances_m):
            pose, roots = self._pose(number, given)
            if pose is None:
                continue
            frame = Frame(image, given, round((1 + number / RATE_HZ) * 1e9), ground=ground)
            depth = self._depth(number, given, thickness_m)
            known = number < _KNOWN_FRAMES
            found = {
                FUSED: _placed(stages[FUSED], frame, pose),
                STATURE: _placed(stages[STATURE], frame if known else replace(frame, ground=None), pose),
                DEPTH: _placed(stages[DEPTH], replace(frame, ground=None, depth=depth), pose),
                ALL: _placed(stages[ALL], replace(frame, depth=depth), pose),
            }
            said = {name: _error(_distance_m(p), p.root_sigma_m / _distance_m(p), true_m) for name, p in found.items()}
            if known:
                del said[STATURE]
            if not found[DEPTH].readings:
                del said[DEPTH]
            for reading in found[FUSED].readings:
                said[reading.solver] = _error(reading.distance_m, reading.sigma, true_m)
            for name, root in roots.items():
                said.setdefault(name, _error(float(np.linalg.norm(root)), _CLOSED_SIGMA, true_m))
            stood |= known and "ground" in said
            frames.append(OneFrame(number, stood and not known, said))
        return frames

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

    def _depth(self, number: int, given: Camera, thickness_m: float) -> DepthImage:
        """Disks of the surface before each joint of the torso, in nothing."""
        camera = given.resize(given.width_px // _DEPTH_SCALE, given.height_px // _DEPTH_SCALE)
        true = self.true.resize(camera.width_px, camera.height_px)
        depth_m = np.full((camera.height_px, camera.width_px), np.nan)
        stereo = self.rng.normal()  # its error of disparity is alike all over a person
        rows, columns = np.mgrid[: camera.height_px, : camera.width_px]
        for name, point in zip(SKELETON.joints, self.walk.joints_cam_m[number], strict=True):
            skin_m = SKIN_M.get(name.rpartition("_")[2])
            if skin_m is None:
                continue
            u, v = true.project(point)
            disk = np.hypot(columns - u, rows - v) <= 0.09 * true.K_px[0, 0] / point[2] + 1.0
            surface_m = point[2] * (1.0 - (skin_m + thickness_m) / np.linalg.norm(point))
            depth_m[disk] = surface_m + self.rng.normal(0.0, _DEPTH_NOISE_M) + stereo * _STEREO_PER_M * point[2] ** 2
        return DepthImage(depth_m, camera)


def _focal(factor: float) -> Array:
    """Factors (3, 3) on a camera's matrix."""
    return np.array([[factor, factor, 1.0], [1.0, factor, 1.0], [1.0, 1.0, 1.0]])


def _pitched(ground: GroundPlane, pitch_deg: float) -> GroundPlane:
    c, s = np.cos(np.deg2rad(pitch_deg)), np.sin(np.deg2rad(pitch_deg))
    turned = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ ground.up_cam
    return replace(ground, up_cam=turned)


def _placed(stage: RootStage, frame: Frame, pose: Pose) -> Pose:
    (placed,) = stage.placed(frame, (pose,))
    return stage.known_as(1, placed, frame.stamp_ns)


def _distance_m(pose: Pose) -> float:
    return float(np.linalg.norm(pose.root_cam_m))


def _error(distance_m: float, sigma: float, true_m: float) -> tuple[float, float]:
    return float(np.log(distance_m / true_m)), float(sigma)


def rows_of(condition: str, distance: str, frames: Sequence[OneFrame]) -> Iterator[dict[str, object]]:
    """A line a solver. Children are judged from two seconds on, where a foot was seen in them."""
    solvers = [*VARIANTS, "learned", "ground", DEPTH, STATURE, FUSED, ALL]
    for solver in solvers:
        own = [f for f in frames if solver in f.said and (condition != "children" or f.stood)]
        if not own:
            continue
        logs = np.array([f.said[solver][0] for f in own])
        sigmas = np.array([f.said[solver][1] for f in own])
        fused = np.array([f.said[FUSED][0] for f in own])
        yield {
            "condition": condition,
            "distance": distance,
            "solver": solver,
            "answers": round(len(own) / max(len(frames), 1), 2) if condition != "children" else len(own),
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
