"""Messages that other packages read, value by value, and their topics, with and without those packages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray
from std_msgs.msg import Header

from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import PeopleInfo, Published
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import Level, ProblemBoard
from pose3d_ros.nodes.standard_outputs import detections_2d, detections_3d, people_message, pose_array
from pose3d_ros.nodes.topics import message_class
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton

from .conftest import make_person
from .rigs.optional_messages import hide, is_installed, provide

INFO = PeopleInfo(get_skeleton("muco21"), "engine", True, 0.0)
OPTICAL, ODOM = Header(frame_id="cam"), Header(frame_id="odom")
CAM2ODOM = RigidTransform(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([10.0, 0.0, 1.5]))
ALL: dict[str, Any] = dict.fromkeys(
    ("publish_detections_3d", "publish_detections_2d", "publish_poses", "publish_people_msgs"), True
)


def facing_the_camera() -> Person:
    """`make_person`, whose root is at (0.5, 1.4, 3), with shoulders and hips of someone who faces the camera."""
    person = make_person(7)
    at, joints_m = person.pose.skeleton.index_of, person.pose.joints_cam_m
    for name in ("Shoulder", "Hip"):
        joints_m[at[f"L_{name}"]] = [0.7, 1.0, 3.0]
        joints_m[at[f"R_{name}"]] = [0.3, 1.0, 3.0]
    return person


def published(cam2target: RigidTransform | None = None) -> Published:
    """One person, and one who is LOST."""
    people = [facing_the_camera(), replace(make_person(8), state=TrackState.LOST)]
    header = OPTICAL if cam2target is None else ODOM
    return Published.of(header, OPTICAL, people, "p_{}".format, cam2target)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("vision_msgs", "people_msgs"):
        provide(package, monkeypatch)


def xyz(point: Any) -> tuple[float, float, float]:
    return point.x, point.y, point.z


def xyzw(turn: Any) -> tuple[float, float, float, float]:
    return turn.x, turn.y, turn.z, turn.w


@pytest.mark.usefixtures("messages")
def test_boxes_in_3d_in_the_cameras_frame() -> None:
    array = detections_3d(published())
    assert array.header == OPTICAL
    (detection,) = array.detections
    assert (detection.header, detection.id) == (OPTICAL, "p_7")
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", 0.875)
    assert xyz(result.pose.pose.position) == pytest.approx((0.5, 1.4, 3.0))
    assert xyzw(result.pose.pose.orientation) == pytest.approx((-0.5, -0.5, 0.5, -0.5))  # half a turn
    root_m = np.array([0.5, 1.4, 3.0])
    covariance_m2 = np.zeros((6, 6))
    covariance_m2[:3, :3] = np.outer(root_m, root_m) / (root_m @ root_m) * 0.25**2
    assert list(result.pose.covariance) == pytest.approx(covariance_m2.ravel().tolist())
    assert xyz(detection.bbox.center.position) == pytest.approx((0.5, 1.0, 3.0))
    assert xyzw(detection.bbox.center.orientation) == (0.0, 0.0, 0.0, 1.0)
    assert xyz(detection.bbox.size) == pytest.approx((0.4, 2.0, 0.0))


@pytest.mark.usefixtures("messages")
def test_boxes_in_3d_in_another_frame() -> None:
    array = detections_3d(published(CAM2ODOM))
    (detection,) = array.detections
    assert array.header == detection.header == ODOM
    (result,) = detection.results
    assert xyz(result.pose.pose.position) == pytest.approx((13.0, -0.5, 0.1))
    assert np.abs(xyzw(result.pose.pose.orientation)) == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=1e-9)
    assert result.pose.covariance[0] == pytest.approx(9.0 / (0.25 + 1.96 + 9.0) * 0.25**2)
    assert xyz(detection.bbox.center.position) == pytest.approx((13.0, -0.5, 0.5))
    assert xyz(detection.bbox.size) == pytest.approx((0.0, 0.4, 2.0))


@pytest.mark.usefixtures("messages")
def test_unknown_covariance_is_all_zero() -> None:
    person = make_person()
    person = replace(person, pose=replace(person.pose, root_sigma_m=math.nan))
    (detection,) = detections_3d(Published.of(OPTICAL, OPTICAL, [person], str, None)).detections
    assert not np.any(detection.results[0].pose.covariance)


@pytest.mark.usefixtures("messages")
@pytest.mark.parametrize("cam2target", [None, CAM2ODOM])
def test_boxes_in_2d_stay_in_the_image(cam2target: RigidTransform | None) -> None:
    array = detections_2d(published(cam2target))
    (detection,) = array.detections
    assert array.header == detection.header == OPTICAL
    assert detection.id == "p_7"
    center = detection.bbox.center
    assert (center.position.x, center.position.y, center.theta) == (6.0, 17.0, 0.0)
    assert (detection.bbox.size_x, detection.bbox.size_y) == (10.0, 30.0)
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", 0.875)
    assert xyz(result.pose.pose.position) == pytest.approx((0.5, 1.4, 3.0))


def test_poses_have_the_root_and_where_it_faces() -> None:
    array = pose_array(published(CAM2ODOM))
    (pose,) = array.poses
    assert array.header == ODOM
    assert xyz(pose.position) == pytest.approx((13.0, -0.5, 0.1))
    assert np.abs(xyzw(pose.orientation)) == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=1e-9)  # back, to the camera


def test_target_frame_that_is_optical_has_optical_headings() -> None:
    still = RigidTransform(np.eye(3), np.zeros(3))
    other = Published.of(Header(frame_id="rear_optical_frame"), OPTICAL, [facing_the_camera()], str, still)
    assert pose_array(other).poses == pose_array(published()).poses


def test_people_of_several_cameras_are_in_a_frame_with_z_up() -> None:
    people, still = [facing_the_camera()], RigidTransform(np.eye(3), np.zeros(3))
    fused = Published.of(ODOM, ODOM, people, str, None, seen_by_camera=False)
    assert pose_array(fused) == pose_array(Published.of(ODOM, ODOM, people, str, still))
    assert pose_array(fused).poses != pose_array(Published.of(ODOM, ODOM, people, str, None)).poses


def test_pose_of_unknown_heading_is_not_turned() -> None:
    (pose,) = pose_array(Published.of(OPTICAL, OPTICAL, [make_person()], str, None)).poses
    assert xyzw(pose.orientation) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.usefixtures("messages")
def test_people_have_position_velocity_and_reliability() -> None:
    array = people_message(published(CAM2ODOM))
    assert array.header == ODOM
    (person,) = array.people
    assert (person.name, person.reliability) == ("p_7", 0.875)
    assert xyz(person.position) == pytest.approx((13.0, -0.5, 0.1))
    assert xyz(person.velocity) == pytest.approx((0.3, -0.1, -0.2))
    assert (list(person.tagnames), list(person.tags)) == ([], [])


class Outputs:
    """A node's output with everything switched on, and what it reports."""

    def __init__(self, graph: Any, suffix: str = "", **config: Any) -> None:
        self.logged: list[tuple[Level, str]] = []
        self.board = ProblemBoard(lambda level, text: self.logged.append((level, text)), lambda: 0.0)
        self.graph = graph
        self.output = PeopleOutput(graph.node, suffix, OutputConfig(**config), self.board)

    def send(self, *people: Person, stamp_s: int = 5) -> None:
        header = Header(frame_id="cam")
        header.stamp.sec = stamp_s
        self.output.publish(header, people, INFO, "p_{}".format)

    def topics(self) -> set[str]:
        mine = self.graph.node.get_publisher_names_and_types_by_node("tester", self.graph.namespace)
        return {name.rpartition("/")[2] for name, _ in mine}


