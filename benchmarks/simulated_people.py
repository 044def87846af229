"""People as joints alone, in motion before a camera, and what nets that err as measured say of them.

Bodies are MakeHuman's (CC0), motions CMU's that no net was trained on, the camera a robot's: 0.8 to 1.8 m high, about
level. `NetNoise` was fitted on 300 rendered people whom the default models read, held out from their training
(`pose3d evaluate --synthetic 31`), its share that changes from frame to frame on a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import DepthImage
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.roots.depth_reading import SKIN_M
from pose3d_ros.types import Array
from pose3d_training.synthetic import postures
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape, posed_joints, rest_joints, shape_vertices
from pose3d_training.synthetic.held_out_set import CHILD_AGE
from pose3d_training.synthetic.motion import Clip, evaluation_clips, load_clip
from pose3d_training.synthetic.rig import alignment, bone_rotations, bone_transforms, load_rig

SKELETON: Skeleton = get_skeleton("muco21")
RATE_HZ, FRAMES = 3.0, 12
"""Of a sequence: four seconds."""
_JOINTS = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
_FEET = [f"{side}_{part}" for side in "LR" for part in ("Ankle", "Toe")]
_FIRST_PERSON = 1_500_000_000
"""Seeds of bodies that are in no set of images."""
_WIDTH_PX, _HEIGHT_PX, _HFOV_DEG = 1280, 960, 75.0
_MEAN_HEIGHT_M = 1.65
"""Of those whose size the nets see right."""
_SOLE_M = 0.02
_TRIALS = 20
"""Of a place where a person's hips are in the image; else the camera is mounted another way."""


@dataclass(frozen=True, eq=False)
class Motion:
    """joints_m (T, 21, 3): y up, the pelvis over the origin, soles of 2 cm on y = 0."""

    joints_m: Array
    height_m: float
    is_child: bool


@dataclass(frozen=True, eq=False)
class Walk:
    """A motion before a camera: joints_cam_m (T, 21, 3), camera frame."""

    motion: Motion
    joints_cam_m: Array
    camera: Camera
    ground: GroundPlane

    @property
    def distances_m(self) -> Array:
        """(T,), of the roots."""
        return np.asarray(np.linalg.norm(self.joints_cam_m[:, SKELETON.root], axis=-1))


def motions(
    assets: Path, people: int, *, children: bool | None = None, sitting: bool = False, seed: int
) -> list[Motion]:
    """People in motion. children: whether all are, or none; None: every tenth is one. sitting: all, or none."""
    rng, number = np.random.default_rng(seed), 0
    found: list[Motion] = []
    while len(found) < people:
        person = _FIRST_PERSON + 10_000 * seed + number
        number += 1
        shape = BodyShape.random(person)
        wanted = children if children is not None else len(found) % 10 == 9
        if (shape.age < CHILD_AGE) == wanted:
            found.append(_motion(assets, shape, sitting, rng))
    return found


def _motion(assets: Path, shape: BodyShape, sitting: bool, rng: np.random.Generator) -> Motion:
    body = shape_vertices(assets, shape)
    rig, rest = load_rig(assets), rest_joints(assets, body)
    clip = load_clip(assets, str(rng.choice(evaluation_clips(assets))), bool(rng.random() < 0.5))
    frames = _frames(clip, rng)
    turned = bone_rotations(clip.rotations[frames[0]], alignment(rig, body, clip))
    sat = _posed(turned, rig.parents, postures.sit_relaxed, rng) if sitting else None
    joints = []
    for frame in frames:
        turned = sat if sat is not None else bone_rotations(clip.rotations[frame], alignment(rig, body, clip))
        placed = posed_joints(assets, rest, bone_transforms(rig, rig.heads_m(body), turned))
        feet = [SYNTH_JOINTS.index(name) for name in _FEET]
        placed = placed - placed[0] * [1.0, 0.0, 1.0]
        # What stands is the joint of the feet that is lowest against where it is in someone who stands.
        placed[:, 1] -= (placed[feet, 1] - rest[feet, 1]).min() - _SOLE_M
        joints.append(placed[_JOINTS])
    return Motion(np.array(joints), float(body[:, 1].max()), shape.age < CHILD_AGE)


def _frames(clip: Clip, rng: np.random.Generator) -> list[int]:
    step, start = round(30.0 / RATE_HZ), int(rng.integers(len(clip)))
    there_and_back = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
    return [there_and_back[(start + step * i) % len(there_and_back)] for i in range(FRAMES)]


