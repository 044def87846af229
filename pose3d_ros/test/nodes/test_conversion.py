from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from pose3d_msgs.msg import Person3D
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.bags.image_encodings import ENCODINGS, image_bgr
from pose3d_ros.errors import InputError, SkeletonError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import (
    PeopleInfo,
    PeopleWriter,
    TrackNumbers,
    cv_bridge_conversion,
    image_message,
    read_people,
    received_bgr,
    skeleton_message,
)
from pose3d_ros.records import TrackState
from pose3d_ros.skeletons import SKELETONS, get_skeleton

from .conftest import make_person

INFO = PeopleInfo(get_skeleton("muco21"), "detector + pose", True, 12.5)


def header(seconds: int = 7, frame_id: str = "cam") -> Header:
    made = Header(frame_id=frame_id)
    made.stamp.sec, made.stamp.nanosec = seconds, 250
    return made


def test_message_has_every_field_of_the_records() -> None:
    person = make_person(track_id=4, x_m=1.5)
    message = PeopleWriter().write(header(), [person], INFO)
    assert message.header == header()
    assert (message.skeleton, message.model, message.calibrated) == ("muco21", "detector + pose", True)
    assert message.latency_ms == 12.5
    (made,) = message.people
    assert (made.id, made.state, made.score) == ("person_4", Person3D.TRACKED, 0.875)
    assert (made.box_x, made.box_y, made.box_width, made.box_height) == (1.0, 2.0, 10.0, 30.0)
    assert (made.root.x, made.root.y, made.root.z) == (1.5, 1.4, 3.0)  # muco21's root is joint 14
    assert (made.velocity.x, made.velocity.y, made.velocity.z) == (0.1, 0.2, 0.3)
    assert len(made.joints) == 21
    assert (made.joints[3].position.y, made.joints[3].u, made.joints[3].v) == (pytest.approx(0.3), 3.25, 3.5)
    assert made.joints[3].valid
    assert not made.joints[1].valid
    assert np.isnan(made.joints[1].position.x)
    assert np.isnan(made.joints[1].u)


@pytest.mark.parametrize("skeleton", sorted(SKELETONS))
@pytest.mark.parametrize("state", list(TrackState))
def test_people_are_unchanged_after_serialization(skeleton: str, state: TrackState) -> None:
    people = [replace(make_person(i, x_m=i / 4, skeleton=skeleton), state=state) for i in (1, 2, 3)]
    info = replace(INFO, skeleton=get_skeleton(skeleton))
    sent = PeopleWriter().write(header(), people, info)
    received = deserialize_message(serialize_message(sent), type(sent))
    for before, after in zip(people, read_people(received, TrackNumbers()), strict=True):
        assert (after.state, after.score, after.pose.skeleton) == (state, before.score, before.pose.skeleton)
        for name in ("root_cam_m", "joints_cam_m", "joints_img_px", "scores"):
            np.testing.assert_allclose(getattr(after.pose, name), getattr(before.pose, name), rtol=1e-6)
        np.testing.assert_allclose(after.pose.detection.box_xyxy_px, before.pose.detection.box_xyxy_px)
        np.testing.assert_allclose(after.velocity_cam_mps, before.velocity_cam_mps)
        assert after.pose.root_sigma_m == pytest.approx(before.pose.root_sigma_m)


def test_writer_reuses_its_people_but_not_their_values() -> None:
    writer = PeopleWriter()
    first = repr(writer.write(header(), [make_person(1), make_person(2)], INFO))
    writer.write(header(), [make_person(9, skeleton="h36m17")], replace(INFO, skeleton=get_skeleton("h36m17")))
    again = writer.write(header(), [make_person(1), make_person(2)], INFO)
    assert repr(again) == first
    assert writer.write(header(), [], INFO).people == []


@pytest.mark.parametrize(
    ("state", "named"),
    [(TrackState.NEW, True), (TrackState.TRACKED, True), (TrackState.PREDICTED, False), (TrackState.LOST, False)],
)
def test_root_solvers_of_people_who_are_seen(state: TrackState, named: bool) -> None:
    solvers = ("ground", "similarity")
    person = make_person()
    person = replace(person, state=state, pose=replace(person.pose, root_solvers=solvers))
    writer = PeopleWriter()
    sent = writer.write(header(), [person], INFO)
    received = deserialize_message(serialize_message(sent), type(sent))
    assert received.people[0].root_solvers == (list(solvers) if named else [])
    assert read_people(received, TrackNumbers())[0].pose.root_solvers == (solvers if named else ())
    assert not writer.write(header(), [make_person()], INFO).people[0].root_solvers  # in the same message


def test_unknown_covariance_is_minus_one() -> None:
    person = make_person()
    uncertain = replace(person, pose=replace(person.pose, root_sigma_m=float("nan")))
    message = PeopleWriter().write(header(), [uncertain], INFO)
    assert message.people[0].root_covariance[0] == -1.0
    assert np.isnan(read_people(message, TrackNumbers())[0].pose.root_sigma_m)