@pytest.fixture
def outputs(graph: Any) -> Any:
    made: list[Outputs] = []

    def make(suffix: str = "", **config: Any) -> Outputs:
        made.append(Outputs(graph, suffix, **config))
        return made[-1]

    yield make
    for each in made:
        each.output.close()


def test_nothing_more_is_published_unless_asked_for(outputs: Callable[..., Outputs]) -> None:
    assert not outputs().topics() & {"detections_3d", "detections_2d", "poses", "people_msgs"}


def test_subscriber_of_poses_alone_is_work_enough(graph: Any, outputs: Callable[..., Outputs]) -> None:
    made = outputs("_smoothed", publish_poses=True)
    assert not made.output.has_subscribers()
    heard = graph.listen(PoseArray, "poses_smoothed")
    graph.spin_until(made.output.has_subscribers)
    made.send(make_person(1), make_person(2, x_m=-0.5))
    made.output.publish_empty()
    graph.spin_until(lambda: len(heard) == 2)
    assert [(m.header.frame_id, m.header.stamp.sec) for m in heard] == [("cam", 5), ("cam", 5)]
    assert [[pose.position.x for pose in m.poses] for m in heard] == [[0.5, -0.5], []]
    assert not made.logged


def test_nothing_is_made_without_subscribers(monkeypatch: pytest.MonkeyPatch, outputs: Callable[..., Outputs]) -> None:
    monkeypatch.setattr("pose3d_ros.nodes.standard_outputs._pose", None)
    outputs(publish_poses=True).send(make_person())


