"""The pose node over DDS: images in, people out, and everything that can be wrong with the input."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from pose3d_msgs.msg import Person3DArray, SkeletonInfo
from rcl_interfaces.srv import DescribeParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import EngineError
from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.topics import image_qos, latched_qos

WIDTH, HEIGHT = 32, 24
K = [40.0, 0.0, 15.5, 0.0, 40.0, 11.5, 0.0, 0.0, 1.0]

Opener = Callable[[PipelineConfig], Any]


class Rig:
    """A pose node with a camera in front and a listener behind."""

    def __init__(self, graph: Any, pipeline: Any, opener: Opener | None = None, **parameters: object) -> None:
        self.graph, self.pipeline = graph, pipeline
        self.logged = graph.log_of("pose_node")
        self.node = graph.add(PoseNode(opener=opener or (lambda _: pipeline), **graph.options(**parameters)))
        self.people = graph.listen(Person3DArray, "people")
        self.diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
        compressed = parameters.get("image_transport") == "compressed"
        kind, topic = (CompressedImage, "image_raw/compressed") if compressed else (Image, "image_raw")
        self.send = graph.publish(kind, topic, image_qos("reliable", 10))
        self.send_info = graph.publish(CameraInfo, "camera_info")
        self.node.autostart()

    @property
    def status(self) -> DiagnosticStatus | None:
        """The node's own latest status."""
        name = f"{self.graph.namespace.lstrip('/')}/pose_node: people"
        mine = [status for message in self.diagnostics for status in message.status if status.name == name]
        return mine[-1] if mine else None

    def until_status(self, level: bytes, words: str) -> DiagnosticStatus:
        def said() -> bool:
            return self.status is not None and self.status.level == level and words in self.status.message

        self.graph.spin_until(said)
        assert self.status is not None
        return self.status

    def logged_once(self, words: str) -> bool:
        """Whether the node's log has one line with these words, once it has had the time to come."""
        self.graph.spin_until(lambda: any(words in line for line in self.logged))
        self.graph.spin_for(0.2)
        return sum(words in line for line in self.logged) == 1

    def until_counted(self, kind: str, times: int) -> None:
        self.graph.spin_until(lambda: sum(n for k, n in self.node.board.counts().items() if kind in k) >= times)

    def calibrate(self, **changes: Any) -> None:
        """Send a camera_info and wait until the node has it."""
        fields = {"width": WIDTH, "height": HEIGHT, "k": K, "distortion_model": "plumb_bob", **changes}
        cameras = self.node.work.cameras
        before = cameras.received
        self.send_info(CameraInfo(**fields))
        self.graph.spin_until(lambda: cameras.received > before)


def header(seconds: int = 3) -> Header:
    made = Header(frame_id="camera_optical_frame")
    made.stamp.sec, made.stamp.nanosec = seconds, 5
    return made


def picture(seconds: int = 3, value: int = 9) -> Image:
    return image_message(header(seconds), np.full((HEIGHT, WIDTH, 3), value, np.uint8))


def bad(**changes: Any) -> Image:
    message = picture()
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_people_come_out_under_the_images_header(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline)
    rig.calibrate()
    rig.send(picture(3, value=77))
    graph.spin_until(lambda: bool(rig.people))
    message = rig.people[0]
    assert message.header == header(3)
    assert (message.skeleton, message.model, message.calibrated) == ("muco21", "fake", True)
    assert [person.id for person in message.people] == ["person_1"]
    (frame,) = pipeline.frames
    assert (frame.stamp_ns, frame.frame_id) == (3_000_000_005, "camera_optical_frame")
    assert frame.camera.fx_px == 40.0
    assert (frame.image_bgr == 77).all()
    status = rig.until_status(DiagnosticStatus.OK, "active")
    values = {item.key: item.value for item in status.values}
    assert (values["images"], values["results"], values["people"]) == ("1", "1", "1")
    assert values["backend"] == "onnxruntime (a test)"
    assert not rig.logged


def test_an_image_just_before_its_camera_info_is_not_lost(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline)
    rig.send(picture())
    rig.calibrate()
    graph.spin_until(lambda: bool(rig.people))
    assert rig.people[0].calibrated


def test_compressed_images_and_a_latched_camera_info(graph: Any, pipeline: Any) -> None:
    info = CameraInfo(width=WIDTH, height=HEIGHT, k=K, distortion_model="plumb_bob")
    graph.node.create_publisher(CameraInfo, "camera_info", latched_qos()).publish(info)
    rig = Rig(graph, pipeline, image_transport="compressed")
    graph.spin_until(lambda: rig.node.work.cameras.received > 0)
    jpeg = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 50, np.uint8))[1]
    rig.send(CompressedImage(header=header(), format="jpeg", data=array("B", jpeg.tobytes())))
    graph.spin_until(lambda: bool(rig.people))
    assert rig.people[0].header == header()
    assert rig.people[0].calibrated


