from __future__ import annotations

import time
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image

from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.topics import image_qos, latched_qos

from .rigs.pose_rig import PoseRig, gray_image
from .test_spin import Start, start  # noqa: F401 - a fixture

# A pose node of a stand-in for the pipeline that prints the stamps of the first ten images.
NODE = """
from types import SimpleNamespace as Names
from unittest.mock import Mock
from pose3d_ros.engines import BackendChoice
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import FrameResult
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.roots.agreement import Agreement
stamps = []
def take(frame, detections):
    stamps.append(frame.stamp_ns // 10**9)
    if len(stamps) == 10:
        print("stamps", *stamps, flush=True)
    return FrameResult((), (), {})
pipeline = Mock(Pipeline, side_effect=take, skeleton=get_skeleton("muco21"), engine_problems=())
pipeline.root_agreement = Agreement()
pipeline.engines = Names(names="none", backend=BackendChoice("onnxruntime", "a test"), statuses=())
print("up", flush=True)
run_node(lambda: PoseNode(opener=lambda _: pipeline))
"""
# A driver as usb_cam: reliable, the image's number as its stamp.
DRIVER = """
import array, signal, sys, time, rclpy
from sensor_msgs.msg import Image
stop = []
rclpy.init()
signal.signal(signal.SIGINT, lambda *_: stop.append(True))
node = rclpy.create_node("driver")
width, height = map(int, sys.argv[1:])
data = array.array("B", bytes(width * height * 3))
image = Image(width=width, height=height, step=3 * width, encoding="bgr8", data=data)
publisher = node.create_publisher(Image, "image_raw", 100)
while not publisher.get_subscription_count() and not stop:
    time.sleep(0.02)
time.sleep(1.0)
while not stop:
    image.header.stamp.sec += 1
    publisher.publish(image)
    time.sleep(0.05)
node.destroy_node()
rclpy.shutdown()
"""


def asked(graph: Any, topic: str = "image_raw") -> list[str]:
    """The reliability of each subscription of a topic."""
    infos = graph.node.get_subscriptions_info_by_topic(f"{graph.namespace}/{topic}")
    return [info.qos_profile.reliability.name for info in infos]


def until_asked(graph: Any, reliability: str, topic: str = "image_raw") -> None:
    graph.spin_until(lambda: asked(graph, topic) == [reliability])


def offer(graph: Any, reliability: str) -> Any:
    return graph.node.create_publisher(Image, "image_raw", image_qos(reliability, 10))


def test_subscription_follows_publishers_that_come_and_go(graph: Any, pipeline: Any) -> None:
    graph.add_pose_node(pipeline, work_without_subscribers=True, fallback_hfov_deg=90.0)
    until_asked(graph, "BEST_EFFORT")
    reliable = offer(graph, "reliable")
    until_asked(graph, "RELIABLE")
    best_effort = offer(graph, "best_effort")
    until_asked(graph, "BEST_EFFORT")
    graph.node.destroy_publisher(best_effort)
    until_asked(graph, "RELIABLE")
    graph.node.destroy_publisher(reliable)
    until_asked(graph, "BEST_EFFORT")


@pytest.mark.parametrize("reliability", ["reliable", "best_effort"])
def test_images_of_publishers_of_either_reliability_are_processed(graph: Any, pipeline: Any, reliability: str) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, publisher_reliability=reliability)
    until_asked(graph, reliability.upper())
    rig.process()
    assert not [line for line in rig.logged if "QoS" in line]


def test_messages_around_a_change_come_once(graph: Any) -> None:
    heard: list[int] = []
    fitted = FittedSubscription(graph.node, Image, "image_raw", lambda m: heard.append(m.header.stamp.sec), depth=10)
    publisher = offer(graph, "reliable")
    while not publisher.get_subscription_count():  # by one that is best effort: the node is not spun
        time.sleep(0.01)
    for number, wait_s in enumerate((0.3, 0.0, 0.1, 1.2)):
        publisher.publish(gray_image(number))
        time.sleep(wait_s)
        fitted.refit()
    publisher.publish(gray_image(4))
    graph.spin_until(lambda: len(heard) >= 5)
    graph.spin_for(0.3)
    assert sorted(heard) == [0, 1, 2, 3, 4]
    until_asked(graph, "RELIABLE")


