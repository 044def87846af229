"""The bridge to REP 155, with the real hri_msgs and tf2_msgs or, where they are not installed, stand-ins."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from pose3d_msgs.msg import Person3DArray
from rclpy.qos import DurabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String

from pose3d_ros.errors import ConfigError
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter, image_message
from pose3d_ros.nodes.hri_bridge import HriBridge
from pose3d_ros.nodes.hri_messages import hri_msgs
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton

from ..people.kinematics.conftest import FACING, seen, standing_body
from .conftest import make_person
from .rigs.hri_rig import HriRig

TRACKED = "/humans/bodies/tracked"
BODY_TOPICS = ("roi", "cropped", "skeleton2d", "joint_states", "position", "velocity", "urdf")
SKELETON = get_skeleton("body40")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> HriRig:
    monkeypatch.setattr("pose3d_ros.nodes.hri_bridge.DIAGNOSTICS_PERIOD_S", 0.1)
    return HriRig(monkeypatch)


def standing_person(track_id: int = 1, state: TrackState = TrackState.TRACKED) -> Person:
    """Stands 5 m away and looks into the camera; joint j is at pixel (j + 0.25, j + 0.5)."""
    made = make_person(track_id, skeleton=SKELETON.name)
    joints_m = np.full((len(SKELETON), 3), np.nan)
    for name, place in seen(standing_body()).items():
        joints_m[SKELETON.index_of[name]] = place
    return replace(made, state=state, pose=replace(made.pose, joints_cam_m=joints_m))


def people_message(*people: Person, stamp_s: float = 4.0, ids: Sequence[str] = ()) -> Person3DArray:
    header = Header(frame_id="cam")
    header.stamp.sec, header.stamp.nanosec = int(stamp_s), round(stamp_s % 1 * 1e9)
    names = dict(zip([person.track_id for person in people], ids, strict=True)) if ids else {}
    info = PeopleInfo(SKELETON, "engine", True, 8.0)
    return PeopleWriter().write(header, people, info, id_of=lambda track: names.get(track, f"p1_{track}"))


class Play:
    """A bridge, and publishers of what it reads."""

    def __init__(self, graph: Any, rig: HriRig, **parameters: object) -> None:
        self.graph, self.rig = graph, rig
        self.bridge = graph.add(HriBridge(**graph.options(**parameters)))
        self._people = graph.publish(Person3DArray, "people")
        self.stamp_s = 4.0

    def people(self, *people: Person, **options: Any) -> None:
        """Send people, and wait until the bridge has published them."""
        before = len(self.rig.sent(TRACKED))
        self.stamp_s += 0.25
        self._people(people_message(*people, stamp_s=self.stamp_s, **options))
        self.graph.spin_until(lambda: len(self.rig.sent(TRACKED)) > before)

    def camera_info(self, width_px: int = 100, height_px: int = 50) -> None:
        self.graph.publish(CameraInfo, "camera_info")(CameraInfo(width=width_px, height=height_px))
        self.graph.spin_until(lambda: self.bridge._images.size_px is not None)


def test_bodies_are_published_as_rep_155_says(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.camera_info()
    play.people(standing_person(1), standing_person(2))
    tracked = rig.sent(TRACKED)[-1]
    assert tracked.ids == ["p1_1", "p1_2"]
    assert (tracked.header.frame_id, tracked.header.stamp.sec) == ("cam", 4)
    (roi,) = rig.body("p1_1", "roi")
    assert (roi.xmin, roi.ymin, roi.xmax, roi.ymax) == pytest.approx((0.015, 0.05, 0.115, 0.65))
    assert roi.c == pytest.approx(0.875)
    assert roi.header == tracked.header
    (skeleton,) = rig.body("p1_2", "skeleton2d")
    wrist = SKELETON.index_of["R_Wrist"]
    point = skeleton.skeleton[4]  # RIGHT_WRIST
    assert (point.x, point.y, point.c) == pytest.approx(((wrist + 0.75) / 100, (wrist + 1) / 50, 0.5))


def test_joint_states_position_and_velocity_are_of_the_body(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.people(standing_person())
    (state,) = rig.body("p1_1", "joint_states")
    angles = dict(zip(state.name, state.position, strict=True))
    assert len(angles) == 25
    assert angles["l_elbow_p1_1"] == pytest.approx(0.0, abs=1e-6)
    (position,) = rig.body("p1_1", "position")
    assert position.header.frame_id == "cam"
    place = position.point
    np.testing.assert_allclose([place.x, place.y, place.z], FACING.translation_m, atol=1e-9)
    (velocity,) = rig.body("p1_1", "velocity")
    assert velocity.header.frame_id == "body_p1_1"
    linear = velocity.twist.linear  # (0.1, 0.2, 0.3) in the camera's frame: away from it is backwards
    np.testing.assert_allclose([linear.x, linear.y, linear.z], [-0.3, 0.1, -0.2], atol=1e-9)


def test_tf_is_the_tree_of_the_urdf(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.people(standing_person())
    (message,) = rig.sent("/tf")
    frames = {transform.child_frame_id: transform for transform in message.transforms}
    body = frames["body_p1_1"]
    assert (body.header.frame_id, body.header.stamp.sec) == ("cam", 4)
    q = body.transform.rotation
    assert [abs(value) for value in (q.x, q.y, q.z, q.w)] == pytest.approx([0.5] * 4)
    assert frames["l_wrist_p1_1"].header.frame_id == "l_elbow_p1_1"
    assert frames["l_wrist_p1_1"].transform.translation.z == pytest.approx(-0.25)
    assert len(frames) == len(message.transforms) == 32
    (urdf,) = rig.body("p1_1", "urdf")
    assert urdf.data == play.bridge.get_parameter("human_description_p1_1").value
    assert all(f'"{name}"' in urdf.data for name in frames)


@pytest.mark.parametrize(("tf_frames", "frames"), [("body", ["body_p1_1"]), ("none", None)])
def test_tf_as_the_parameter_says(graph: Any, rig: HriRig, tf_frames: str, frames: list[str] | None) -> None:
    Play(graph, rig, tf_frames=tf_frames).people(standing_person())
    sent = [[transform.child_frame_id for transform in message.transforms] for message in rig.sent("/tf")]
    assert sent == ([] if frames is None else [frames])
    assert bool(rig.publishers["/tf"]) == (frames is not None)


def test_who_is_lost_leaves_at_once(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.people(standing_person(1), standing_person(2))
    play.people(standing_person(1), standing_person(2, TrackState.LOST))
    assert rig.sent(TRACKED)[-1].ids == ["p1_1"]
    for topic in BODY_TOPICS:
        assert [p.destroyed for p in rig.publishers[f"/humans/bodies/p1_2/{topic}"]] == [True]
        assert [p.destroyed for p in rig.publishers[f"/humans/bodies/p1_1/{topic}"]] == [False]
    assert not play.bridge.has_parameter("human_description_p1_2")
    play.people()
    assert rig.sent(TRACKED)[-1].ids == []
    play.people(standing_person(2))
    assert rig.sent(TRACKED)[-1].ids == ["p1_2"]
    assert [p.destroyed for p in rig.publishers["/humans/bodies/p1_2/roi"]] == [True, False]


def test_new_people_are_no_bodies_and_predicted_ones_have_nothing_of_the_image(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.camera_info()
    play.people(standing_person(1, TrackState.NEW), standing_person(2, TrackState.PREDICTED))
    assert rig.sent(TRACKED)[-1].ids == ["p1_2"]
    assert rig.body("p1_2", "joint_states")
    assert rig.body("p1_2", "roi") == rig.body("p1_2", "skeleton2d") == []


def test_bodies_leave_when_people_stop_coming(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig, body_timeout_s=0.1)
    play.people(standing_person())
    graph.spin_until(lambda: rig.sent(TRACKED)[-1].ids == [])
    assert rig.publishers["/humans/bodies/p1_1/roi"][0].destroyed
    count = len(rig.sent(TRACKED))
    graph.spin_for(0.5)
    assert len(rig.sent(TRACKED)) == count


def test_tracked_is_latched_and_empty_at_the_end(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.people(standing_person())
    assert rig.publishers[TRACKED][0].qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
    graph._executor.remove_node(play.bridge)
    graph._nodes.remove(play.bridge)
    play.bridge.destroy_node()
    assert rig.sent(TRACKED)[-1].ids == []


def test_urdf_is_made_anew_when_a_bone_turns_out_longer(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    person = standing_person()
    play.people(person)
    play.people(person)
    assert len(rig.body("p1_1", "urdf")) == 1
    longer = person.pose.joints_cam_m.copy()
    for side in "LR":
        longer[SKELETON.index_of[f"{side}_Ankle"], 1] += 0.1
    for _ in range(4):
        play.people(replace(person, pose=replace(person.pose, joints_cam_m=longer)))
    first, *_, last = rig.body("p1_1", "urdf")
    assert 'xyz="0 0 -0.4"' in first.data
    assert 'xyz="0 0 -0.5"' in last.data
    assert last.data == play.bridge.get_parameter("human_description_p1_1").value


def test_person_without_a_trunk_has_what_is_of_the_image_only(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.camera_info()
    person = standing_person()
    play.people(replace(person, pose=replace(person.pose, joints_cam_m=np.full((len(SKELETON), 3), np.nan))))
    assert rig.sent(TRACKED)[-1].ids == ["p1_1"]
    assert rig.body("p1_1", "roi")
    assert rig.body("p1_1", "joint_states") == rig.sent("/tf") == []


def test_ids_that_topics_can_not_have_are_changed(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.people(standing_person(1), standing_person(2), ids=["gt-2", "7"])
    first, second = rig.sent(TRACKED)[-1].ids
    assert first.startswith("gt_2x")
    assert second.startswith("p7x")
    assert rig.body(first, "joint_states")


def test_crops_are_those_of_the_image_of_the_people(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    play.camera_info()
    crops = graph.listen(Image, "/humans/bodies/p1_1/cropped")
    play.people(standing_person())
    graph.spin_until(lambda: play.bridge._bodies["p1_1"].wants_crops())
    image_bgr = np.arange(50 * 100 * 3, dtype=np.uint8).reshape(50, 100, 3)
    send = graph.publish(Image, "image_raw")
    for offset in (0.25, 0.5):  # an image of another time, and that of the next people
        header = people_message(stamp_s=play.stamp_s + offset).header
        send(image_message(header, image_bgr if offset == 0.25 else 255 - image_bgr))
    play.people(standing_person())
    graph.spin_until(lambda: bool(crops))
    crop = crops[0]
    assert (crop.width, crop.height, crop.encoding) == (11, 31, "bgr8")
    np.testing.assert_array_equal(np.asarray(crop.data).reshape(31, 11, 3), image_bgr[2:33, 1:12])
    assert crop.header == rig.sent(TRACKED)[-1].header


def test_size_comes_from_the_image_where_there_is_no_camera_info(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    log = graph.listen(DiagnosticArray, "/diagnostics")
    play.people(standing_person())
    assert rig.body("p1_1", "roi") == []
    until_status(graph, log, DiagnosticStatus.WARN, "expected the images' size on")
    send = graph.publish(Image, "image_raw")
    send(image_message(Header(frame_id="cam"), np.zeros((50, 100, 3), np.uint8)))
    graph.spin_until(lambda: play.bridge._images.size_px == (100, 50))
    play.people(standing_person())
    assert rig.body("p1_1", "roi")[0].xmax == pytest.approx(0.115)
    graph.spin_until(lambda: graph.node.count_subscribers("image_raw") == 0)


def until_status(graph: Any, messages: list[DiagnosticArray], level: bytes, text: str) -> None:
    def seen_so() -> bool:
        status = graph.status_of(messages, "hri_bridge")
        return status is not None and status.level == level and text in status.message

    graph.spin_until(seen_so)


def test_diagnostics_warn_of_missing_people(graph: Any, rig: HriRig) -> None:
    bridge = graph.add(HriBridge(**graph.options()))
    messages = graph.listen(DiagnosticArray, "/diagnostics")
    until_status(graph, messages, DiagnosticStatus.WARN, "Is pose_node or smoother_node running")
    graph.node.create_publisher(Person3DArray, "people", 1)
    until_status(graph, messages, DiagnosticStatus.OK, "running")
    assert bridge.tracked == ()


def test_diagnostics_warn_of_others_who_publish_bodies(graph: Any, rig: HriRig) -> None:
    graph.add(HriBridge(**graph.options()))
    graph.node.create_publisher(Person3DArray, "people", 1)
    messages = graph.listen(DiagnosticArray, "/diagnostics")
    # A topic has one type; the bridge's own publisher is none for DDS where hri_msgs is a stand-in.
    kind = String if find_spec("hri_msgs") is None else hri_msgs().IdsList
    for _ in range(2):
        graph.node.create_publisher(kind, TRACKED, 1)
    until_status(graph, messages, DiagnosticStatus.WARN, f"{graph.namespace}/tester")


def test_message_that_can_not_be_read_is_an_error_and_the_next_one_comes(graph: Any, rig: HriRig) -> None:
    play = Play(graph, rig)
    messages = graph.listen(DiagnosticArray, "/diagnostics")
    wrong = people_message(standing_person())
    wrong.skeleton = "nobody's"
    play._people(wrong)
    until_status(graph, messages, DiagnosticStatus.ERROR, "nobody's")
    play.people(standing_person())
    assert rig.sent(TRACKED)[-1].ids == ["p1_1"]


def test_without_tf2_msgs_there_is_a_warning_and_all_else(
    graph: Any, rig: HriRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    play = Play(graph, rig)
    messages = graph.listen(DiagnosticArray, "/diagnostics")
    play.people(standing_person())
    assert rig.body("p1_1", "joint_states")
    until_status(graph, messages, DiagnosticStatus.WARN, "ros-$ROS_DISTRO-tf2-msgs")


def test_without_hri_msgs_it_is_an_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", None)
    monkeypatch.setitem(sys.modules, "hri_msgs", None)
    with pytest.raises(ConfigError, match=r"ros-\$ROS_DISTRO-hri-msgs"):
        HriBridge()


def test_hri_msgs_of_another_time_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", ModuleType("hri_msgs.msg"))
    with pytest.raises(ConfigError, match="a version without IdsList, NormalizedRegionOfInterest2D, Skeleton2D"):
        hri_msgs()


@pytest.mark.skipif(find_spec("hri_msgs") is not None, reason="hri_msgs is installed")
def test_process_without_hri_msgs_ends_with_one_line(tmp_path: Any) -> None:
    command = [sys.executable, "-m", "pose3d_ros.nodes.hri_bridge"]
    env = {**os.environ, "ROS_LOG_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: hri_msgs: expected the messages of ROS4HRI (REP 155), got No module named")


@pytest.mark.skipif(find_spec("hri_msgs") is None, reason="hri_msgs is not installed")
def test_real_messages_arrive(graph: Any) -> None:
    from pose3d_ros.nodes.topics import latched_qos

    kinds = importlib.import_module("hri_msgs.msg")
    bridge = graph.add(HriBridge(**graph.options(tf_frames="none")))
    name = f"p{os.getpid()}_1"
    send = graph.publish(Person3DArray, "people")
    graph.publish(CameraInfo, "camera_info")(CameraInfo(width=100, height=50))
    graph.spin_until(lambda: bridge._images.size_px is not None)
    skeletons = graph.listen(kinds.Skeleton2D, f"/humans/bodies/{name}/skeleton2d")
    rois = graph.listen(kinds.NormalizedRegionOfInterest2D, f"/humans/bodies/{name}/roi")
    stamp_s = 4.0
    while not (skeletons and rois):
        stamp_s += 0.25
        send(people_message(standing_person(), stamp_s=stamp_s, ids=[name]))
        graph.spin_for(0.1)
    late = graph.listen(kinds.IdsList, TRACKED, latched_qos())
    graph.spin_until(lambda: any(name in message.ids for message in late))
    assert len(skeletons[0].skeleton) == 18
    assert rois[0].xmax == pytest.approx(0.115)