def test_the_skeleton_is_there_for_late_listeners(graph: Any, pipeline: Any) -> None:
    Rig(graph, pipeline)
    skeletons = graph.listen(SkeletonInfo, "skeleton", latched_qos())
    graph.spin_until(lambda: bool(skeletons))
    assert skeletons[0].name == "muco21"


def test_markers_and_overlay_are_published(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    overlays = graph.listen(Image, "overlay")
    rig = Rig(graph, pipeline, publish_overlay=True)
    rig.calibrate()
    rig.send(picture())
    graph.spin_until(lambda: bool(overlays) and any(m.action == Marker.ADD for a in markers for m in a.markers))
    assert overlays[0].header == header()
    assert (overlays[0].width, overlays[0].height, overlays[0].encoding) == (WIDTH, HEIGHT, "bgr8")
    assert {m.header.frame_id for a in markers for m in a.markers if m.action == Marker.ADD} == {header().frame_id}


BAD_IMAGES = {
    "zero size": (bad(width=0, height=0, step=0, data=array("B")), "above 0"),
    "unknown encoding": (bad(encoding="32FC1"), "32FC1"),
    "missing bytes": (bad(data=array("B", bytes(10))), "10 bytes"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_bad_image_is_survived_said_and_logged_once(graph: Any, pipeline: Any, name: str) -> None:
    message, words = BAD_IMAGES[name]
    rig = Rig(graph, pipeline)
    rig.calibrate()
    for times in (1, 2, 3):
        rig.send(message)
        rig.until_counted("InputError", times)
    rig.until_status(DiagnosticStatus.ERROR, words)
    assert rig.logged_once(words)
    assert len(rig.logged) == 1
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    assert len(pipeline.frames) == 1


def test_an_undecodable_image_is_survived_said_and_logged_once(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, image_transport="compressed")
    for times in (1, 2):
        rig.send(CompressedImage(header=header(), format="jpeg", data=array("B", b"no picture")))
        rig.until_counted("InputError", times)
    rig.until_status(DiagnosticStatus.ERROR, "whole JPEG or PNG")
    assert rig.logged_once("whole JPEG or PNG")


BAD_CAMERAS: dict[str, tuple[dict[str, Any], str]] = {
    "zero K": ({"k": [0.0] * 9}, "zeros"),
    "NaN": ({"k": [float("nan")] * 9}, "finite"),
    "another size": ({"width": 640, "height": 480}, "640x480"),
}


@pytest.mark.parametrize("name", BAD_CAMERAS)
def test_a_bad_camera_info_is_survived_said_and_logged_once(graph: Any, pipeline: Any, name: str) -> None:
    changes, words = BAD_CAMERAS[name]
    rig = Rig(graph, pipeline)
    rig.calibrate(**changes)
    for times in (1, 2):
        rig.send(picture())
        rig.until_counted("CameraError", times)
    status = rig.until_status(DiagnosticStatus.ERROR, words)
    assert "fallback_hfov_deg" in status.message
    assert rig.logged_once(words)
    assert not rig.people
    rig.calibrate()
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))


def test_no_camera_info_at_all_is_said_with_the_way_out(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline)
    for times in (1, 2):
        rig.send(picture())
        rig.until_counted("CameraError", times)
    status = rig.until_status(DiagnosticStatus.ERROR, "none so far")
    assert f"{graph.namespace}/camera_info" in status.message
    assert "fallback_hfov_deg" in status.message
    assert rig.logged_once("none so far")
    assert not pipeline.frames


def test_a_guessed_field_of_view_is_flagged(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    assert not rig.people[0].calibrated
    assert pipeline.frames[0].camera.fx_px == pytest.approx(WIDTH / 2)
    rig.until_status(DiagnosticStatus.WARN, "guess")
    rig.calibrate()
    rig.send(picture())
    graph.spin_until(lambda: len(rig.people) == 2)
    assert rig.people[1].calibrated


@pytest.mark.parametrize(
    "error", [EngineError("engine", expected="numbers", got="a fault", fix="Look."), ValueError("bug")]
)
def test_an_error_of_the_pipeline_costs_one_frame(graph: Any, pipeline: Any, error: Exception) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    pipeline.error = error
    for times in (1, 2):
        rig.send(picture())
        rig.until_counted(type(error).__name__, times)
    rig.until_status(DiagnosticStatus.ERROR, str(error))
    assert rig.logged_once(str(error))
    pipeline.error = None
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))


