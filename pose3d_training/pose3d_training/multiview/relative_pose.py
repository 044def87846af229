"""Where a second camera is, seen from the first, from matched points: RANSAC, essential matrix, cheirality.

As in M. Kocabas et al., Self-Supervised Learning of 3D Human Pose using Multi-view Geometry (EpipolarPose), CVPR 2019,
section 3.1: a fundamental matrix by RANSAC over the joints of all frames, E = K2ᵀ F K1, the four poses that E allows,
and that which has the points before both cameras. As the calibration is known, Nistér's five-point solution (PAMI 2004)
is tried too, which people who are far away leave better conditioned; that with more inliers is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array
from pose3d_training.multiview.view_tracks import Mask

_F_PX = 1000.0
"""Focal length of the image that OpenCV is told of: it wants pixels."""
_SURE, _ROUNDS = 0.9999, 5000
LEAST_POINTS = 60
_MOST_SAMPLED = 1500
"""Points that RANSAC draws from."""
_LEAST_SHARE = 0.25
_MOST_EXPECTED, _STEPS, _SETTLED = 15, 4, 1e-3
_FARTHEST = 15.0
"""Of an outlier from its epipolar line, in tolerances: about half of a person's height."""
_LEAST_DEVIATION, _MOST_SHARE = 1e-3, 0.999
_AHEAD_SHARE = 0.75
_LEAST_ANGLE_DEG = 3.0
_PLANE_SHARE = 0.9
"""Of the inliers that a homography explains, from which on the points may be on a plane."""
_WALK = "Record again: let a person walk through all of what both cameras see, near and far, and move arms and legs."


@dataclass(frozen=True, eq=False)
class RelativePose:
    """The first camera's frame in the second's: x_second = R x_first + t, with |t| = 1.

    inliers: (N,), of the points. angle_deg: median angle between the rays of inliers.
    """

    first2second: RigidTransform
    inliers: Mask
    angle_deg: float