def test_people_are_transformed_to_the_target_frame() -> None:
    quarter_about_z = RigidTransform.from_quaternion((0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)), (10.0, 0.0, 0.0))
    (made,) = PeopleWriter().write(header(), [make_person(x_m=0.5)], INFO, cam2target=quarter_about_z).people
    np.testing.assert_allclose([made.root.x, made.root.y, made.root.z], [10 - 1.4, 0.5, 3.0])
    np.testing.assert_allclose([made.joints[3].position.x, made.joints[3].position.y], [10 - 0.3, 0.5])
    np.testing.assert_allclose([made.velocity.x, made.velocity.y], [-0.2, 0.1])
    assert not made.joints[1].valid
    direction = np.array([-1.4, 0.5, 3.0]) / np.linalg.norm([0.5, 1.4, 3.0])
    np.testing.assert_allclose(made.root_covariance.reshape(3, 3), np.outer(direction, direction) * 0.25**2, atol=1e-12)


def test_track_numbers_follow_ids_and_are_not_reused() -> None:
    numbers = TrackNumbers()
    assert numbers.assign(["anna", "bob"]) == [1, 2]
    assert numbers.assign(["bob", "carl"]) == [2, 3]
    assert numbers.names == {2: "bob", 3: "carl"}
    assert numbers.assign(["anna"]) == [4]


@pytest.mark.parametrize(
    ("skeleton", "state", "error"),
    [("octopus8", 1, SkeletonError), ("h36m17", 1, InputError), ("muco21", 9, InputError)],
)
def test_unreadable_people_are_an_error(skeleton: str, state: int, error: type[Exception]) -> None:
    message = PeopleWriter().write(header(), [make_person()], INFO)
    message.skeleton, message.people[0].state = skeleton, state
    with pytest.raises(error):
        read_people(message, TrackNumbers())


def test_skeleton_message_pairs_parents_and_children() -> None:
    skeleton = get_skeleton("h36m17")
    message = skeleton_message(skeleton)
    assert message.name == "h36m17"
    assert list(message.joint_names) == list(skeleton.joints)
    assert np.asarray(message.edges).reshape(-1, 2).tolist() == [list(edge) for edge in skeleton.edges]
    assert message.root_index == skeleton.root


def test_image_round_trip() -> None:
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    message = image_message(header(), image[:, ::-1])
    assert (message.encoding, message.step, message.header) == ("bgr8", 21, header())
    np.testing.assert_array_equal(image_bgr(message), image[:, ::-1])


def raw_image(encoding: str, data: bytes, **changes: Any) -> Image:
    """A 4x4 image without padding, unless changed."""
    return Image(**{"height": 4, "width": 4, "encoding": encoding, "step": len(data) // 4, "data": data, **changes})


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mock]:
    """A stand-in for cv_bridge, whose images are all one pixel."""
    module = Mock()
    module.CvBridge.return_value.imgmsg_to_cv2.return_value = np.full((1, 1, 3), 77, np.uint8)
    monkeypatch.setitem(sys.modules, "cv_bridge", module)
    cv_bridge_conversion.cache_clear()
    yield module.CvBridge.return_value.imgmsg_to_cv2
    cv_bridge_conversion.cache_clear()


def test_cv_bridge_converts_where_it_is_installed(bridge: Mock) -> None:
    assert received_bgr(raw_image("rgb8", bytes(48)), 100).tolist() == [[[77] * 3]]
    assert received_bgr(raw_image("bayer_rggb16", bytes(32)), 100).tolist() == [[[77] * 3]]
    for ours in (
        raw_image("bgr8", bytes(48)),
        raw_image("16UC1", bytes(32)),
        raw_image("nv12", bytes(24), step=4),
        raw_image("rgb8", bytes(52)),
        raw_image("mono16", bytes(32), is_bigendian=1),
    ):
        assert received_bgr(ours, 100).shape == (4, 4, 3)
    with pytest.raises(InputError, match="47 bytes"):
        received_bgr(raw_image("rgb8", bytes(47), step=12), 100)


def test_what_cv_bridge_can_not_convert_is_converted_without_it(bridge: Mock) -> None:
    cv_bridge_conversion()
    bridge.side_effect = RuntimeError("Unrecognized image encoding [rgb16]")
    assert received_bgr(raw_image("rgb16", bytes(96)), 100).shape == (4, 4, 3)
    cv_bridge_conversion.cache_clear()  # built for another NumPy: fails from the first on
    assert cv_bridge_conversion() is None
    assert received_bgr(raw_image("rgb8", bytes(48)), 100).shape == (4, 4, 3)


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if "UC" not in name])
def test_our_conversion_equals_that_of_cv_bridge(encoding: str) -> None:
    convert = cv_bridge_conversion()
    if convert is None:
        pytest.skip("cv_bridge is not installed, or not for this NumPy")
    data = np.random.default_rng(0).integers(0, 255, 16 * ENCODINGS[encoding].pixel_bytes, np.uint8).tobytes()
    message = raw_image(encoding, data)
    np.testing.assert_allclose(image_bgr(message).astype(int), np.asarray(convert(message, "bgr8"), int), atol=1)
