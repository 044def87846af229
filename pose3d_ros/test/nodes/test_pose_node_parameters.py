from __future__ import annotations

from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import DescribeParameters
from rclpy.parameter import Parameter

from pose3d_ros.config.settings import PipelineConfig

from .conftest import frames_of
from .rigs.pose_rig import PoseRig, gray_image


@pytest.mark.parametrize(
    ("name", "words"),
    [("detector__score_treshold", "detector.score_threshold"), ("silence_warning_s", "is now called")],
)
def test_unknown_or_former_name_is_a_warning(graph: Any, pipeline: Any, name: str, words: str) -> None:
    given: dict[str, Any] = {name: 0.5}
    rig = PoseRig(graph, pipeline, **given)
    rig.until_reported(DiagnosticStatus.WARN, words)
    assert rig.node.lifecycle_state == "active"
    assert not rig.node.has_parameter(name.replace("__", "."))
    former = name == "silence_warning_s"
    assert rig.node.get_parameter("watchdog_timeout_s").value == (0.5 if former else 5.0)


@pytest.mark.parametrize("value", [7.5, "much"])
def test_wrong_initial_value_leaves_the_node_unconfigured_until_corrected(
    graph: Any, pipeline: Any, value: object
) -> None:
    rig = PoseRig(graph, pipeline, detector__score_threshold=value)
    rig.until_status(DiagnosticStatus.ERROR, "detector.score_threshold")
    assert rig.node.lifecycle_state == "unconfigured"
    assert rig.node.get_parameter("detector.score_threshold").value == PipelineConfig().detector.score_threshold
    (result,) = rig.node.set_parameters([Parameter("detector.score_threshold", value=0.5)])
    assert result.successful
    rig.node.autostart()
    assert rig.node.lifecycle_state == "active"
    rig.until_status(DiagnosticStatus.OK, "active")


def test_only_tunable_parameters_reconfigure_the_running_pipeline(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.process()
    pipeline.reconfigure.assert_not_called()
    (result,) = rig.node.set_parameters([Parameter("detector.score_threshold", value=0.625)])
    assert result.successful
    rig.process()
    (call,) = pipeline.reconfigure.call_args_list
    assert call.args[0].detector.score_threshold == 0.625


@pytest.mark.parametrize(
    ("name", "value", "words", "unconfigured"),
    [
        ("detector.score_threshold", 3.0, "range", False),
        ("image_transport", "carrier_pigeon", "expected one of", True),
        ("queue_size", 5, "lifecycle set", False),
    ],
)
def test_wrong_parameter_change_is_rejected_with_a_reason(
    graph: Any, pipeline: Any, name: str, value: float | str, words: str, unconfigured: bool
) -> None:
    node = graph.add_pose_node(pipeline)
    if unconfigured:
        node.trigger_deactivate()
        node.trigger_cleanup()
    before = node.get_parameter(name).value
    (result,) = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert words in result.reason
    assert node.get_parameter(name).value == before


def test_parameters_are_described_and_ranged(graph: Any, pipeline: Any) -> None:
    graph.add_pose_node(pipeline)
    request = DescribeParameters.Request(names=["detector.score_threshold", "queue_size", "backend"])
    threshold, queue, backend = graph.call(DescribeParameters, "pose_node/describe_parameters", request).descriptors
    assert (threshold.floating_point_range[0].from_value, threshold.floating_point_range[0].to_value) == (0.01, 1.0)
    assert queue.integer_range[0].to_value == 1000
    assert "onnxruntime" in backend.additional_constraints
    assert all(d.description for d in (threshold, queue, backend))


def test_quality_of_service_can_be_overridden(graph: Any, pipeline: Any) -> None:
    topic = f"{graph.namespace}/image_raw"
    override = {f"qos_overrides.{topic}.subscription.reliability": "reliable"}
    node = graph.add_pose_node(pipeline, work_without_subscribers=True, **override)
    graph.spin_until(lambda: graph.node.count_subscribers(topic) > 0)
    (info,) = graph.node.get_subscriptions_info_by_topic(topic)
    assert info.qos_profile.reliability.name == "RELIABLE"
    assert not node.board.current()


def test_invalid_quality_of_service_is_reported_and_the_node_stays_active(graph: Any, pipeline: Any) -> None:
    override = {f"qos_overrides.{graph.namespace}/image_raw.subscription.reliability": "perfect"}
    node = graph.add_pose_node(pipeline, work_without_subscribers=True, **override)
    graph.spin_until(lambda: any("can't subscribe" in problem.text for problem in node.board.current()))
    graph.spin_for(0.5)
    assert node.lifecycle_state == "active"


@pytest.mark.parametrize(("rectified", "fx_px"), [(True, 20.0), (False, 40.0)])
def test_rectified_images_have_the_camera_of_the_projection_matrix_whatever_their_topic(
    graph: Any, pipeline: Any, rectified: bool, fx_px: float
) -> None:
    rig = PoseRig(graph, pipeline, rectified=rectified)
    rig.calibrate(d=[-0.3, 0.1, 0.0, 0.0, 0.0], p=[20.0, 0.0, 15.5, 0.0, 0.0, 20.0, 11.5, 0.0, 0.0, 0.0, 1.0, 0.0])
    rig.process()
    (frame,) = frames_of(pipeline)
    assert frame.camera.fx_px == fx_px
    assert (frame.camera.model == "pinhole") == rectified


def test_preset_gives_values_to_what_is_not_given(graph: Any, pipeline: Any) -> None:
    configs: list[PipelineConfig] = []

    def opener(config: PipelineConfig) -> Any:
        configs.append(config)
        return pipeline

    rig = PoseRig(graph, opener=opener, preset="light", threads=0)
    assert (configs[0].engine.engines, configs[0].engine.threads) == ("auto-light", 0)
    assert rig.node.get_parameter("detector.interval_s").value == 0.3
    (result,) = rig.node.set_parameters([Parameter("preset", value="full")])
    assert not result.successful  # read at configuration
    rig.node.trigger_deactivate()
    rig.node.trigger_cleanup()
    changes = [Parameter("preset", value="full"), Parameter("detector.interval_s", value=0.2)]
    assert all(result.successful for result in rig.node.set_parameters(changes))
    rig.node.autostart()
    assert (configs[1].engine.engines, configs[1].engine.threads, configs[1].detector.interval_s) == ("auto", 0, 0.2)
    assert rig.node.get_parameter("engines").value == "auto"


def test_images_above_max_rate_are_left_out_and_counted_and_no_alarm_is_raised(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, max_rate_hz=0.5, queue_size=5, fallback_hfov_deg=90.0)
    for seconds in (3, 4, 5, 6, 7):
        before = rig.node.work.input_count
        rig.send(gray_image(seconds))
        graph.spin_until(lambda before=before: rig.node.work.input_count > before)
    graph.spin_until(lambda: rig.values.get("over max_rate_hz") == "2")
    graph.spin_until(lambda: len(rig.people) == 3)
    assert [message.header.stamp.sec for message in rig.people] == [3, 5, 7]
    assert rig.values["dropped"] == "0"
    (result,) = rig.node.set_parameters([Parameter("max_rate_hz", value=0.0)])
    assert result.successful
    assert rig.process(gray_image(8)).header.stamp.sec == 8
    assert not [problem for problem in rig.node.board.current() if "calibrat" not in problem.kind]