def test_a_missing_engine_leaves_the_node_alive_and_unconfigured(graph: Any, pipeline: Any) -> None:
    missing = [True]

    def opener(config: PipelineConfig) -> Any:
        if missing:
            raise EngineError("engine", expected="a file", got=f"none in {config.engine.engines}", fix="Get it.")
        return pipeline

    rig = Rig(graph, pipeline, opener, engines="/nowhere", fallback_hfov_deg=60.0)
    rig.until_status(DiagnosticStatus.ERROR, "none in /nowhere")
    assert rig.node.lifecycle_state == "unconfigured"
    assert rig.logged_once("/nowhere")
    missing.clear()
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, "pose_node/change_state", request).success
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    rig.until_status(DiagnosticStatus.WARN, "guess")


def test_an_engine_on_another_backend_is_a_warning_until_it_is_not(graph: Any, pipeline: Any) -> None:
    pipeline.engine_problems = ("pose runs on onnxruntime: no plan yet",)
    rig = Rig(graph, pipeline, fallback_hfov_deg=60.0)
    rig.until_status(DiagnosticStatus.WARN, "pose runs on onnxruntime: no plan yet")
    assert rig.logged_once("no plan yet")
    assert rig.status is not None
    assert {v.key: v.value for v in rig.status.values}["runs on"] == "fake: nothing runs it"
    pipeline.engine_problems = ()
    graph.spin_until(lambda: rig.status is not None and "no plan yet" not in rig.status.message)


def test_an_unknown_parameter_is_said_and_passed_over(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, detector__score_treshold=0.5, fallback_hfov_deg=60.0)
    rig.until_status(DiagnosticStatus.WARN, "detector.score_threshold")
    assert rig.logged_once("score_treshold")
    assert rig.node.lifecycle_state == "active"
    assert not rig.node.has_parameter("detector.score_treshold")


@pytest.mark.parametrize("value", [7.5, "much"])
def test_a_wrong_start_value_waits_for_a_right_one(graph: Any, pipeline: Any, value: object) -> None:
    rig = Rig(graph, pipeline, detector__score_threshold=value)
    rig.until_status(DiagnosticStatus.ERROR, "detector.score_threshold")
    assert rig.node.lifecycle_state == "unconfigured"
    assert rig.node.get_parameter("detector.score_threshold").value == PipelineConfig().detector.score_threshold
    (result,) = rig.node.set_parameters([Parameter("detector.score_threshold", value=0.5)])
    assert result.successful
    rig.node.autostart()
    assert rig.node.lifecycle_state == "active"
    rig.until_status(DiagnosticStatus.OK, "active")


def test_nothing_is_reconfigured_without_a_change(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    assert pipeline.configs == []


def test_tunable_parameters_change_while_it_runs(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    (result,) = rig.node.set_parameters([Parameter("detector.score_threshold", value=0.625)])
    assert result.successful
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    assert [config.detector.score_threshold for config in pipeline.configs] == [0.625]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("detector.score_threshold", 3.0, "range"),
        ("image_transport", "carrier_pigeon", "expected one of"),
        ("queue_size", 5, "lifecycle set"),
    ],
)
def test_a_wrong_change_is_refused_with_a_reason(
    graph: Any, pipeline: Any, name: str, value: float | str, words: str
) -> None:
    rig = Rig(graph, pipeline, image_transport="compressed") if name == "image_transport" else Rig(graph, pipeline)
    if name == "image_transport":
        rig.node.trigger_deactivate()
        rig.node.trigger_cleanup()
    before = rig.node.get_parameter(name).value
    (result,) = rig.node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert words in result.reason
    assert rig.node.get_parameter(name).value == before


def test_parameters_are_described_and_ranged(graph: Any, pipeline: Any) -> None:
    Rig(graph, pipeline)
    request = DescribeParameters.Request(names=["detector.score_threshold", "queue_size", "backend"])
    threshold, queue, backend = graph.call(DescribeParameters, "pose_node/describe_parameters", request).descriptors
    assert (threshold.floating_point_range[0].from_value, threshold.floating_point_range[0].to_value) == (0.01, 1.0)
    assert queue.integer_range[0].to_value == 1000
    assert "onnxruntime" in backend.additional_constraints
    assert all(d.description for d in (threshold, queue, backend))


@pytest.mark.parametrize(("reliability", "expected"), [("reliable", "RELIABLE"), ("best_effort", "BEST_EFFORT")])
def test_quality_of_service_can_be_overridden(graph: Any, pipeline: Any, reliability: str, expected: str) -> None:
    topic = f"{graph.namespace}/image_raw"
    options = graph.options(work_without_subscribers=True)
    name = f"qos_overrides.{topic}.subscription.reliability"
    options["parameter_overrides"].append(Parameter(name, value=reliability))
    node = graph.add(PoseNode(opener=lambda _: pipeline, **options))
    node.autostart()
    graph.spin_until(lambda: graph.node.count_subscribers(topic) > 0)
    (info,) = graph.node.get_subscriptions_info_by_topic(topic)
    assert info.qos_profile.reliability.name == expected
    assert not node.board.current()


