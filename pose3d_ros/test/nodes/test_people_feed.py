from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from pose3d_msgs.msg import Person3DArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter, image_message
from pose3d_ros.nodes.people_feed import FedPeople, FeedTopics, PeopleFeed, stamp_of_bytes
from pose3d_ros.skeletons import get_skeleton

from ..conftest import Scene

INFO = PeopleInfo(get_skeleton("muco21"), "of a test", True, 12.0)


def header_at(seconds: int, frame_id: str = "camera") -> Header:
    made = Header(frame_id=frame_id)
    made.stamp.sec, made.stamp.nanosec = seconds, 500
    return made


def camera_info(scene: Scene, header: Header) -> CameraInfo:
    camera = scene.camera
    info = CameraInfo(header=header, width=camera.width_px, height=camera.height_px, distortion_model="plumb_bob")
    info.k, info.d = camera.K_px.ravel().tolist(), [0.0] * 5
    info.p = np.hstack([camera.K_px, np.zeros((3, 1))]).ravel().tolist()
    return info


@pytest.fixture
def feed(graph: Any) -> PeopleFeed:
    made: PeopleFeed = graph.add(PeopleFeed(FeedTopics(), namespace=graph.namespace))
    return made


@pytest.fixture
def send(graph: Any, scene: Scene) -> Callable[..., None]:
    """As `tester` finds people in its images: publishes an image, its camera and its people."""
    graph.listen(Image, "eye/image")
    graph.listen(CameraInfo, "eye/camera_info")
    publishers = [
        graph.publish(kind, topic)
        for kind, topic in ((Image, "eye/image"), (CameraInfo, "eye/camera_info"), (Person3DArray, "people"))
    ]

    def command(seconds: int, frame_id: str = "camera", width_px: int = 640) -> None:
        image, info, people = publishers
        image(image_message(header_at(seconds), scene.image(seconds)[:, :width_px].copy()))
        info(camera_info(scene, header_at(seconds)))
        header = header_at(seconds, frame_id)
        people(PeopleWriter().write(header, scene.ground_truth[seconds], INFO, id_of=lambda n: f"p1ab_{n}"))

    return command


def taken(graph: Any, feed: PeopleFeed, ready: Callable[[FedPeople], bool], again: Callable[[], None]) -> FedPeople:
    """The first people that are as they should be; asks for others until then."""
    found: list[FedPeople] = []

    def come() -> bool:
        fed = feed.take(0.0)
        if fed is not None and ready(fed):
            found.append(fed)
        elif fed is not None:
            again()
        return bool(found)

    again()
    graph.spin_until(come)
    return found[0]


def test_people_come_with_their_image_and_its_camera_by_the_graph_alone(
    graph: Any, feed: PeopleFeed, send: Callable[..., None], scene: Scene
) -> None:
    seconds = cycle(range(1, 30))
    fed = taken(
        graph,
        feed,
        lambda fed: fed.frame.image_bgr is not None and fed.frame.camera is not None,
        lambda: send(next(seconds)),
    )
    number = fed.frame.stamp_ns // 1_000_000_000
    assert fed.frame.stamp_ns == number * 1_000_000_000 + 500
    assert fed.frame.image_bgr is not None
    assert (fed.frame.image_bgr == scene.image(number)).all()
    assert fed.frame.camera is not None
    assert fed.frame.camera.fx_px == pytest.approx(scene.camera.fx_px)
    assert [person.track_id for person in fed.frame.people] == [1, 2, 3]
    assert (fed.model, fed.pose_ms, fed.calibrated) == ("of a test", 12.0, True)
    assert feed.problem == ""
    assert feed.latency_ms(fed) >= 12.0  # of 1970 by its stamp, which does not count


def test_only_the_latest_people_are_kept(graph: Any, feed: PeopleFeed, send: Callable[..., None]) -> None:
    for seconds in (1, 2, 3):
        send(seconds)
    graph.spin_until(lambda: feed.people.total == 3)
    fed = feed.take(0.0)
    assert fed is not None
    assert fed.frame.stamp_ns // 1_000_000_000 == 3
    assert feed.take(0.0) is None


def test_people_in_a_robots_frame_are_told_apart(graph: Any, feed: PeopleFeed, send: Callable[..., None]) -> None:
    seconds = cycle(range(1, 30))
    fed = taken(graph, feed, lambda fed: bool(fed.frame.z_up_frame), lambda: send(next(seconds), "base_link"))
    assert (fed.frame.z_up_frame, fed.frame.camera) == ("base_link", None)


def test_image_of_another_size_than_its_camera_is_a_problem(
    graph: Any, feed: PeopleFeed, send: Callable[..., None]
) -> None:
    seconds = cycle(range(1, 30))
    fed = taken(
        graph,
        feed,
        lambda fed: "640x480" in feed.problem,
        lambda: send(next(seconds), width_px=320),
    )
    assert fed.frame.camera is None
    assert fed.frame.image_bgr is not None


def test_nobody_who_publishes_people_is_said(graph: Any, feed: PeopleFeed) -> None:
    graph.spin_until(lambda: bool(feed.problem))
    assert feed.problem.startswith(f"no node publishes {graph.namespace}/people")


def test_named_images_are_taken_in_the_form_that_is_published(graph: Any, scene: Scene) -> None:
    feed = graph.add(PeopleFeed(FeedTopics(image="eye/image", camera_info="info"), namespace=graph.namespace))
    send = graph.publish(Image, "eye/image")
    send(image_message(header_at(4), scene.image(0)))
    graph.spin_until(lambda: feed.images.total == 1)


def test_unreadable_people_are_a_problem_and_nothing_more(graph: Any, feed: PeopleFeed) -> None:
    graph.publish(Person3DArray, "people")(Person3DArray(skeleton="of no body"))
    graph.spin_until(lambda: feed.people.total == 1)
    assert "of no body" in feed.problem
    assert feed.take(0.0) is None


def test_stamp_is_read_from_the_bytes() -> None:
    assert stamp_of_bytes(serialize_message(Image(header=header_at(7)))) == 7_000_000_500