def skew(vectors: Array) -> Array:
    """(…, 3) → (…, 3, 3), the matrix whose product with b is the cross product with b."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def essential_of(first2second: RigidTransform) -> Array:
    """E = [t]× R, (3, 3), with x_secondᵀ E x_first = 0 (Hartley and Zisserman 2004, eq. 9.12)."""
    return np.asarray(skew(first2second.translation_m) @ first2second.rotation)


def sampson_errors(essential: Array, first: Array, second: Array) -> Array:
    """First-order distances (N,) of pairs of points (N, 2) from the epipolar constraint (ibid., eq. 11.9)."""
    x, y = _homogeneous(first), _homogeneous(second)
    lines, back = x @ essential.T, y @ essential
    across = np.hypot(np.hypot(lines[:, 0], lines[:, 1]), np.hypot(back[:, 0], back[:, 1]))
    return np.asarray(np.abs((y * lines).sum(axis=1)) / np.maximum(across, 1e-12))


def relative_pose(first: Array, second: Array, tolerance: npt.ArrayLike) -> RelativePose:
    """The pose of two cameras from matched points on their planes z = 1.

    Parameters
    ----------
    first, second : ndarray
        (N, 2) float64, no NaN.
    tolerance : array_like
        (N,) or a number: distance from the epipolar constraint up to which a pair is an inlier, on the plane z = 1.

    Returns
    -------
    RelativePose
        The most likely one, see `refined`.

    Raises
    ------
    InputError
        For too few points or inliers, points on a plane, and cameras too close to each other.
    """
    limits = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), first.shape[:1])
    if len(first) < LEAST_POINTS:
        raise _refused(f"{LEAST_POINTS} matched joints", str(len(first)), "Record people whom both cameras see.")
    drawn = some_of(len(first), _MOST_SAMPLED)
    pose = by_ransac(first[drawn], second[drawn], limits[drawn])
    inliers = sampson_errors(essential_of(pose), first, second) <= limits
    if inliers.sum() < max(LEAST_POINTS / 2, _LEAST_SHARE * len(first)):
        raise few_inliers(float(inliers.mean()), len(first))
    pose = refined(pose, first, second, limits)
    inliers = sampson_errors(essential_of(pose), first, second) <= limits
    ahead = float(_before_both(pose, first[inliers], second[inliers]).mean())
    if ahead < _AHEAD_SHARE:
        raise _refused("points before both cameras", f"{ahead:.0%} of them for the best pose", _WALK)
    found = RelativePose(pose, inliers, _median_angle_deg(pose, first[inliers], second[inliers]))
    _check(found, first, second, limits)
    return found


def few_inliers(share: float, count: int) -> InputError:
    """The error of points that no pose fits."""
    got = f"{share:.0%} of {count}"
    fix = "See that both recordings show the same people at the same time (--offset), and that calibrations fit."
    return _refused(f"{_LEAST_SHARE:.0%} of the joints, or more, on their epipolar lines", got, fix)


def refined(start: RigidTransform, first: Array, second: Array, tolerance: Array) -> RigidTransform:
    """The most likely pose of pairs (N, 2) whose Sampson distances are normal, of unknown deviation, but for outliers.

    By expectation maximization, with outliers anywhere: P. H. S. Torr and A. Zisserman, MLESAC, CVIU 78(1), 2000.
    tolerance: (N,), the unit of distances.
    """
    pose, deviation, share = start, 0.5, 0.5
    for _ in range(_MOST_EXPECTED):
        squares = np.square(sampson_errors(essential_of(pose), first, second) / tolerance)
        inlying = share * np.sqrt(2 / np.pi) / deviation * np.exp(-squares / (2 * deviation**2))
        weights = inlying / (inlying + (1 - share) / _FARTHEST)
        before, deviation = deviation, max(float(np.sqrt(np.average(squares, weights=weights))), _LEAST_DEVIATION)
        share = min(float(weights.mean()), _MOST_SHARE)
        pose = _nearer(pose, first, second, np.sqrt(weights) / tolerance)
        if abs(deviation / before - 1) < _SETTLED:
            break
    return pose


def _nearer(start: RigidTransform, first: Array, second: Array, weights: Array) -> RigidTransform:
    """The pose after a few steps of least squares; weights (N,): of the distances."""

    def off(change: Array) -> Array:
        return weights * sampson_errors(essential_of(moved(start, change)), first, second)

    return moved(start, least_squares(off, np.zeros(5), max_nfev=_STEPS).x)


def moved(pose: RigidTransform, change: Array) -> RigidTransform:
    """A pose after a rotation vector (3,) and a step of the unit translation along the sphere (2,)."""
    tangent = np.linalg.svd(pose.translation_m[None])[2][1:]
    translation = pose.translation_m + change[3:5] @ tangent
    turn = Rotation.from_rotvec(change[:3]).as_matrix()
    return RigidTransform(turn @ pose.rotation, translation / np.linalg.norm(translation))


def by_ransac(first: Array, second: Array, limits: Array) -> RigidTransform:
    """The pose with the most inliers before both cameras, of those of a fundamental matrix and of five points.

    Raises InputError where there is none.
    """
    x, y, px = first * _F_PX, second * _F_PX, float(np.median(limits)) * _F_PX
    cv2.setRNGSeed(1)
    fundamental, _ = cv2.findFundamentalMat(x, y, cv2.USAC_ACCURATE, px, _SURE, _ROUNDS)
    camera = np.diag([_F_PX, _F_PX, 1.0])
    five_point, _ = cv2.findEssentialMat(x, y, camera, cv2.USAC_ACCURATE, _SURE, px)
    found = [] if five_point is None or five_point.shape[1:] != (3,) else [five_point[:3]]
    if fundamental is not None and fundamental.shape == (3, 3):
        found.append(_essential(camera @ fundamental @ camera))
    if not found:
        raise _refused("a fundamental matrix", "none that fits", _WALK)
    poses = [_decomposed(np.asarray(one, dtype=np.float64), first, second, limits) for one in found]
    return max(poses, key=lambda pose: _agreement(pose, first, second, limits))


def some_of(count: int, most: int) -> npt.NDArray[np.intp]:
    """Numbers below count, at most so many, always the same; by chance, as every n-th would be of the same joints."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(count).permutation(count)[:most])


