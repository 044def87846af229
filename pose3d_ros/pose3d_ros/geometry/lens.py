"""Lens distortion of normalized image points (x/z, y/z), forward by OpenCV and back by a safeguarded Newton.

The models are those of sensor_msgs/CameraInfo, with OpenCV's coefficient order:

- `plumb_bob` k1 k2 p1 p2 [k3] (Brown 1966);
- `rational_polynomial` k1 k2 p1 p2 k3 k4 k5 k6 [s1..s4 [tau_x tau_y]] (OpenCV `calib3d`, eq. of the rational model);
- `equidistant` k1..k4 (Kannala and Brandt 2006, `cv2.fisheye`);
- those of `spheres`, `omni` with plumb_bob's k1 k2 p1 p2 behind its xi (Mei and Rives 2007).

`cv2.undistortPoints` stops after five fixed-point steps by default, is off by pixels at the corners of
a wide lens, and takes its stopping rule through another function in each OpenCV series. So the way back is here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from numpy.polynomial import Polynomial

from pose3d_ros.geometry import spheres
from pose3d_ros.types import Array

Curve = Callable[[Array], tuple[Array, Array]]

_NO_TURN = np.zeros(3)
_UNIT_K = np.eye(3)
_MAX_BRACKET_STEPS = 60
_MAX_NEWTON_STEPS = 20
_WIDEST = 1e3  # radius x/z, y/z: 89.9 degrees off the axis
_CONVERGED = 1e-14
_ACCEPTED = 1e-10  # of a normalized coordinate: below 1e-6 px for any focal length under 10,000 px


def distort(model: str, coefficients: Array, points: Array) -> Array:
    """Where the lens images normalized points.

    points: (N, 2) float64, x/z and y/z. Returns (N, 2) float64, distorted normalized points; NaN for NaN, and for a
    point beyond the angle where the model folds back on itself and would put it among the points of smaller angles.
    """
    return _where_finite(points, lambda p: _distort(model, coefficients, p))


def undistort(model: str, coefficients: Array, points: Array) -> Array:
    """The inverse of `distort`.

    points: (N, 2) float64, distorted normalized points. Returns (N, 2) float64, x/z and y/z; NaN for NaN, and where no
    ray in front of the camera is imaged.
    """
    return _where_finite(points, lambda p: _undistort(model, coefficients, p))


def _where_finite(points: Array, function: Callable[[Array], Array]) -> Array:
    finite = np.isfinite(points).all(axis=1)
    if finite.all():
        return function(points)
    out = np.full_like(points, np.nan)
    out[finite] = function(points[finite])
    return out


def _distort(model: str, coefficients: Array, points: Array) -> Array:
    if model == "pinhole" or not len(points):
        return np.array(points)
    if model in spheres.MODELS:
        return spheres.project(model, coefficients, points)
    if model == "omni":
        return _distort("plumb_bob", coefficients[1:], spheres.project("unified", coefficients[:1], points))
    radius = np.hypot(points[:, 0], points[:, 1])
    ahead = np.column_stack([points, np.ones(len(points))])[:, None]
    if model == "equidistant":
        inside = np.arctan(radius) < _largest_angle_rad(tuple(coefficients))
        imaged = cv2.fisheye.projectPoints(ahead, _NO_TURN, _NO_TURN, _UNIT_K, coefficients)[0]
    else:
        inside = radius < _largest_radius(tuple(coefficients))
        imaged = cv2.projectPoints(ahead, _NO_TURN, _NO_TURN, _UNIT_K, coefficients)[0]
    distorted: Array = imaged[:, 0].astype(np.float64, copy=False)
    return _keep(inside, distorted)


def _undistort(model: str, coefficients: Array, points: Array) -> Array:
    if model == "pinhole" or not len(points):
        return np.array(points)
    if model in spheres.MODELS:
        return spheres.backproject(model, coefficients, points)
    if model == "omni":
        return spheres.backproject("unified", coefficients[:1], _undistort("plumb_bob", coefficients[1:], points))
    if model == "equidistant":
        return _undistort_equidistant(coefficients, points)
    return _undistort_brown(coefficients, points)


def _undistort_brown(coefficients: Array, distorted: Array) -> Array:
    """The radial part alone on its radius, then Newton in the plane for the tangential part as well."""
    key = tuple(coefficients)
    limit = min(_largest_radius(key), _WIDEST)
    radius = np.hypot(distorted[:, 0], distorted[:, 1])
    # The tangential part moves the rim of what is imaged by a few hundredths at most.
    reachable = radius < 1.05 * _radial_part(key, np.array(limit))[0]
    undistorted = _invert_growing(lambda r: _radial_part(key, r), limit, radius[reachable])
    start = distorted[reachable] * _ratio(undistorted, radius[reachable])[:, None]
    points = np.full_like(distorted, np.nan)
    points[reachable] = _newton_brown(coefficients, start, distorted[reachable], limit)
    return points


def _newton_brown(coefficients: Array, points: Array, distorted: Array, limit: float) -> Array:
    if not len(points):
        return points
    tolerance = 1.0 + np.abs(distorted).max(axis=1)
    for _ in range(_MAX_NEWTON_STEPS):
        residual, jacobian = _residual_brown(coefficients, points, distorted)
        if np.all(np.abs(residual).max(axis=1) <= _CONVERGED * tolerance):
            break
        points = _shorten(points - _solve_2x2(jacobian, residual), limit)
    residual, _ = _residual_brown(coefficients, points, distorted)
    return _keep(np.abs(residual).max(axis=1) <= _ACCEPTED * tolerance, points)


def _residual_brown(coefficients: Array, points: Array, distorted: Array) -> tuple[Array, Array]:
    ahead = np.column_stack([points, np.ones(len(points))])[:, None]
    imaged, jacobian = cv2.projectPoints(ahead, _NO_TURN, _NO_TURN, _UNIT_K, coefficients)
    # Columns 3 and 4 are the derivatives by t_x and t_y, which at z = 1 are those by x and y.
    by_xy: Array = jacobian[:, 3:5].reshape(-1, 2, 2).astype(np.float64, copy=False)
    return imaged[:, 0] - distorted, by_xy


def _solve_2x2(matrices: Array, right: Array) -> Array:
    a, b, c, d = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1]
    determinant = a * d - b * c
    determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
    x, y = right[:, 0], right[:, 1]
    return np.column_stack([(d * x - b * y) / determinant, (a * y - c * x) / determinant])


def _keep(wanted: npt.NDArray[np.bool_], points: Array) -> Array:
    kept: Array = np.where(wanted[:, None], points, np.nan)
    return kept


def _shorten(points: Array, limit: float) -> Array:
    radius = np.hypot(points[:, 0], points[:, 1])
    shortened: Array = points * np.minimum(1.0, limit / np.maximum(radius, 1e-300))[:, None]
    return shortened


def _undistort_equidistant(coefficients: Array, distorted: Array) -> Array:
    imaged = _imaged_angle(tuple(coefficients))
    slope = imaged.deriv()
    radius = np.hypot(distorted[:, 0], distorted[:, 1])
    limit = _largest_angle_rad(tuple(coefficients))

    def curve(angle: Array) -> tuple[Array, Array]:
        return np.asarray(imaged(angle), np.float64), np.asarray(slope(angle), np.float64)

    angle = _invert_growing(curve, limit, radius)
    found = np.abs(imaged(angle) - radius) <= _ACCEPTED
    return _keep(found, distorted * _ratio(np.tan(angle), radius)[:, None])


def _invert_growing(curve: Curve, limit: float, wanted: Array) -> Array:
    """Where a function that grows from 0 at 0 up to `limit` has the wanted values; near `limit` if it never does.

    curve: gives the function and its derivative. Newton, with bisection for a step that leaves the bracket.
    """
    low, high = np.zeros_like(wanted), np.full_like(wanted, limit)
    guess = np.minimum(wanted, 0.99 * limit)
    for _ in range(_MAX_BRACKET_STEPS):
        value, slope = curve(guess)
        residual = value - wanted
        if np.all(np.abs(residual) <= _CONVERGED * (1.0 + wanted)):
            break
        low, high = np.where(residual < 0, guess, low), np.where(residual > 0, guess, high)
        step = guess - residual / np.maximum(slope, 1e-12)
        guess = np.where((step > low) & (step < high), step, 0.5 * (low + high))
    return guess


def _ratio(length: Array, radius: Array) -> Array:
    ratio: Array = np.where(radius > 1e-8, length / np.maximum(radius, 1e-8), 1.0)
    return ratio


def _imaged_angle(coefficients: tuple[float, ...]) -> Polynomial:
    """theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)."""
    k1, k2, k3, k4 = coefficients
    return Polynomial([0.0, 1.0, 0.0, k1, 0.0, k2, 0.0, k3, 0.0, k4])


@lru_cache(maxsize=64)
def _largest_angle_rad(coefficients: tuple[float, ...]) -> float:
    """The angle off the axis up to which the fisheye model is monotonic; at most a quarter turn."""
    return min(_smallest_positive_root(_imaged_angle(coefficients).deriv()), np.pi / 2)


@lru_cache(maxsize=64)
def _largest_radius(coefficients: tuple[float, ...]) -> float:
    """The radius in x/z, y/z up to which the radial part r N(r^2) / D(r^2) grows with r, and has no pole."""
    k1, k2, k3, k4, k5, k6 = _radial_coefficients(coefficients)
    n, d, twice_s = Polynomial([1.0, k1, k2, k3]), Polynomial([1.0, k4, k5, k6]), Polynomial([0.0, 2.0])
    # The derivative times D^2, in s = r^2.
    growth = (n + twice_s * n.deriv()) * d - twice_s * n * d.deriv()
    return float(np.sqrt(min(_smallest_positive_root(growth), _smallest_positive_root(d))))


def _radial_part(coefficients: tuple[float, ...], radius: Array) -> tuple[Array, Array]:
    """R N(r^2) / D(r^2) and its derivative by r."""
    k1, k2, k3, k4, k5, k6 = _radial_coefficients(coefficients)
    s = radius * radius
    n, n_by_s = 1.0 + s * (k1 + s * (k2 + s * k3)), k1 + s * (2.0 * k2 + s * 3.0 * k3)
    d, d_by_s = 1.0 + s * (k4 + s * (k5 + s * k6)), k4 + s * (2.0 * k5 + s * 3.0 * k6)
    return radius * n / d, (n + 2.0 * s * (n_by_s - n * d_by_s / d)) / d


def _radial_coefficients(coefficients: tuple[float, ...]) -> tuple[float, float, float, float, float, float]:
    k1, k2, _, _, k3, k4, k5, k6 = (*coefficients, *(0.0,) * 8)[:8]
    return k1, k2, k3, k4, k5, k6


def _smallest_positive_root(polynomial: Polynomial) -> float:
    # Coefficients that can't matter at any angle of view would overflow the companion matrix.
    roots = polynomial.trim(1e-14).roots()
    real = roots[np.abs(roots.imag) < 1e-9].real
    return float(np.min(real[real > 0], initial=np.inf))