def test_missing_packages_are_a_warning_with_the_remedy_until_the_node_is_configured_anew(
    graph: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("vision_msgs", "people_msgs"):
        hide(package, monkeypatch)
    made = Outputs(graph, **ALL)
    heard = graph.listen(PoseArray, "poses")
    graph.spin_until(made.output.has_subscribers)
    made.send(make_person())
    graph.spin_until(lambda: len(heard) == 1)
    assert [level for level, _ in made.logged] == [Level.WARN] * 2
    texts = " ".join(text for _, text in made.logged)
    for part in (
        "not published: detections_3d, detections_2d: expected the package vision_msgs, got none",
        "apt install ros-$ROS_DISTRO-vision-msgs; then configure the node again, or unset publish_detections_3d, pub",
        "not published: people_msgs: expected the package people_msgs, got none",
        "Fix: build people_msgs of https://github.com/wg-perception/people, branch ros2, in your workspace; then",
    ):
        assert part in texts
    assert len(made.board.current()) == 2
    made.output.close()
    assert not made.board.current()


def test_limits_that_nobody_fits_are_a_warning_while_they_last(outputs: Callable[..., Outputs]) -> None:
    made = outputs(min_height_m=1.0, max_height_m=0.9)
    ((level, text),) = made.logged
    assert level == Level.WARN
    assert "at least min_height_m, 1, got 0.9" in text
    made.output.reconfigure(OutputConfig(min_height_m=1.0))
    assert not made.board.current()


def test_package_without_what_rclpy_needs_is_a_warning_too(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Detection3DArray:
        """Has no type support, as of a package that was built for another ROS."""

    monkeypatch.setattr("pose3d_ros.nodes.standard_outputs.message_class", lambda _: Detection3DArray)
    made = Outputs(graph, publish_detections_3d=True)
    made.send(make_person())
    ((level, text),) = made.logged
    assert level == Level.WARN
    assert "not published: detections_3d: expected the package vision_msgs, got " in text
    made.output.close()


@pytest.mark.skipif(not (is_installed("vision_msgs") and is_installed("people_msgs")), reason="needs both packages")
def test_installed_packages_are_published(graph: Any, outputs: Callable[..., Outputs]) -> None:
    made = outputs(**ALL)
    msgtypes = {
        "detections_3d": "vision_msgs/msg/Detection3DArray",
        "detections_2d": "vision_msgs/msg/Detection2DArray",
        "people_msgs": "people_msgs/msg/People",
    }
    for topic, msgtype in msgtypes.items():
        heard = graph.listen(message_class(msgtype), topic)
        graph.spin_until(made.output.has_subscribers)
        made.send(make_person())
        graph.spin_until(lambda heard=heard: len(heard) > 0)
    assert not made.logged
