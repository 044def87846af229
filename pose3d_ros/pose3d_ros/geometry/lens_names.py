"""Lens models by the names that ROS, OpenCV, Kalibr and drivers give them, and their coefficients.

Our own names are those of sensor_msgs/CameraInfo; `double_sphere`, `eucm`, `omni` and `fov` have none there.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import CameraError, shown
from pose3d_ros.types import Array

COEFFICIENT_COUNTS: dict[str, tuple[int, ...]] = {
    "pinhole": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
    "double_sphere": (2,),
    "eucm": (2,),
    "omni": (5,),
    "fov": (1,),
}
"""Model → how many coefficients it may have."""

OFFSETS = frozenset({"pinhole", "plumb_bob", "rational_polynomial", "fov"})
"""Models that are an offset from the pinhole: with zeros alone they are one."""

UNNAMED = ""
"""The model that gets its name from the number of its coefficients, as in OpenCV."""
_NONE = "none"
_MOST = 1e6
"""Of a coefficient: far beyond any lens; the roots of polynomials with larger ones are not found."""
_LEAST = {"equidistant": 0, "omni": 1}
"""Model → how many coefficients it may have instead, the others being zero: r = f theta, and a sphere alone."""
_ALIASES = {
    "plumb_bob": "plumbbob radtan radialtangential brown brownconrady browndistortion opencv standard",
    "rational_polynomial": "rationalpolynomial rational rationalradial thinprism opencvfull fullopencv tilted",
    "equidistant": "equidistant equi fisheye kannalabrandt kannalabrandt4 kb kb4 opencvfisheye",
    "double_sphere": "doublesphere ds",
    "eucm": "eucm extendedunified enhancedunified",
    "omni": "omni mei omnidir omnidirectional unified",
    "fov": "fov atan",
    "pinhole": "pinhole perspective",
    _NONE: "none nodistortion nolens undistorted rectified",
    UNNAMED: "null unknown unspecified",
}
_MODEL_OF = {"": UNNAMED} | {alias: model for model, aliases in _ALIASES.items() for alias in aliases.split()}


def lens_name(given: object) -> str | None:
    """The model of a name however it is written: `Plumb Bob` and `radtan` are `plumb_bob`. None for no known one."""
    return _MODEL_OF.get(re.sub(r"[^a-z0-9]", "", "" if given is None else str(given).lower()))


def checked_lens(model: str, distortion: npt.ArrayLike) -> tuple[str, Array]:
    """The model's own name and a copy of its coefficients as (n,) float64.

    No coefficients at all, or only zeros of a model that is an offset from the pinhole, make it a `pinhole`. Zeros
    after the last coefficient that a model has are dropped, and coefficients without a model's name are OpenCV's: 4 or
    5 are `plumb_bob`, 8, 12 or 14 `rational_polynomial`.
    Raises CameraError for an unknown model, NaN, a number of coefficients that the model does not have, and parameters
    of a spherical model that are out of its range.
    """
    name, coefficients = lens_name(model), _checked_numbers(distortion)
    if name is None:
        raise CameraError(
            "distortion model",
            expected="one of " + ", ".join(COEFFICIENT_COUNTS),
            got=shown(model),
            fix="If it is one of these under another name, write that; else recalibrate with one of these.",
        )
    if name in OFFSETS | {_NONE, UNNAMED} and not coefficients.any():
        return "pinhole", np.zeros(0)
    if name in (_NONE, "pinhole"):
        raise CameraError(
            f"distortion model {shown(model)}",
            expected="no coefficients, or zeros",
            got=f"{shown(coefficients.tolist())}",
            fix="Name the model that they belong to (distortion_model), or remove them if the images are undistorted.",
        )
    name, coefficients = _counted(name, coefficients)
    _check_range(name, coefficients)
    return name, coefficients


def _checked_numbers(distortion: npt.ArrayLike) -> Array:
    try:
        coefficients = np.array(distortion, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise CameraError(
            "distortion",
            expected="a list of numbers",
            got=f"{shown(distortion)}",
            fix="Write the coefficients as numbers, in OpenCV's order.",
        ) from None
    if not (np.abs(coefficients) <= _MOST).all():
        raise CameraError(
            "distortion",
            expected=f"finite numbers up to {_MOST:g}",
            got=f"{shown(coefficients.tolist())}",
            fix="That calibration did not converge: repeat it with more and more varied views, or correct the file.",
        )
    return coefficients


def _counted(name: str, coefficients: Array) -> tuple[str, Array]:
    """The model, by the number of coefficients where it has no name, and as many coefficients as it may have."""
    given = len(coefficients)
    used = int(np.flatnonzero(coefficients)[-1]) + 1 if coefficients.any() else 0
    few, many = max(COEFFICIENT_COUNTS["plumb_bob"]), min(COEFFICIENT_COUNTS["rational_polynomial"])
    if name == UNNAMED:
        name = "plumb_bob" if given <= few else "rational_polynomial"
    if name == "rational_polynomial" and given < many and used <= few:
        name = "plumb_bob"  # the same formula, without a denominator
    if given == _LEAST.get(name):
        return name, np.append(coefficients, np.zeros(COEFFICIENT_COUNTS[name][0] - given))
    counts = COEFFICIENT_COUNTS[name]
    fitting = [count for count in counts if count == given] or [count for count in counts if used <= count <= given]
    if fitting:
        return name, coefficients[: fitting[0]].copy()
    others = _models_with(given)
    raise CameraError(
        f"distortion of a {name} camera",
        expected=" or ".join(str(count) for count in counts) + " coefficients",
        got=f"{given}" + (f", number {used} of which is not zero" if given > max(counts) else ""),
        fix=f"Name the model that they belong to (distortion_model): with {given} that is {others}."
        if others
        else "Write all coefficients of the model, in OpenCV's order.",
    )


def _models_with(count: int) -> str:
    models = ("plumb_bob", "rational_polynomial", "equidistant")
    return " or ".join(name for name in models if count in COEFFICIENT_COUNTS[name])


def _check_range(name: str, coefficients: Array) -> None:
    """The parameters of a spherical model: xi and alpha, alpha and beta, xi, w."""
    first, second = (*coefficients, 0.0, 0.0)[:2]
    ranges = {
        "double_sphere": ("xi in -1–1 and alpha in 0–1", abs(first) <= 1 and 0 <= second <= 1),
        "eucm": ("alpha in 0–1 and beta above 0", 0 <= first <= 1 and second > 0),
        "omni": ("xi above -1", first > -1),
        "fov": ("an angle in 0–π", 0 < first < np.pi),
    }
    expected, fits = ranges.get(name, ("", True))
    if not fits:
        raise CameraError(
            f"parameters of a {name} camera",
            expected=expected,
            got=f"{shown(coefficients.tolist())}",
            fix="Write them in the order that is expected here.",
        )