def test_a_quality_of_service_that_is_none_is_said_and_survived(graph: Any, pipeline: Any) -> None:
    options = graph.options(work_without_subscribers=True)
    name = f"qos_overrides.{graph.namespace}/image_raw.subscription.reliability"
    options["parameter_overrides"].append(Parameter(name, value="perfect"))
    node = graph.add(PoseNode(opener=lambda _: pipeline, **options))
    node.autostart()
    graph.spin_until(lambda: any("can't subscribe" in problem.text for problem in node.board.current()))
    graph.spin_for(0.5)
    assert node.lifecycle_state == "active"


def test_it_works_only_while_somebody_listens(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    for subscription in list(graph.node.subscriptions):
        if subscription.topic_name.endswith("/people"):
            graph.node.destroy_subscription(subscription)
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/image_raw") == 0)
    rig.until_status(DiagnosticStatus.OK, "no subscribers")
    graph.listen(Person3DArray, "people")
    rig.send(picture())
    graph.spin_until(lambda: len(pipeline.frames) == 2)


def test_it_works_without_listeners_when_told_to(graph: Any, pipeline: Any) -> None:
    node = PoseNode(
        opener=lambda _: pipeline,
        **graph.options(work_without_subscribers=True, fallback_hfov_deg=90.0),
    )
    graph.add(node).autostart()
    graph.publish(Image, "image_raw")(picture())
    graph.spin_until(lambda: bool(pipeline.frames))


def test_disabling_clears_and_enabling_goes_on(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.send(picture(4))
    graph.spin_until(lambda: bool(rig.people))
    assert graph.call(SetBool, "pose_node/enable", SetBool.Request(data=False)).success
    graph.spin_until(lambda: len(rig.people) == 2)
    assert rig.people[1].people == []
    assert rig.people[1].header == header(4)
    assert pipeline.resets >= 1
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/image_raw") == 0)
    assert graph.call(SetBool, "pose_node/enable", SetBool.Request(data=True)).success
    rig.send(picture(5))
    graph.spin_until(lambda: len(rig.people) == 3)
    assert len(rig.people[2].people) == 1


def test_the_life_cycle_opens_and_closes(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    rig = Rig(graph, pipeline, autostart=False, fallback_hfov_deg=90.0)

    def change(transition: int) -> str:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, "pose_node/change_state", request).success
        return str(graph.call(GetState, "pose_node/get_state", GetState.Request()).current_state.label)

    assert rig.node.lifecycle_state == "unconfigured"
    assert change(Transition.TRANSITION_CONFIGURE) == "inactive"
    assert change(Transition.TRANSITION_ACTIVATE) == "active"
    rig.send(picture())
    graph.spin_until(lambda: bool(rig.people))
    assert change(Transition.TRANSITION_DEACTIVATE) == "inactive"
    graph.spin_until(lambda: bool(rig.people) and rig.people[-1].people == [])
    graph.spin_until(lambda: bool(markers) and markers[-1].markers[0].action == Marker.DELETEALL)
    assert change(Transition.TRANSITION_CLEANUP) == "unconfigured"
    assert pipeline.closed
    assert change(Transition.TRANSITION_CONFIGURE) == "inactive"
    assert change(Transition.TRANSITION_INACTIVE_SHUTDOWN) == "finalized"


def test_markers_clear_when_the_clock_goes_back(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    rig = Rig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.send(picture(9))
    graph.spin_until(lambda: bool(rig.people))
    rig.send(picture(2))

    def actions() -> list[int]:
        return [array.markers[0].action for array in markers if array.markers]

    graph.spin_until(lambda: actions().count(Marker.ADD) == 2)
    first_add = actions().index(Marker.ADD)
    assert actions()[first_add:] == [Marker.ADD, Marker.DELETEALL, Marker.ADD]


def test_silence_is_explained(graph: Any, pipeline: Any) -> None:
    rig = Rig(graph, pipeline, watchdog_timeout_s=0.2)
    status = rig.until_status(DiagnosticStatus.WARN, "no message arrives")
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in status.message
    assert rig.logged_once("no message arrives")


def test_a_topic_without_a_publisher_is_explained(graph: Any, pipeline: Any) -> None:
    node = PoseNode(
        opener=lambda _: pipeline,
        **graph.options(work_without_subscribers=True, watchdog_timeout_s=0.2),
    )
    graph.add(node).autostart()
    graph.spin_until(lambda: any("no publisher on" in p.text for p in node.board.current()))