def test_latched_message_comes_once_however_the_publishers_change(graph: Any) -> None:
    heard: list[int] = []
    publisher = graph.node.create_publisher(Image, "image_raw", latched_qos())
    publisher.publish(gray_image(7))
    fitted = FittedSubscription(
        graph.node, Image, "image_raw", lambda m: heard.append(m.header.stamp.sec), depth=10, latched=True
    )

    def is_latched() -> bool:
        fitted.refit()
        infos = graph.node.get_subscriptions_info_by_topic(f"{graph.namespace}/image_raw")
        return [info.qos_profile.durability.name for info in infos] == ["TRANSIENT_LOCAL"]

    graph.spin_until(lambda: is_latched() and heard == [7])
    other = offer(graph, "reliable")
    graph.spin_until(lambda: not is_latched())
    graph.spin_for(1.2)
    graph.node.destroy_publisher(other)
    graph.spin_until(is_latched)
    graph.spin_for(1.2)
    assert heard == [7]
    publisher.publish(gray_image(8))
    graph.spin_until(lambda: heard == [7, 8])


def test_image_is_received_from_both_of_a_mixed_pair(graph: Any, pipeline: Any) -> None:
    graph.add_pose_node(pipeline, work_without_subscribers=True, fallback_hfov_deg=90.0)
    publishers = [offer(graph, name) for name in ("reliable", "best_effort")]
    until_asked(graph, "BEST_EFFORT")
    for number, publisher in enumerate(publishers, start=1):
        graph.spin_until(lambda publisher=publisher: publisher.get_subscription_count() == 1)
        publisher.publish(gray_image(number))
        graph.spin_until(lambda number=number: pipeline.call_count == number)


def test_images_arrive_once_while_the_subscription_changes(graph: Any, pipeline: Any) -> None:
    graph.add_pose_node(pipeline, work_without_subscribers=True, fallback_hfov_deg=90.0, queue_size=10)
    until_asked(graph, "BEST_EFFORT")
    publisher = offer(graph, "reliable")
    while not publisher.get_subscription_count():
        time.sleep(0.01)  # without spinning: the node has not heard of the publisher yet
    for number in range(1, 6):
        publisher.publish(gray_image(number))
        graph.spin_until(lambda number=number: pipeline.call_count >= number)
    graph.spin_for(0.3)
    assert [call.args[0].stamp_ns // 10**9 for call in pipeline.call_args_list] == [1, 2, 3, 4, 5]
    until_asked(graph, "RELIABLE")


@pytest.mark.parametrize("size", ["640 480", "1280 720"])
def test_no_image_of_a_reliable_driver_is_lost_without_a_dds_profile(start: Start, size: str) -> None:  # noqa: F811
    settings = ["work_without_subscribers:=true", "fallback_hfov_deg:=60.0", "queue_size:=100"]
    arguments = [word for setting in settings for word in ("-p", setting)]
    node = start("-c", NODE, "--ros-args", *arguments, profile=False)
    node.until("up")
    start("-c", DRIVER, *size.split(), profile=False)
    assert node.until("stamps").split() == ["stamps", *(str(number) for number in range(1, 11))]


@pytest.mark.parametrize("name", ["image_reliability", "override"])
def test_reliability_that_the_user_gave_is_kept(graph: Any, pipeline: Any, name: str) -> None:
    override = f"qos_overrides.{graph.namespace}/image_raw.subscription.reliability"
    given = {override if name == "override" else name: "reliable"}
    rig = PoseRig(graph, pipeline, watchdog_timeout_s=0.2, publisher_reliability="best_effort", **given)
    until_asked(graph, "RELIABLE")
    rig.until_status(DiagnosticStatus.WARN, "no message arrives")
    assert asked(graph) == ["RELIABLE"]


def test_changed_parameter_holds_after_a_new_configuration(graph: Any, pipeline: Any) -> None:
    from rclpy.parameter import Parameter

    node = graph.add_pose_node(pipeline, work_without_subscribers=True, image_reliability="reliable")
    until_asked(graph, "RELIABLE")
    node.trigger_deactivate()
    node.trigger_cleanup()
    (result,) = node.set_parameters([Parameter("image_reliability", value="best_effort")])
    assert result.successful
    node.autostart()
    until_asked(graph, "BEST_EFFORT")
