"""The fusion node in a graph: people of two cameras by a file of poses or by TF, late, silent and wrong ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from pose3d_msgs.msg import Person3DArray, SkeletonInfo
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter
from pose3d_ros.nodes.fusion_node import FusionNode
from pose3d_ros.nodes.topics import latched_qos
from pose3d_ros.records import Person
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.stages.multiview.camera_fusion import CameraFusion
from pose3d_ros.stages.multiview.extrinsics_check import Disagreement
from pose3d_ros.types import Array

from ..stages.multiview.conftest import MUCO, Eye, body
from .rigs.scene_rig import Buffer, UnknownTransform

LEFT, RIGHT = (-4.0, -2.0, 1.5), (-3.0, 3.0, 2.0)


def header(frame_id: str, stamp_s: float) -> Header:
    return Header(frame_id=frame_id, stamp=Time(nanoseconds=round(stamp_s * 1e9)).to_msg())


@dataclass(eq=False)
class Publisher:
    """A camera's pose node."""

    eye: Eye
    people: Callable[[Any], None]
    camera_info: Callable[[Any], None]

    @property
    def frame_id(self) -> str:
        return f"{self.eye.name}_optical"

    def id_of(self, number: int) -> str:
        return f"{self.eye.name}_{number}"

    def calibrate(self) -> None:
        """Publish the camera_info."""
        camera = self.eye.camera
        message = CameraInfo(width=camera.width_px, height=camera.height_px, distortion_model="plumb_bob")
        message.header.frame_id = self.frame_id
        message.d, message.k = [0.0] * 5, camera.K_px.ravel().tolist()
        self.camera_info(message)

    def see(self, stamp_s: float, *people: Person, frame_id: str = "", in_frame: Any = None) -> None:
        """Publish people of an image of that time, in_frame: moved there from the camera's frame."""
        skeleton = people[0].pose.skeleton if people else MUCO
        info = PeopleInfo(skeleton, f"net of {self.eye.name}", True, 8.0)
        of_frame = header(frame_id or self.frame_id, stamp_s)
        message = PeopleWriter().write(of_frame, people, info, id_of=self.id_of, cam2target=in_frame)
        self.people(message)


class Rig:
    """A fusion node with two cameras, and what it publishes."""

    def __init__(self, graph: Any, **parameters: object) -> None:
        self.graph = graph
        self.node = graph.add(
            FusionNode(**graph.options(**{"target_frame": "map", "fusion__cameras": "left, /right/", **parameters}))
        )
        self.people: list[Person3DArray] = graph.listen(Person3DArray, "people_fused")
        self.statuses: list[DiagnosticArray] = graph.listen(DiagnosticArray, "/diagnostics", 100)
        self.node.autostart()
        self.left = self._camera(Eye("left", LEFT, factor=1.06))
        self.right = self._camera(Eye("right", RIGHT, factor=1.02))

    def _camera(self, eye: Eye) -> Publisher:
        people = self.graph.publish(Person3DArray, f"{eye.name}/people")
        return Publisher(eye, people, self.graph.publish(CameraInfo, f"{eye.name}/camera_info"))

    def calibrate(self) -> None:
        for camera in (self.left, self.right):
            camera.calibrate()
        values = {"camera_info left": "True", "camera_info right": "True"}
        self.wait_for(lambda status: values.items() <= {v.key: v.value for v in status.values}.items())

    def both(self, stamp_s: float, joints_m: Array) -> None:
        """Both cameras see one person."""
        for camera in (self.left, self.right):
            camera.see(stamp_s, camera.eye.person(1, joints_m))

    def wait_for(self, done: Callable[[Any], bool]) -> Any:
        """The node's first status, from now on, that fits."""
        self.statuses.clear()

        def fits() -> bool:
            status = self.graph.status_of(self.statuses, "fusion_node")
            return status is not None and done(status)

        self.graph.spin_until(fits)
        return self.graph.status_of(self.statuses, "fusion_node")

    def result(self, stamp_s: float) -> Person3DArray:
        """The message of a time, once it is there."""
        stamp = header("", stamp_s).stamp

        def found() -> list[Person3DArray]:
            return [message for message in self.people if message.header.stamp == stamp]

        self.graph.spin_until(lambda: bool(found()))
        return found()[-1]


