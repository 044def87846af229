"""pose_node with another detector's boxes: those of its images go to the pipeline, its own detector stands in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String

from .rigs.pose_rig import PoseRig, gray_image, header

TOPIC = "detector/detections"


def given(pipeline: Any) -> list[Any]:
    """The boxes that the pipeline was called with."""
    return [call.args[1] for call in pipeline.call_args_list]


def vision_message(seconds: int) -> Any:
    msg = pytest.importorskip("vision_msgs.msg")
    box = msg.BoundingBox2D(size_x=10.0, size_y=12.0)
    box.center.position.x, box.center.position.y = 16.0, 12.0
    person = msg.Detection2D(bbox=box, results=[msg.ObjectHypothesisWithPose()])
    person.results[0].hypothesis.class_id, person.results[0].hypothesis.score = "person", 0.75
    return msg.Detection2DArray(header=header(seconds), detections=[person])


def yolo_message(seconds: int) -> Any:
    msg = pytest.importorskip("yolo_msgs.msg")
    person = msg.Detection(class_id=0, class_name="person", score=0.75)
    person.bbox.center.position.x, person.bbox.center.position.y = 16.0, 12.0
    person.bbox.size.x, person.bbox.size.y = 10.0, 12.0
    return msg.DetectionArray(header=header(seconds), detections=[person])


@pytest.mark.parametrize("message_of", [vision_message, yolo_message])
def test_boxes_of_real_messages_replace_the_detector(graph: Any, pipeline: Any, message_of: Any) -> None:
    first = message_of(3)
    send = graph.publish(type(first), TOPIC)
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, detections_topic=TOPIC)
    rig.send(gray_image(3))
    send(first)
    rig.until_people()
    send(message_of(4))  # before its image
    rig.send(gray_image(4))
    rig.until_people(2)
    for (detection,) in given(pipeline):
        np.testing.assert_allclose(detection.box_xyxy_px, [10.5, 5.5, 20.5, 17.5])
        assert detection.score == 0.75
    graph.spin_until(lambda: rig.values.get("images with detections") == "2")


def test_own_detector_works_while_nothing_is_published(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, detections_topic=TOPIC)
    for seconds in range(3, 6):
        rig.send(gray_image(seconds))
        graph.spin_for(1.1)
    rig.until_people()
    assert given(pipeline)[-1] is None
    rig.until_status(DiagnosticStatus.WARN, "it has no publisher. Check detections_topic.")


def test_topic_of_another_type_is_named(graph: Any, pipeline: Any) -> None:
    graph.node.create_publisher(String, TOPIC, 10)
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, detections_topic=TOPIC)
    for seconds in range(3, 6):
        rig.send(gray_image(seconds))
        graph.spin_for(1.1)
    rig.until_status(DiagnosticStatus.WARN, "got std_msgs/msg/String")


def test_other_classes_are_taken_while_the_node_runs(graph: Any, pipeline: Any) -> None:
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, detections_topic=TOPIC)
    change = Parameter("detections_classes", value="1, pedestrian").to_parameter_msg()
    request = SetParameters.Request(parameters=[change])
    response = graph.call(SetParameters, f"{graph.namespace}/pose_node/set_parameters", request)
    assert response.results[0].successful
    assert rig.node.work._boxes.config.scene.detections_classes == "1, pedestrian"
