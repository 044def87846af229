"""Root localization: from keypoints to joints in the camera's frame, by a root net's depth or in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import Manifest, ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera, SolvedRoots, assemble, solve_root
from pose3d_ros.geometry.root_solver import weak_perspective_root
from pose3d_ros.stages.entry_checks import KEYPOINT_NET, LANDMARK_NET, choice_parameter
from pose3d_ros.stages.keypoints import DecodedRoots, Keypoints
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS
from pose3d_ros.stages.pose.pose_decoding import PoseDecoder
from pose3d_ros.types import Array

RootSolver = Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike], SolvedRoots]

_SOLVERS: dict[str, RootSolver] = {"closed_form": solve_root, "weak_perspective": weak_perspective_root}
_DEFAULT_SOLVER = "closed_form"


@dataclass(frozen=True, eq=False)
class LocalizedPeople:
    """root_cam_m (N, 3), joints_cam_m (N, J, 3), metres, NaN where unknown; root_sigma_m (N,), NaN without one."""

    root_cam_m: Array
    joints_cam_m: Array
    root_sigma_m: Array


def gives_pixels(entry: ManifestEntry) -> bool:
    """Whether a pose engine's joints are in the image alone, so that a model of the role lifter has to raise them."""
    decoder = POSE_DECODERS.get(entry.decoder)
    return entry.decoder == KEYPOINT_NET or (decoder is not None and decoder.gives == "pixels")


def needed_roles(manifest: Manifest) -> tuple[str, ...]:
    """The roles that its pose net needs for root localization; those of any pose net without one."""
    pose = manifest.for_role("pose") if manifest.has_role("pose") else None
    decoder = None if pose is None else POSE_DECODERS.get(pose.decoder)
    if _reads_landmarks(manifest):
        return ("detector", "region_detector", "pose")
    if pose is not None and gives_pixels(pose):
        return ("detector", "pose", "lifter")
    return ("detector", "root", "pose") if decoder is None or decoder.gives == "depth" else ("detector", "pose")


def skeleton_of_people(manifest: Manifest) -> str | None:
    """Name of the skeleton in which people come out of the pose net or its lifter, None without such an engine."""
    if _reads_landmarks(manifest):
        return "body40"
    role = "lifter" if manifest.has_role("pose") and gives_pixels(manifest.for_role("pose")) else "pose"
    return manifest.for_role(role).skeleton if manifest.has_role(role) else None


def _reads_landmarks(manifest: Manifest) -> bool:
    return manifest.has_role("pose") and manifest.for_role("pose").decoder == LANDMARK_NET


def root_solver(
    entry: ManifestEntry, decoder: PoseDecoder, root_entry: ManifestEntry | None, *, lifted: bool = False
) -> RootSolver | None:
    """The closed-form root solver of a pose engine's people, None where a net gives the roots.

    root_entry: the engine of the role root. The entry's parameter `root` asks for a solver also where there is such a
    net. lifted: whether a lifter makes metric joints of the engine's. Raises EngineError for a pose net that gives too
    little for root localization, and for another value of the parameter.
    """
    if decoder.gives == "pixels" and not lifted:
        raise _cannot_be_localized(
            entry,
            "a model of the role lifter, or a decoder that gives depths or metres",
            "Joints in the image alone need a lifter in the same folder; see docs/models.md.",
        )
    asked = "root" in entry.parameters
    if decoder.gives == "depth" and (asked or root_entry is None):
        raise _cannot_be_localized(
            entry,
            "a model of the role root" + ", and no parameter root" * asked,
            "Depths from the root need a root net beside them; only metric joints have a root in closed form.",
        )
    if root_entry is not None and not asked:
        return None
    return closed_form_solver(entry)


def closed_form_solver(entry: ManifestEntry) -> RootSolver:
    """The solver that the entry's parameter `root` names. Raises EngineError for another value."""
    return _SOLVERS[choice_parameter(entry, "root", tuple(_SOLVERS), _DEFAULT_SOLVER)]


