"""Messages of packages that the wheels lack: the real ones where they are installed, else classes with their fields."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from geometry_msgs.msg import Point, PoseWithCovariance, Vector3
from geometry_msgs.msg import Pose as GeometryPose
from std_msgs.msg import Header

Fields = Mapping[str, Callable[[], Any]]


def is_installed(package: str) -> bool:
    """Whether the real package is there."""
    return importlib.util.find_spec(package) is not None


def message(name: str, fields: Fields) -> type:
    """A class that takes and keeps these fields and no other, as generated messages do."""

    def construct(self: Any, **given: Any) -> None:
        for field in {**fields, **given}:
            setattr(self, field, given.get(field, fields[field]()))

    return type(name, (), {"__slots__": tuple(fields), "__init__": construct})


def _vision_msgs() -> dict[str, type]:
    """Of vision_msgs 4, which Humble, Jazzy and Kilted have."""
    hypothesis = message("ObjectHypothesis", {"class_id": str, "score": float})
    result = message("ObjectHypothesisWithPose", {"hypothesis": hypothesis, "pose": PoseWithCovariance})
    point = message("Point2D", {"x": float, "y": float})
    center = message("Pose2D", {"position": point, "theta": float})
    box_2d = message("BoundingBox2D", {"center": center, "size_x": float, "size_y": float})
    box_3d = message("BoundingBox3D", {"center": GeometryPose, "size": Vector3})
    both: Fields = {"header": Header, "results": list, "id": str}
    arrays: Fields = {"header": Header, "detections": list}
    made = [result, message("Detection2D", {**both, "bbox": box_2d}), message("Detection3D", {**both, "bbox": box_3d})]
    made += [message("Detection2DArray", arrays), message("Detection3DArray", arrays)]
    return {one.__name__: one for one in made}


def _people_msgs() -> dict[str, type]:
    person: Fields = {
        "name": str,
        "position": Point,
        "velocity": Point,
        "reliability": float,
        "tagnames": list,
        "tags": list,
    }
    return {"Person": message("Person", person), "People": message("People", {"header": Header, "people": list})}


_STAND_INS = {"vision_msgs": _vision_msgs, "people_msgs": _people_msgs}


def provide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `package.msg` be imported."""
    if not is_installed(package):
        made = ModuleType(f"{package}.msg")
        vars(made).update(_STAND_INS[package]())
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, f"{package}.msg", made)


def hide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be as if the package were not installed."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.msg", None)
