"""The URDF, read by hand: its joints are those of the model."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.people.kinematics.human_angles import body_pose
from pose3d_ros.people.kinematics.human_model import BodySizes
from pose3d_ros.people.kinematics.human_sizes import measured_sizes
from pose3d_ros.people.kinematics.human_urdf import human_urdf
from pose3d_ros.types import Array

from .conftest import LINK_OF, random_body


def numbers(text: str) -> Array:
    return np.array([float(word) for word in text.split()])


def forward_kinematics(robot: ET.Element, angles_rad: Mapping[str, float]) -> dict[str, Array]:
    """Link → its frame (4, 4) in that of the link without a parent, as a robot_state_publisher has it."""
    joints = robot.findall("joint")
    children = {joint.find("child").attrib["link"] for joint in joints}  # type: ignore[union-attr]
    (root,) = {link.attrib["name"] for link in robot.findall("link")} - children
    frames = {root: np.eye(4)}
    for joint in joints:
        origin, parent, child = (joint.find(tag) for tag in ("origin", "parent", "child"))
        assert origin is not None
        assert parent is not None
        assert child is not None
        local = np.eye(4)
        local[:3, 3] = numbers(origin.attrib["xyz"])
        local[:3, :3] = Rotation.from_euler("xyz", numbers(origin.attrib["rpy"])).as_matrix()
        if joint.attrib["type"] == "revolute":
            axis = joint.find("axis")
            assert axis is not None
            angle = angles_rad[joint.attrib["name"]]
            local[:3, :3] = local[:3, :3] @ Rotation.from_rotvec(angle * numbers(axis.attrib["xyz"])).as_matrix()
        frames[child.attrib["link"]] = frames[parent.attrib["link"]] @ local
    return frames


@pytest.mark.parametrize("seed", range(20))
def test_urdf_at_the_angles_has_the_measured_joints(seed: int) -> None:
    points = random_body(seed)
    pose = body_pose(points)
    assert pose is not None
    robot = ET.fromstring(human_urdf(BodySizes(*measured_sizes(points, pose).tolist()), "p1_7"))
    frames = forward_kinematics(robot, {f"{name}_p1_7": angle for name, angle in pose.angles_rad.items()})
    for joint, link in LINK_OF.items():
        # To the micrometres that the file's numbers have.
        place_m = pose.body2cam.apply(frames[f"{link}_p1_7"][:3, 3])
        np.testing.assert_allclose(place_m, points[joint], atol=5e-6, err_msg=joint)


def test_angles_are_within_the_limits() -> None:
    robot = ET.fromstring(human_urdf(BodySizes(), "a"))
    limits = {joint.attrib["name"]: joint.find("limit") for joint in robot.findall("joint[@type='revolute']")}
    for seed in range(20):
        pose = body_pose(random_body(seed))
        assert pose is not None
        for name, angle in pose.angles_rad.items():
            limit = limits[f"{name}_a"]
            assert limit is not None
            assert float(limit.attrib["lower"]) <= angle <= float(limit.attrib["upper"]), name


def test_every_name_ends_in_the_id_and_bones_are_drawn() -> None:
    robot = ET.fromstring(human_urdf(BodySizes(shin_m=0.5), "p3f7a_12"))
    names = [element.attrib["name"] for element in [*robot.findall("link"), *robot.findall("joint")]]
    assert all(name.endswith("_p3f7a_12") for name in names)
    shin = robot.find("link[@name='l_knee_p3f7a_12']/visual/geometry/cylinder")
    assert shin is not None
    assert float(shin.attrib["length"]) == 0.5