def localize(camera: Camera, people: Keypoints, solver: RootSolver | None, *, hip_centered: bool) -> LocalizedPeople:
    """Localize the people. solver: None where a net gives their roots. hip_centered: see `_by_net`."""
    if people.root_cam_m is not None and people.relative_m is not None:
        return _by_lifter(people.root_cam_m, people.relative_m)
    if solver is not None and people.relative_m is not None:
        return _by_solver(camera, people, people.relative_m, solver)
    if people.roots is None:
        raise EngineError(
            "outputs of the pose net", expected="metric joints, or roots", got="depths", fix="Add a root net."
        )
    if people.lifted and people.relative_m is not None:
        return _lifted(camera, people, people.relative_m, people.roots)
    return _by_net(camera, people, people.roots, hip_centered)


def _by_net(camera: Camera, people: Keypoints, roots: DecodedRoots, hip_centered: bool) -> LocalizedPeople:
    """Every joint on its ray, at the root's depth plus its own (Moon 2019).

    hip_centered: depths, the root net's as well, are those of the hips, also for a skeleton with another root.
    """
    depth_m, root = people.relative_depth_m, people.skeleton.root
    if people.relative_m is not None and not hip_centered:
        depth_m = depth_m - depth_m[:, root : root + 1]
    root_cam_m, joints_cam_m = assemble(camera, people.joints_img_px, depth_m, roots.depth_m, root)
    if hip_centered:
        root_cam_m = joints_cam_m[:, root]
    return LocalizedPeople(root_cam_m, joints_cam_m, roots.relative_sigma * np.linalg.norm(root_cam_m, axis=-1))


def _lifted(camera: Camera, people: Keypoints, relative_m: Array, roots: DecodedRoots) -> LocalizedPeople:
    """A lifter's skeleton as it is, at a root net's depth, moved to where it covers what is seen."""
    depth_m = np.where(roots.depth_m > 0, roots.depth_m, np.nan)[:, None] + relative_m[..., 2]
    offset_m = camera.backproject(people.joints_img_px, depth_m) - relative_m
    share = np.where(np.isfinite(offset_m), _weights(people)[..., None], 0.0)
    with np.errstate(invalid="ignore"):
        root_cam_m = (np.nan_to_num(offset_m) * share).sum(axis=1) / share.sum(axis=1)
    sigma_m = roots.relative_sigma * np.linalg.norm(root_cam_m, axis=-1)
    return LocalizedPeople(root_cam_m, relative_m + root_cam_m[:, None], sigma_m)


def _by_lifter(root_cam_m: Array, relative_m: Array) -> LocalizedPeople:
    """Where the lifter says; without a depth above 0 nowhere."""
    root_cam_m = np.where(root_cam_m[:, 2:] > 0, root_cam_m, np.nan)
    return LocalizedPeople(root_cam_m, relative_m + root_cam_m[:, None], np.full(len(root_cam_m), np.nan))


def _by_solver(camera: Camera, people: Keypoints, relative_m: Array, solver: RootSolver) -> LocalizedPeople:
    """The metric skeleton where it looks as large as it does: root-relative shape kept, moved by the solved root."""
    solved = solver(relative_m, camera.rays(people.joints_img_px)[..., :2], _weights(people))
    joints_cam_m = relative_m + solved.root_cam_m[:, None]
    root_cam_m = solved.root_cam_m if people.lifted else joints_cam_m[:, people.skeleton.root]
    return LocalizedPeople(root_cam_m, joints_cam_m, np.full(len(relative_m), np.nan))


def similarity_distances_m(camera: Camera, people: Keypoints, solver: RootSolver) -> Array:
    """(N,), of the roots by how large metric skeletons look; NaN where it is unknown, or the joints are not metric."""
    if people.relative_m is None:
        return np.full(len(people.joints_img_px), np.nan)
    return np.asarray(np.linalg.norm(_by_solver(camera, people, people.relative_m, solver).root_cam_m, axis=-1))


def _weights(people: Keypoints) -> Array:
    """(N, J), 0 for a joint that is not valid."""
    return np.where(people.valid, people.scores, 0.0)


def _cannot_be_localized(entry: ManifestEntry, expected: str, fix: str) -> EngineError:
    got = f"the decoder {entry.decoder} alone"
    return EngineError(f"root localization of {entry.name}", expected=expected, got=got, fix=fix)