@pytest.fixture
def poses(tmp_path: Path) -> str:
    """A file with where the cameras are."""
    lines = ["extrinsics:"]
    for name, at_m in (("left", LEFT), ("right", RIGHT)):
        turn = Rotation.from_matrix(Eye(name, at_m).cam2common.rotation).as_quat().tolist()
        lines += [f"  {name}:", f"    translation: {list(at_m)}", f"    rotation: {turn}"]
    path = tmp_path / "poses.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def tf2_ros(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in."""
    made = Mock(TransformException=UnknownTransform, Buffer=Buffer)
    monkeypatch.setitem(sys.modules, "tf2_ros", made)
    return made


def know(rig: Rig, *cameras: Publisher) -> Buffer:
    """TF has these cameras."""
    frames = rig.node.work._places.frames
    buffer: Buffer = frames._buffer
    for camera in cameras:
        pose = camera.eye.cam2common
        buffer.know("map", camera.frame_id, Rotation.from_matrix(pose.rotation), tuple(pose.translation_m.tolist()))
    return buffer


def root_m(message: Person3DArray) -> Array:
    (person,) = message.people
    return np.array([person.root.x, person.root.y, person.root.z])


def test_two_cameras_people_are_one_in_the_common_frame(graph: Any, poses: str) -> None:
    rig, joints_m = Rig(graph, fusion__extrinsics=poses, id_tag="t"), body((0.2, 0.1))
    skeletons, markers = (
        graph.listen(SkeletonInfo, "skeleton_fused", latched_qos()),
        graph.listen(MarkerArray, "markers_fused"),
    )
    rig.calibrate()
    for at in range(3):
        rig.both(5.0 + at / 10, joints_m)
        graph.spin_for(0.02)
    message = rig.result(5.2)
    (person,) = message.people
    assert (message.header.frame_id, message.skeleton, message.calibrated) == ("map", "muco21", True)
    assert message.model == "net of left + net of right"
    assert (person.id, person.state, list(person.root_solvers)) == ("pt_1", 1, ["triangulated"])
    assert np.linalg.norm(root_m(message) - joints_m[MUCO.root]) < 0.05
    covariance_m2 = np.array(person.root_covariance).reshape(3, 3)
    assert np.linalg.eigvalsh(covariance_m2)[0] > 0.0
    assert np.sqrt(np.linalg.eigvalsh(covariance_m2)[-1]) < 0.1
    found = np.array([[j.position.x, j.position.y, j.position.z] for j in person.joints])
    assert np.linalg.norm(found - joints_m, axis=1).max() < 0.1
    assert all(joint.valid and np.isnan(joint.u) for joint in person.joints)
    graph.spin_until(lambda: bool(skeletons) and bool(markers))
    assert skeletons[0].name == "muco21"
    status = rig.wait_for(lambda status: True)
    values = {value.key: value.value for value in status.values}
    assert values["people in several cameras"] == "1"
    assert "fuse [ms]" in values or "input left [Hz]" in values


def test_by_tf_at_the_images_time(graph: Any, tf2_ros: Any) -> None:
    """The right camera's transform comes late: its people wait, and are not lost."""
    rig, joints_m = Rig(graph, tf_timeout_s=10.0), body((0.2, 0.1))
    rig.calibrate()
    know(rig, rig.left)
    rig.both(5.0, joints_m)
    assert list(rig.result(5.0).people[0].root_solvers) == ["learned"]  # as the left camera says
    know(rig, rig.right)
    graph.spin_for(0.2)
    rig.both(5.1, joints_m)
    graph.spin_until(lambda: any(m.people and list(m.people[0].root_solvers) == ["triangulated"] for m in rig.people))
    assert np.linalg.norm(root_m(rig.people[-1]) - joints_m[MUCO.root]) < 0.05


def test_a_transform_that_never_comes_is_a_warning(graph: Any, tf2_ros: Any) -> None:
    rig = Rig(graph, tf_timeout_s=0.1)
    rig.calibrate()
    know(rig, rig.left)
    rig.both(5.0, body((0.2, 0.1)))
    status = rig.wait_for(lambda status: "left out" in status.message)
    assert "right/people" in status.message
    assert "'right_optical' and 'map'" in status.message
    assert len(rig.result(5.0).people) == 1


def test_people_in_another_frame_are_moved_into_their_cameras(graph: Any, tf2_ros: Any) -> None:
    """The left pose node has target_frame map."""
    rig, joints_m = Rig(graph), body((0.2, 0.1))
    rig.calibrate()
    buffer = know(rig, rig.left, rig.right)
    buffer.know("map", "map", Rotation.identity(), (0.0, 0.0, 0.0))
    for at in (5.0, 5.1):
        left = rig.left.eye
        rig.left.see(at, left.person(1, joints_m), frame_id="map", in_frame=left.cam2common)
        rig.right.see(at, rig.right.eye.person(1, joints_m))
        graph.spin_for(0.05)
    assert np.linalg.norm(root_m(rig.result(5.1)) - joints_m[MUCO.root]) < 0.05