def _posed(
    turned: Array, parents: tuple[int, ...], posture: Callable[[Array, np.random.Generator], None],
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    local = np.stack([turned[i] if p < 0 else turned[p].T @ turned[i] for i, p in enumerate(parents)])
    posture(local, rng)
    out = np.empty_like(local)
    for i, parent in enumerate(parents):
        out[i] = local[i] if parent < 0 else out[parent] @ local[i]
    return out


def walks_before_camera(
    people: Sequence[Motion], ranges_m: Sequence[tuple[float, float]], rng: np.random.Generator
) -> list[Walk]:
    """One person in each range of distances, before one camera, drifting at up to 0.5 m/s, the hips in the image."""
    while True:
        ground = GroundPlane.of_mounting(rng.uniform(0.8, 1.8), rng.normal(-4.0, 6.0), rng.normal(0.0, 1.0))
        walks = [_walk(motion, ground, away, rng) for motion, away in zip(people, ranges_m, strict=True)]
        found = [walk for walk in walks if walk is not None]
        if len(found) == len(walks):
            return found


def _walk(motion: Motion, ground: GroundPlane, range_m: tuple[float, float], rng: np.random.Generator) -> Walk | None:
    camera = Camera.from_hfov(_HFOV_DEG, _WIDTH_PX, _HEIGHT_PX)
    for _ in range(_TRIALS):
        joints = _placed(motion.joints_m, ground, rng.uniform(*range_m), rng)
        if (joints[..., 2] > 0.3).all():
            hips_px = camera.project(joints[:, SKELETON.root])
            if ((hips_px > 0) & (hips_px < [_WIDTH_PX, _HEIGHT_PX])).all():
                return Walk(motion, joints, camera, ground)
    return None


def _placed(joints_m: Array, ground: GroundPlane, away_m: float, rng: np.random.Generator) -> Array:
    """In the camera's frame: the world's y is the floor's normal, its z the viewing direction along the floor."""
    up = ground.up_cam
    along = np.array([0.0, 0.0, 1.0]) - up[2] * up
    along /= np.linalg.norm(along)
    axes = np.stack([np.cross(along, up), up, along])
    heading, bearing = rng.uniform(-np.pi, np.pi), rng.normal(0.0, 0.3)
    c, s = np.cos(heading), np.sin(heading)
    turned = joints_m @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    seconds = np.arange(len(joints_m)) / RATE_HZ
    across = np.sqrt(max(away_m**2 - (ground.height_m - 0.9) ** 2, 0.25))
    start = across * np.array([np.sin(bearing), 0.0, np.cos(bearing)])
    drift = rng.uniform(-0.35, 0.35, 2)
    shift = start + seconds[:, None] * np.array([drift[0], 0.0, drift[1]])
    return np.asarray((turned + shift[:, None]) @ axes - ground.height_m * up)


RELATIVE_M = {
    "Head_top": (0.042, 0.131), "Head": (0.030, 0.109), "Thorax": (0.022, 0.068), "Spine": (0.016, 0.037),
    "Pelvis": (0.0, 0.0), "Shoulder": (0.029, 0.076), "Elbow": (0.031, 0.071), "Wrist": (0.045, 0.110),
    "Hand": (0.049, 0.118), "Hip": (0.012, 0.015), "Knee": (0.035, 0.092), "Ankle": (0.043, 0.139),
    "Toe": (0.053, 0.155),
}  # fmt: skip
"""Standard deviations of joints from the root, across the ray and along it, in poses of the right size; 1.48 times the
median deviations."""
_RELATIVE_M = np.array([RELATIVE_M[name.removeprefix("L_").removeprefix("R_")] for name in SKELETON.joints])


@dataclass(frozen=True)
class NetNoise:
    """Standard deviations of what nets say; all 0: exact.

    pixel: of a joint, as a share of the person's height in the image. relative: factor on RELATIVE_M. shared: of ln of
    the size that both solvers by size give a person, besides their stature (if stature), of which they know nothing;
    closed, learned: of each one's own. changing: the share of all variances that changes from frame to frame; all of
    learned's own does: by 0.035 in a third of a second on a recording, by 0.044 in a second. scores: least of feet, and
    of all others. floor: whether the floor's height and normal are wrong by their own standard deviations.
    """

    pixel: float = 0.0
    relative: float = 0.0
    shared: float = 0.0
    closed: float = 0.0
    learned: float = 0.0
    changing: float = 0.3
    scores: tuple[float, float] = (0.9, 0.9)
    floor: bool = False
    stature: bool = False


EXACT = NetNoise()
MEASURED = NetNoise(
    pixel=0.020, relative=1.0, shared=0.041, closed=0.055, learned=0.039, scores=(0.3, 0.62), floor=True,
    stature=True,
)  # fmt: skip
_FOOT_PIXEL = 0.0055
"""Of the pixels of a foot, times the square of its score."""
_FEET_ALIKE = 0.7
"""Share of the variance of a foot's pixels that both feet have in common, read as they are from one image."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What nets say of a walk: relative_m, joints_img_px (T, 21, …), scores (T, 21), learned_m (T,)."""

    relative_m: Array
    joints_img_px: Array
    scores: Array
    learned_m: Array


def seen(walk: Walk, noise: NetNoise, rng: np.random.Generator) -> Seen:
    """Errors have a part that lasts through the walk and one of each frame."""

    def errors(*shape: int) -> Array:
        lasting = rng.normal(0.0, np.sqrt(1.0 - noise.changing), shape)
        return np.asarray(lasting + rng.normal(0.0, np.sqrt(noise.changing), (len(pixels), *shape)))

    pixels = walk.camera.project(walk.joints_cam_m)
    root = walk.joints_cam_m[:, SKELETON.root, None]
    relative = walk.joints_cam_m - root
    scores = np.full(pixels.shape[:2], noise.scores[1])
    feet = [SKELETON.index_of[name] for name in _FEET]
    scores[:, feet] = rng.uniform(*noise.scores)
    tall_px = np.ptp(pixels[..., 1], axis=1)[:, None, None]
    shares = np.full((1, len(SKELETON.joints), 1), noise.pixel)
    shares[:, feet] = _FOOT_PIXEL / scores[:1, feet, None] ** 2 if noise.pixel else 0.0
    along = root / np.linalg.norm(root, axis=-1, keepdims=True)
    across = noise.relative * _RELATIVE_M[:, :1] * errors(len(SKELETON.joints), 3)
    across -= (across * along).sum(axis=-1, keepdims=True) * along
    relative = relative + across + noise.relative * _RELATIVE_M[:, 1:] * errors(len(SKELETON.joints), 1) * along
    unknown = np.log(walk.motion.height_m / _MEAN_HEIGHT_M) if noise.stature else 0.0
    shared = noise.shared * rng.normal() - unknown
    in_pixels = errors(len(SKELETON.joints), 2)
    in_pixels[:, feet] = np.sqrt(_FEET_ALIKE) * errors(1, 2) + np.sqrt(1.0 - _FEET_ALIKE) * in_pixels[:, feet]
    closed = np.exp(shared + noise.closed * errors())
    learned_m = walk.distances_m * np.exp(shared + noise.learned * rng.normal(size=len(pixels)))
    return Seen(
        closed[:, None, None] * relative,
        pixels + shares * tall_px * in_pixels,
        scores,
        learned_m,
    )


def wrong_floor(ground: GroundPlane, rng: np.random.Generator) -> GroundPlane:
    """A floor that is wrong by its own standard deviations."""
    up = ground.up_cam + rng.normal(0.0, ground.tilt_sigma_rad, 3)
    height_m = ground.height_m + rng.normal(0.0, ground.height_sigma_m)
    return replace(ground, up_cam=up / np.linalg.norm(up), height_m=height_m)


def pitched(ground: GroundPlane, pitch_deg: float) -> GroundPlane:
    """A floor whose pitch is said to be another."""
    c, s = np.cos(np.deg2rad(pitch_deg)), np.sin(np.deg2rad(pitch_deg))
    turned = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ ground.up_cam
    return replace(ground, up_cam=turned)


_DEPTH_SCALE = 8
_DEPTH_NOISE_M, _STEREO_PER_M, THICKNESS_M = 0.01, 0.003, 0.03
"""Standard deviations: of a disk's depth, of a stereo camera's a square metre of distance, of a person's thickness."""


def depth_image(
    walk: Walk, number: int, true: Camera, given: Camera, thickness_m: float, rng: np.random.Generator
) -> DepthImage:
    """Of a frame: disks of the surface before each joint of the torso, in nothing. true: the camera that took it."""
    camera = given.resize(given.width_px // _DEPTH_SCALE, given.height_px // _DEPTH_SCALE)
    true = true.resize(camera.width_px, camera.height_px)
    depth_m = np.full((camera.height_px, camera.width_px), np.nan)
    stereo = rng.normal()  # its error of disparity is alike all over a person
    rows, columns = np.mgrid[: camera.height_px, : camera.width_px]
    for name, point in zip(SKELETON.joints, walk.joints_cam_m[number], strict=True):
        skin_m = SKIN_M.get(name.rpartition("_")[2])
        if skin_m is None:
            continue
        u, v = true.project(point)
        disk = np.hypot(columns - u, rows - v) <= 0.09 * true.K_px[0, 0] / point[2] + 1.0
        surface_m = point[2] * (1.0 - (skin_m + thickness_m) / np.linalg.norm(point))
        depth_m[disk] = surface_m + rng.normal(0.0, _DEPTH_NOISE_M) + stereo * _STEREO_PER_M * point[2] ** 2
    return DepthImage(depth_m, camera)
