"""Models of very wide lenses that project from a sphere or an ellipsoid, in closed form both ways.

- `unified` xi (Geyer and Daniilidis 2000; Mei and Rives 2007), the first part of `omni`;
- `double_sphere` xi alpha (Usenko, Demmel, Cremers: The Double Sphere Camera Model, 2018);
- `eucm` alpha beta (Khomutenko, Garcia, Martinet: An Enhanced Unified Camera Model, 2016);
- `fov` w (Devernay and Faugeras: Straight Lines Have to Be Straight, 2001), an offset of the radius alone.

OpenCV has the first in its contrib modules only, and none of the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

_Closed = Callable[[Array, Array], Array]


def project(model: str, parameters: Array, points: Array) -> Array:
    """x/z and y/z of rays ahead (N, 2) → where the model images them (N, 2); NaN for what it does not image."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _MODELS[model][0](parameters, points)


def backproject(model: str, parameters: Array, imaged: Array) -> Array:
    """The inverse of `project`, (N, 2) → (N, 2); NaN where no ray ahead is imaged."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _MODELS[model][1](parameters, imaged)


def _project_unified(parameters: Array, points: Array) -> Array:
    (xi,) = parameters
    length = np.sqrt(1.0 + _squared(points))
    depth = 1.0 + xi * length
    # sin / (cos + xi) grows with the angle while 1 + xi cos is above 0.
    return _divided(points, depth, (depth > 0) & (length + xi > 0))


def _backproject_unified(parameters: Array, imaged: Array) -> Array:
    (xi,) = parameters
    r2 = _squared(imaged)
    scale = (xi + np.sqrt(1.0 + (1.0 - xi * xi) * r2)) / (1.0 + r2)
    return _ahead(scale[:, None] * imaged, scale - xi)


def _project_double_sphere(parameters: Array, points: Array) -> Array:
    xi, alpha = parameters
    length = np.sqrt(1.0 + _squared(points))
    shifted = 1.0 + xi * length
    from_second = np.sqrt(_squared(points) + shifted**2)
    depth = alpha * from_second + (1.0 - alpha) * shifted
    # The radius grows with the angle while this is above 0 (its derivative over 1 + xi cos, which is).
    grows = alpha * shifted / from_second + 1.0 - alpha
    return _divided(points, depth, (depth > 0) & (grows > 0))


def _backproject_double_sphere(parameters: Array, imaged: Array) -> Array:
    xi, alpha = parameters
    r2 = _squared(imaged)
    z = (1.0 - alpha**2 * r2) / (alpha * np.sqrt(1.0 - (2.0 * alpha - 1.0) * r2) + 1.0 - alpha)
    scale = (z * xi + np.sqrt(z * z + (1.0 - xi * xi) * r2)) / (z * z + r2)
    return _ahead(scale[:, None] * imaged, scale * z - xi)


def _project_eucm(parameters: Array, points: Array) -> Array:
    alpha, beta = parameters
    depth = alpha * np.sqrt(beta * _squared(points) + 1.0) + (1.0 - alpha)
    return _divided(points, depth, depth > 0)


def _backproject_eucm(parameters: Array, imaged: Array) -> Array:
    alpha, beta = parameters
    r2 = _squared(imaged)
    z = (1.0 - beta * alpha**2 * r2) / (alpha * np.sqrt(1.0 - (2.0 * alpha - 1.0) * beta * r2) + 1.0 - alpha)
    return _ahead(imaged, z)


def _project_fov(parameters: Array, points: Array) -> Array:
    (w,) = parameters
    radius = np.sqrt(_squared(points))
    return points * _ratio(np.arctan(2.0 * radius * np.tan(w / 2.0)) / w, radius, 2.0 * np.tan(w / 2.0) / w)


def _backproject_fov(parameters: Array, imaged: Array) -> Array:
    (w,) = parameters
    radius = np.sqrt(_squared(imaged))
    angle = np.where(radius * w < np.pi / 2, radius * w, np.nan)
    return imaged * _ratio(np.tan(angle) / (2.0 * np.tan(w / 2.0)), radius, w / (2.0 * np.tan(w / 2.0)))


def _squared(points: Array) -> Array:
    squared: Array = np.einsum("nc,nc->n", points, points)
    return squared


def _ratio(length: Array, radius: Array, at_center: float) -> Array:
    ratio: Array = np.where(radius > 1e-8, length / np.maximum(radius, 1e-8), at_center)
    return ratio[:, None]


def _divided(points: Array, depth: Array, seen: npt.NDArray[np.bool_]) -> Array:
    divided: Array = points / np.where(seen, depth, np.nan)[:, None]
    return divided


def _ahead(across: Array, z: Array) -> Array:
    return _divided(across, z, z > 0)


_MODELS: dict[str, tuple[_Closed, _Closed]] = {
    "unified": (_project_unified, _backproject_unified),
    "double_sphere": (_project_double_sphere, _backproject_double_sphere),
    "eucm": (_project_eucm, _backproject_eucm),
    "fov": (_project_fov, _backproject_fov),
}

MODELS = frozenset(_MODELS)