def _agreement(pose: RigidTransform, first: Array, second: Array, limits: Array) -> float:
    """How many points are inliers before both cameras, each less the farther it is off."""
    off = sampson_errors(essential_of(pose), first, second) / limits
    return float((np.maximum(0.0, 1.0 - off**2) * _before_both(pose, first, second)).sum())


def _essential(matrix: Array) -> Array:
    """The nearest essential matrix: two equal singular values and a zero (Hartley and Zisserman 2004, 11.7.3)."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ np.diag([1.0, 1.0, 0.0]) @ right)


def _decomposed(essential: Array, first: Array, second: Array, limits: Array) -> RigidTransform:
    """Of the four poses of an essential matrix that with the most inliers before both cameras."""
    one, other, step = cv2.decomposeEssentialMat(essential)
    turns = [np.asarray(turn, dtype=np.float64) for turn in (one, other)]
    away = np.asarray(step[:, 0], dtype=np.float64)
    poses = [RigidTransform(turn, sign * away) for turn in turns for sign in (1.0, -1.0)]
    return max(poses, key=lambda pose: _agreement(pose, first, second, limits))


def _before_both(pose: RigidTransform, first: Array, second: Array) -> Mask:
    points = midpoints(pose, first, second)
    before: Mask = (points[:, 2] > 0) & (pose.apply(points)[:, 2] > 0)
    return before


def midpoints(pose: RigidTransform, first: Array, second: Array) -> Array:
    """Points (N, 3) of the first frame nearest to both rays."""
    one, other = _homogeneous(first), _homogeneous(second) @ pose.rotation
    center = -pose.rotation.T @ pose.translation_m
    a, b, c = (one * one).sum(axis=1), (one * other).sum(axis=1), (other * other).sum(axis=1)
    d, e = one @ center, other @ center
    determinant = np.maximum(a * c - b * b, 1e-15)
    along, beyond = (c * d - b * e) / determinant, (b * d - a * e) / determinant
    return np.asarray((along[:, None] * one + center + beyond[:, None] * other) / 2)


def ray_angles_deg(pose: RigidTransform, first: Array, second: Array) -> Array:
    """Angles (N,) between the rays of matched points."""
    one, other = _homogeneous(first), _homogeneous(second) @ pose.rotation
    sine = np.linalg.norm(np.cross(one, other), axis=1)
    return np.asarray(np.rad2deg(np.arctan2(sine, (one * other).sum(axis=1))))


def _median_angle_deg(pose: RigidTransform, first: Array, second: Array) -> float:
    return float(np.median(ray_angles_deg(pose, first, second)))


def _check(found: RelativePose, first: Array, second: Array, limits: Array) -> None:
    """Raise InputError where the points do not determine the pose."""
    if found.angle_deg < _LEAST_ANGLE_DEG:
        got = f"{found.angle_deg:.1f} degrees (median)"
        fix = "Put the cameras farther apart, or people nearer to them."
        raise _refused(f"rays that meet at {_LEAST_ANGLE_DEG:.0f} degrees or more", got, fix)
    x, y = first[found.inliers] * _F_PX, second[found.inliers] * _F_PX
    cv2.setRNGSeed(1)
    limit_px = float(np.median(limits)) * _F_PX
    _, on_plane = cv2.findHomography(x, y, cv2.USAC_ACCURATE, limit_px, None, 2000, _SURE)
    if on_plane is not None and on_plane.mean() > _PLANE_SHARE:
        raise _refused("points in space", f"{on_plane.mean():.0%} of them on one plane", _WALK)


def _refused(expected: str, got: str, fix: str) -> InputError:
    return InputError("pose of the cameras", expected=expected, got=got, fix=fix)


def _homogeneous(points: Array) -> Array:
    return np.concatenate([points, np.ones_like(points[:, :1])], axis=1)
