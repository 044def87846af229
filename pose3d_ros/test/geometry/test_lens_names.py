"""Lens models: the names and numbers of coefficients that are read, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.lens_names import lens_name

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("given", "model"),
    [
        ("Plumb Bob", "plumb_bob"),
        ("radtan", "plumb_bob"),
        ("radial-tangential", "plumb_bob"),
        ("BROWN_CONRADY", "plumb_bob"),
        ("Rational Polynomial", "rational_polynomial"),
        ("fisheye", "equidistant"),
        ("Kannala-Brandt4", "equidistant"),
        ("ds", "double_sphere"),
        ("mei", "omni"),
        ("None", "none"),
        ("", ""),
        (None, ""),
        ("magic", None),
    ],
)
def test_name_is_read_however_it_is_written(given: object, model: str | None) -> None:
    assert lens_name(given) == model


@pytest.mark.parametrize(
    ("model", "distortion", "expected"),
    [
        ("", [], "pinhole"),
        ("plumb_bob", [], "pinhole"),
        ("plumb_bob", [0.0] * 5, "pinhole"),
        ("rational_polynomial", [0.0] * 8, "pinhole"),
        ("plumb_bob", [0.1, 0.0, 0.0, 0.0], "plumb_bob"),
        ("rational_polynomial", [0.1] * 14, "rational_polynomial"),
        ("fisheye", [0.1, 0.0, 0.0, 0.0], "equidistant"),
        ("equidistant", [0.0] * 4, "equidistant"),
        ("double_sphere", [-0.2, 0.6], "double_sphere"),
        ("eucm", [0.6, 1.1], "eucm"),
        ("omni", [0.9, 0.1, 0.0, 0.0, 0.0], "omni"),
        ("fov", [0.9], "fov"),
        *[(name, [0.0] * count, "pinhole") for name in ("none", "None", "", "unknown") for count in (0, 4, 5, 8)],
    ],
)
def test_lens_models_are_known_by_their_ros_names(model: str, distortion: list[float], expected: str) -> None:
    camera = Camera(K, 640, 480, np.array(distortion), model)
    assert camera.model == expected
    assert camera.distortion.size == (0 if expected == "pinhole" else len(distortion))


@pytest.mark.parametrize(
    ("model", "distortion", "message"),
    [
        ("magic", [0.1], "distortion model"),
        ("plumb_bob", [0.1] * 8, "number 8 of which is not zero.*that is rational_polynomial"),
        ("plumb_bob", [0.1] * 5 + [0.0, 0.1] + [0.0] * 5, "number 7 of which is not zero.*rational_polynomial"),
        ("plumb_bob", [0.1] * 3, "4 or 5 coefficients, got 3. Write all"),
        ("rational_polynomial", [0.1] * 7, "8 or 12 or 14 coefficients, got 7"),
        ("equidistant", [0.1] * 5, "number 5 of which is not zero.*that is plumb_bob"),
        ("none", [0.1] * 5, "no coefficients, or zeros.*remove them"),
        ("pinhole", [0.1] * 5, "no coefficients, or zeros"),
        ("double_sphere", [0.6, 1.1], "xi in"),
        ("eucm", [1.1, 0.6], "alpha in"),
        ("omni", [-1.5, 0.0, 0.0, 0.0, 0.0], "xi above"),
        ("fov", [-0.1], "angle"),
        ("plumb_bob", [0.1, np.nan, 0.0, 0.0, 0.0], "finite"),
        ("plumb_bob", ["x"], "list of numbers"),
    ],
)
def test_invalid_lens_is_an_error(model: str, distortion: list[float], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Camera(K, 640, 480, distortion, model)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "given", "read_as", "kept"),
    [
        ("plumb_bob", [0.1, 0.2, 0.3, 0.4, 0.5, 0.0, 0.0, 0.0], "plumb_bob", 5),
        ("plumb_bob", [0.1, 0.2, 0.3, 0.4, 0.0, 0.0], "plumb_bob", 4),
        ("plumb_bob", [0.1] + [0.0] * 13, "plumb_bob", 4),
        ("equidistant", [0.1, 0.2, 0.3, 0.4, 0.0], "equidistant", 4),
        ("equidistant", [0.0] * 5, "equidistant", 4),
        ("rational_polynomial", [0.1] * 8 + [0.0], "rational_polynomial", 8),
        ("rational_polynomial", [0.1] * 10 + [0.0] * 3, "rational_polynomial", 12),
        ("rational_polynomial", [0.1] * 5, "plumb_bob", 5),
        ("", [0.1] * 4, "plumb_bob", 4),
        ("", [0.1] * 5, "plumb_bob", 5),
        ("", [0.1] * 8, "rational_polynomial", 8),
        ("thin_prism", [0.1] * 12, "rational_polynomial", 12),
    ],
)
def test_zeros_beyond_the_model_are_dropped_and_opencvs_counts_name_it(
    model: str, given: list[float], read_as: str, kept: int
) -> None:
    camera = Camera(K, 640, 480, np.array(given), model)
    assert camera.model == read_as
    np.testing.assert_array_equal(camera.distortion, given[:kept])


def test_lens_named_without_its_coefficients_has_zeros() -> None:
    assert Camera(K, 640, 480, np.zeros(0), "fisheye").distortion.tolist() == [0.0] * 4
    assert Camera(K, 640, 480, np.array([0.9]), "omni").distortion.tolist() == [0.9, 0.0, 0.0, 0.0, 0.0]
