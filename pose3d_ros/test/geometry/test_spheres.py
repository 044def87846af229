"""Spherical lens models: values by their definitions, round trips over all parameters, rays that are not imaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.geometry import spheres
from pose3d_ros.types import Array

PARAMETERS = {
    "unified": st.tuples(st.floats(0.0, 3.0)),
    "double_sphere": st.tuples(st.floats(-0.9, 0.9), st.floats(0.0, 0.95)),
    "eucm": st.tuples(st.floats(0.0, 0.95), st.floats(0.3, 3.0)),
    "fov": st.tuples(st.floats(0.05, 3.0)),
}


def by_definition(model: str, parameters: tuple[float, ...], angle_rad: float) -> float:
    """Radius at which a ray that far off the axis is imaged, with the spheres drawn one by one."""
    sin, cos = np.sin(angle_rad), np.cos(angle_rad)
    if model == "unified":  # a unit sphere, seen from xi behind its center
        return float(sin / (cos + parameters[0]))
    if model == "double_sphere":
        xi, alpha = parameters
        on_second = np.array([sin, cos + xi]) / np.hypot(sin, cos + xi)  # a second unit sphere, moved by xi
        # seen from alpha / (1 - alpha) behind it, and scaled
        return float(on_second[0] / (on_second[1] + alpha / (1 - alpha)) / (1 - alpha))
    if model == "eucm":
        alpha, beta = parameters
        return float(sin / (alpha * np.sqrt(beta * sin**2 + cos**2) + (1 - alpha) * cos))
    return float(np.arctan(2 * np.tan(angle_rad) * np.tan(parameters[0] / 2)) / parameters[0])


def ray(angle_rad: float, turn_rad: float = 0.7) -> Array:
    return np.array([[np.cos(turn_rad), np.sin(turn_rad)]]) * float(np.tan(angle_rad))


@pytest.mark.parametrize("angle_deg", [0.0, 10.0, 45.0, 60.0, 85.0])
@pytest.mark.parametrize(
    ("model", "parameters"),
    [("unified", (0.9,)), ("double_sphere", (-0.2, 0.6)), ("eucm", (0.6, 1.2)), ("fov", (0.9,))],
)
def test_projects_by_its_definition(model: str, parameters: tuple[float, ...], angle_deg: float) -> None:
    angle_rad = np.deg2rad(angle_deg)
    imaged = spheres.project(model, np.array(parameters), ray(angle_rad))
    np.testing.assert_allclose(np.linalg.norm(imaged), by_definition(model, parameters, angle_rad), rtol=1e-12)
    np.testing.assert_allclose(imaged[0, 1] * np.cos(0.7), imaged[0, 0] * np.sin(0.7), atol=1e-12)


@pytest.mark.parametrize("model", list(PARAMETERS))
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_round_trip_for_any_parameters(model: str, data: st.DataObject) -> None:
    parameters = np.array(data.draw(PARAMETERS[model]))
    points = ray(np.deg2rad(data.draw(st.floats(0.0, 85.0))), data.draw(st.floats(-np.pi, np.pi)))
    imaged = spheres.project(model, parameters, points)
    if np.isfinite(imaged).all():  # else the model does not reach that far
        np.testing.assert_allclose(spheres.backproject(model, parameters, imaged), points, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("model", list(PARAMETERS))
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_what_comes_back_is_where_it_was(model: str, data: st.DataObject) -> None:
    parameters = np.array(data.draw(PARAMETERS[model]))
    imaged = np.array([[data.draw(st.floats(-3.0, 3.0)), data.draw(st.floats(-3.0, 3.0))]])
    points = spheres.backproject(model, parameters, imaged)
    if np.isfinite(points).all() and np.abs(points).max() < 100.0:
        np.testing.assert_allclose(spheres.project(model, parameters, points), imaged, rtol=1e-6, atol=1e-9)


def test_rays_that_the_model_does_not_image_are_nan() -> None:
    # sin / (cos - 0.5) has no value from 60 degrees on.
    seen = spheres.project("unified", np.array([-0.5]), np.concatenate([ray(np.deg2rad(a)) for a in (59.0, 61.0)]))
    np.testing.assert_array_equal(np.isnan(seen).all(axis=1), [False, True])
    # A pixel outside of the sphere's outline, and one that sees sideways: 1 / xi at 90 degrees.
    assert np.isnan(spheres.backproject("unified", np.array([2.0]), np.array([[0.6, 0.0]]))).all()
    assert np.isnan(spheres.backproject("unified", np.array([1.0]), np.array([[1.01, 0.0]]))).all()
    assert np.isfinite(spheres.backproject("unified", np.array([1.0]), np.array([[0.99, 0.0]]))).all()
