"""Every public object has a numpydoc docstring that fits its signature."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

import pose3d_ros
import pose3d_ros.engines
import pose3d_ros.geometry
from docs_check.docstrings import problems, public_objects
from pose3d_ros.errors import InputError

OBJECTS = {
    name: item
    for module in (pose3d_ros, pose3d_ros.geometry, pose3d_ros.engines)
    for name, item in public_objects(module)
}


@pytest.mark.parametrize("name", OBJECTS)
def test_public_docstring_fits_its_signature(name: str) -> None:
    assert problems(OBJECTS[name]) == []


def scale(length_m: float, factor: float = 1.0) -> float:
    """Scale a length.

    Parameters
    ----------
    length_m : float
        Length in metres, not negative.
    factor : float
        What to multiply it by.

    Returns
    -------
    float
        The product.

    Raises
    ------
    InputError
        For a negative length.
    """
    if length_m < 0:
        raise InputError("length", expected="at least 0", got=str(length_m), fix="Give a length.")
    return length_m * factor


def changed(old: str, new: str) -> Callable[..., Any]:
    """The function above with another docstring."""
    text = scale.__doc__ or ""
    assert old in text

    def copy(length_m: float, factor: float = 1.0) -> float:
        if length_m < 0:
            raise InputError("length", expected="at least 0", got=str(length_m), fix="Give a length.")
        return length_m * factor

    copy.__doc__ = text.replace(old, new)
    return copy


def test_complete_docstring_has_no_problem() -> None:
    assert problems(scale) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Scale a length.", "Scale a length", "no period"),
        ("    factor : float\n        What to multiply it by.\n", "", "documented length_m"),
        ("factor : float", "ratio : float", "expected length_m, factor, documented length_m, ratio"),
        ("length_m : float", "length_m", "length_m has no type"),
        ("    Returns\n    -------\n    float\n        The product.\n", "", "no section Returns"),
        ("    Raises\n    ------\n    InputError\n        For a negative length.\n", "", "InputError is raised"),
        ("    InputError\n", "    InputError\n    LengthError\n", "LengthError is documented and is no error"),
    ],
)
def test_broken_docstring_is_found(old: str, new: str, problem: str) -> None:
    assert problem in " ".join(problems(changed(old, new)))


def test_missing_docstring_is_found() -> None:
    def bare() -> None: ...

    assert problems(bare) == ["no docstring"]


def test_undocumented_field_of_a_record_is_found() -> None:
    @dataclasses.dataclass(frozen=True)
    class Box:
        """A box.

        Attributes
        ----------
        width_px : float
            Its width.
        depth_px : float
            Of something else.
        """

        width_px: float
        height_px: float

    assert problems(Box) == ["height_px is not documented", "depth_px is documented and does not exist"]
