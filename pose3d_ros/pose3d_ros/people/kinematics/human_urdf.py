"""The URDF of a body of given bone lengths, drawn as the package human_description draws it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NamedTuple

from pose3d_ros.people.kinematics.human_model import ROOT, BodySizes, ModelJoint, Vector, model_joints

_RADIUS_M = 0.03
_SKIN, _EYE = ("skin", "1 0.7 0 1"), ("eye", "0 0 0 1")
_SIDEWAYS = (math.pi / 2, 0.0, 0.0)
_NONE: Vector = (0.0, 0.0, 0.0)


class _Shape(NamedTuple):
    """A cylinder along z, or a sphere where its length is 0, in its link's frame."""

    radius_m: float
    length_m: float = 0.0
    center_m: Vector = _NONE
    rpy_rad: Vector = _NONE
    material: tuple[str, str] = _SKIN


def human_urdf(sizes: BodySizes, body_id: str) -> str:
    """The model as URDF; names of links and joints end in `_<body_id>` (REP 155).

    Parameters
    ----------
    sizes : BodySizes
        The bone lengths.
    body_id : str
        The body's id.

    Returns
    -------
    str
        An XML document.
    """
    robot = ET.Element("robot", name=f"human_{body_id}")
    joints = model_joints(sizes)
    for link in (ROOT, *(joint.child for joint in joints)):
        element = ET.SubElement(robot, "link", name=f"{link}_{body_id}")
        for shape in _shapes(sizes, link):
            _draw(element, shape)
    for joint in joints:
        _add(robot, joint, body_id)
    ET.indent(robot)
    # Without an encoding, which parsers refuse in a text that is decoded already.
    return f'<?xml version="1.0"?>\n{ET.tostring(robot, encoding="unicode")}\n'


def _add(robot: ET.Element, joint: ModelJoint, body_id: str) -> None:
    kind = "fixed" if joint.axis is None else "revolute"
    element = ET.SubElement(robot, "joint", name=f"{joint.name}_{body_id}", type=kind)
    ET.SubElement(element, "parent", link=f"{joint.parent}_{body_id}")
    ET.SubElement(element, "child", link=f"{joint.child}_{body_id}")
    ET.SubElement(element, "origin", xyz=_numbers(joint.origin_m), rpy="0 0 0")
    if joint.axis is not None:
        low, high = joint.limits_rad
        ET.SubElement(element, "axis", xyz=_numbers(joint.axis))
        limits = {"lower": _number(low), "upper": _number(high), "effort": "1000", "velocity": "20"}
        ET.SubElement(element, "limit", limits)


def _draw(link: ET.Element, shape: _Shape) -> None:
    visual = ET.SubElement(link, "visual")
    ET.SubElement(visual, "origin", xyz=_numbers(shape.center_m), rpy=_numbers(shape.rpy_rad))
    geometry, radius = ET.SubElement(visual, "geometry"), _number(shape.radius_m)
    if shape.length_m > 0:
        ET.SubElement(geometry, "cylinder", radius=radius, length=_number(shape.length_m))
    else:
        ET.SubElement(geometry, "sphere", radius=radius)
    name, rgba = shape.material
    ET.SubElement(ET.SubElement(visual, "material", name=name), "color", rgba=rgba)


def _shapes(sizes: BodySizes, link: str) -> Iterator[_Shape]:
    """What a link looks like."""
    bones = {"shoulder": sizes.upper_arm_m, "elbow": sizes.forearm_m, "hip": sizes.thigh_m, "knee": sizes.shin_m}
    side, _, part = link.partition("_")
    if link == ROOT:
        yield _Shape(_RADIUS_M, sizes.hips_m, rpy_rad=_SIDEWAYS)
    elif link == "y_waist":
        yield _Shape(_RADIUS_M, sizes.torso_m, (0.0, 0.0, sizes.torso_m / 2))
    elif link == "torso":
        yield _Shape(_RADIUS_M, 2 * sizes.shoulder_m, rpy_rad=_SIDEWAYS)
    elif link == "head":
        yield from _head(sizes.head_radius_m)
    elif side in ("l", "r") and part in bones:
        yield _Shape(_RADIUS_M, bones[part], (0.0, 0.0, -bones[part] / 2))
        yield _Shape(_RADIUS_M, center_m=(0.0, 0.0, -bones[part]))


def _head(radius_m: float) -> Iterator[_Shape]:
    yield _Shape(radius_m, center_m=(-radius_m / 2, 0.0, 0.0))
    for sign in (1.0, -1.0):
        yield _Shape(radius_m / 5, center_m=(0.4 * radius_m, sign * 0.4 * radius_m, 0.0), material=_EYE)


def _numbers(values: Vector) -> str:
    return " ".join(map(_number, values))


def _number(value: float) -> str:
    return f"{value:.6g}"