def test_skeletons_that_differ_and_the_parameter(graph: Any, poses: str) -> None:
    rig, joints_m = Rig(graph, fusion__extrinsics=poses, skeleton="coco17"), body((0.2, 0.1))
    rig.calibrate()
    coco = get_skeleton("coco17")
    for at in (5.0, 5.1):
        rig.left.see(at, rig.left.eye.person(1, joints_m))
        in_coco = convert(joints_m, MUCO, coco)
        in_coco[0] = joints_m[MUCO.index_of["Head"]]
        rig.right.see(at, rig.right.eye.person(1, in_coco, skeleton=coco))
        graph.spin_for(0.05)
    message = rig.result(5.1)
    assert message.skeleton == "coco17"
    (person,) = message.people
    knee = person.joints[coco.index_of["L_Knee"]].position
    assert np.linalg.norm([knee.x, knee.y, knee.z] - joints_m[MUCO.index_of["L_Knee"]]) < 0.1


def test_a_camera_that_stops_is_a_warning_and_the_other_goes_on(graph: Any, poses: str) -> None:
    rig, joints_m = Rig(graph, fusion__extrinsics=poses, watchdog_timeout_s=0.3), body((0.2, 0.1))
    rig.calibrate()
    rig.both(5.0, joints_m)
    stamp_s = 5.0
    while True:
        stamp_s += 0.1
        rig.left.see(stamp_s, rig.left.eye.person(1, joints_m))
        graph.spin_for(0.1)
        status = graph.status_of(rig.statuses, "fusion_node")
        if "right/people" in status.message and stamp_s > 6.5:
            break
        assert stamp_s < 30.0
    assert "can be used" in status.message
    assert [person.id for person in rig.result(stamp_s).people] == [rig.people[0].people[0].id]


def test_without_camera_info_people_are_left_out_with_a_remedy(graph: Any, poses: str) -> None:
    rig = Rig(graph, fusion__extrinsics=poses)
    rig.left.calibrate()
    rig.right.see(5.0, rig.right.eye.person(1, body((0.2, 0.1))))
    status = rig.wait_for(lambda status: "camera_info" in status.message)
    assert "right/camera_info" in status.message
    assert "left out" in status.message


def test_what_cannot_be_read_is_an_error_and_the_next_message_counts(graph: Any, poses: str) -> None:
    rig, joints_m = Rig(graph, fusion__extrinsics=poses), body((0.2, 0.1))
    rig.calibrate()
    rig.left.people(Person3DArray(header=header("left_optical", 5.0), skeleton="octopus"))
    rig.wait_for(lambda status: "octopus" in status.message)
    rig.left.see(5.1, rig.left.eye.person(1, joints_m))
    assert len(rig.result(5.1).people) == 1


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"fusion__cameras": "left"}, "two or more namespaces"),
        ({"fusion__cameras": "left,left"}, "each once"),
        ({"target_frame": ""}, "parameter target_frame"),
        ({"fusion__extrinsics": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({}, "tf2_ros"),
    ],
)
def test_set_up_that_cannot_work_says_why(
    graph: Any, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, object], text: str
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    rig = Rig(graph, **parameters)
    status = rig.wait_for(lambda status: True)
    assert text in status.message
    assert rig.node.lifecycle_state == "unconfigured"


def test_cameras_that_disagree_are_a_warning_with_its_size(
    graph: Any, poses: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: tuple[Disagreement, ...] = (Disagreement("left", "right", 0.123, 1.66),)
    monkeypatch.setattr(CameraFusion, "disagreements", lambda self: found)
    rig = Rig(graph, fusion__extrinsics=poses)
    status = rig.wait_for(lambda status: "12 cm (1.7 degrees)" in status.message)
    assert "left and right" in status.message
    found = ()
    rig.wait_for(lambda status: "12 cm" not in status.message)


def test_disabled_it_publishes_one_empty_result(graph: Any, poses: str) -> None:
    rig = Rig(graph, fusion__extrinsics=poses)
    rig.calibrate()
    rig.both(5.0, body((0.2, 0.1)))
    rig.result(5.0)
    graph.call(SetBool, "fusion_node/enable", SetBool.Request(data=False))
    graph.spin_until(lambda: not rig.people[-1].people)
    graph.call(SetBool, "fusion_node/enable", SetBool.Request(data=True))
    rig.both(6.0, body((0.2, 0.1)))
    assert rig.result(6.0).people[0].id != rig.people[0].people[0].id
