"""From what a pose net says to joints in the camera's frame: by a root net's depth, or by a root in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import Manifest, ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera, SolvedRoots, assemble, rotation_to_rays, solve_root, weak_perspective_root
from pose3d_ros.stages.decoding import DecodedJoints, DecodedRoots, PoseDecoder
from pose3d_ros.stages.entry_checks import choice_parameter
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.types import Array

RootSolver = Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike], SolvedRoots]

_SOLVERS: dict[str, RootSolver] = {"closed_form": solve_root, "weak_perspective": weak_perspective_root}
_DEFAULT_SOLVER = "closed_form"


@dataclass(frozen=True, eq=False)
class Placed:
    """root_cam_m (N, 3), joints_cam_m (N, J, 3), metres, NaN where unknown; root_sigma_m (N,), NaN without one."""

    root_cam_m: Array
    joints_cam_m: Array
    root_sigma_m: Array


def needs_lifter(entry: ManifestEntry) -> bool:
    """Whether a pose engine's joints are in the image alone, so that a model of the role lifter has to raise them."""
    decoder = POSE_DECODERS.get(entry.decoder)
    return decoder is not None and decoder.gives == "pixels"


def needed_roles(manifest: Manifest) -> tuple[str, ...]:
    """The roles that have to be filled for its pose net's people to get a place; those of any pose net without one."""
    decoder = POSE_DECODERS.get(manifest.for_role("pose").decoder) if manifest.has_role("pose") else None
    if decoder is None or decoder.gives == "depth":
        return ("detector", "root", "pose")
    return ("detector", "pose", "lifter") if decoder.gives == "pixels" else ("detector", "pose")


def skeleton_of_people(manifest: Manifest) -> str | None:
    """Name of the skeleton in which people come out of the pose net or its lifter, None without such an engine."""
    role = "lifter" if manifest.has_role("pose") and needs_lifter(manifest.for_role("pose")) else "pose"
    return manifest.for_role(role).skeleton if manifest.has_role(role) else None


def root_solver(
    entry: ManifestEntry, decoder: PoseDecoder, root_entry: ManifestEntry | None, *, lifted: bool = False
) -> RootSolver | None:
    """What solves the roots of a pose engine's people, None where a net gives them.

    root_entry: the engine of the role root. The entry's parameter `root` asks for a solver also where there is such a
    net. lifted: whether a lifter makes metric joints of the engine's. Raises EngineError for a pose net that says too
    little to be placed, and for another value of the parameter.
    """
    if decoder.gives == "pixels" and not lifted:
        raise _cannot_be_placed(
            entry,
            "a model of the role lifter, or a decoder that gives depths or metres",
            "Joints in the image alone need a lifter in the same folder; see docs/models.md.",
        )
    asked = "root" in entry.parameters
    if decoder.gives == "depth" and (asked or root_entry is None):
        raise _cannot_be_placed(
            entry,
            "a model of the role root" + ", and no parameter root" * asked,
            "Depths from the root need a root net beside them; only metric joints have a root in closed form.",
        )
    if root_entry is not None and not asked:
        return None
    return _SOLVERS[choice_parameter(entry, "root", tuple(_SOLVERS), _DEFAULT_SOLVER)]


def place_by_net(
    camera: Camera, joints_img_px: Array, joints: DecodedJoints, roots: DecodedRoots, hip_centred: bool, root_index: int
) -> Placed:
    """Every joint on its ray, at the root's depth plus its own (Moon 2019).

    joints_img_px: (N, J, 2). hip_centred: depths, the root net's as well, are those of the hips, also for a skeleton
    with another root.
    """
    depth_m = joints.relative_depth_m
    if joints.relative_m is not None and not hip_centred:
        depth_m = depth_m - depth_m[:, root_index : root_index + 1]
    root_cam_m, joints_cam_m = assemble(camera, joints_img_px, depth_m, roots.depth_m, root_index)
    if hip_centred:
        root_cam_m = joints_cam_m[:, root_index]
    return Placed(root_cam_m, joints_cam_m, roots.relative_sigma * np.linalg.norm(root_cam_m, axis=-1))


def place_lifted(
    camera: Camera, joints_img_px: Array, relative_m: Array, weights: Array, roots: DecodedRoots
) -> Placed:
    """A lifter's skeleton as it is, at a root net's depth, moved to where it covers what is seen.

    joints_img_px (N, J, 2), NaN where unseen. relative_m (N, J, 3): from the root, in the camera's axes, NaN where
    unknown; the root need not be seen. weights (N, J), 0 leaves a joint out.
    """
    depth_m = np.where(roots.depth_m > 0, roots.depth_m, np.nan)[:, None] + relative_m[..., 2]
    offset_m = camera.backproject(joints_img_px, depth_m) - relative_m
    share = np.where(np.isfinite(offset_m), weights[..., None], 0.0)
    with np.errstate(invalid="ignore"):
        root_cam_m = (np.nan_to_num(offset_m) * share).sum(axis=1) / share.sum(axis=1)
    sigma_m = roots.relative_sigma * np.linalg.norm(root_cam_m, axis=-1)
    return Placed(root_cam_m, relative_m + root_cam_m[:, None], sigma_m)


def place_by_solver(
    camera: Camera,
    joints_img_px: Array,
    relative_m: Array,
    weights: Array,
    solver: RootSolver,
    root_index: int | None,
) -> Placed:
    """The metric skeleton where it looks as large as it does: root-relative shape kept, moved by the solved root.

    relative_m: (N, J, 3), in the camera's axes, from any origin. weights: (N, J), 0 leaves a joint out. root_index: the
    joint that is the root, None where the origin is it, so that the root need not be seen.
    """
    solved = solver(relative_m, camera.rays(joints_img_px)[..., :2], weights)
    joints_cam_m = relative_m + solved.root_cam_m[:, None]
    root_cam_m = solved.root_cam_m if root_index is None else joints_cam_m[:, root_index]
    return Placed(root_cam_m, joints_cam_m, np.full(len(relative_m), np.nan))


def turned_to_camera(camera: Camera, relative_m: Array, boxes_xyxy_px: Array) -> Array:
    """Joints (N, J, 3) whose z points along the ray through their crop's centre, in the camera's axes.

    A box whose centre no ray goes through gives NaN.
    """
    centres_px = (boxes_xyxy_px[:, :2] + boxes_xyxy_px[:, 2:]) / 2
    return relative_m @ rotation_to_rays(camera.rays(centres_px)).transpose(0, 2, 1)


def _cannot_be_placed(entry: ManifestEntry, expected: str, fix: str) -> EngineError:
    got = f"the decoder {entry.decoder} alone"
    return EngineError(f"place of the people of {entry.name}", expected=expected, got=got, fix=fix)
