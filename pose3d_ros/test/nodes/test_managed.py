"""Life cycle, subscribers and the enable service of a managed node, by the pose node's."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import EngineError

from .conftest import frames_of
from .rigs.pose_rig import PoseRig, gray_image, header


def change(graph: Any, transition: int) -> str:
    """The node's state after a transition."""
    request = ChangeState.Request(transition=Transition(id=transition))
    assert graph.call(ChangeState, "pose_node/change_state", request).success
    return str(graph.call(GetState, "pose_node/get_state", GetState.Request()).current_state.label)


def until_image_subscribers(graph: Any, count: int) -> None:
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/image_raw") == count)


def test_lifecycle_transitions_open_and_close_the_pipeline(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    rig = PoseRig(graph, pipeline, autostart=False, fallback_hfov_deg=90.0)
    assert rig.node.lifecycle_state == "unconfigured"
    assert change(graph, Transition.TRANSITION_CONFIGURE) == "inactive"
    assert change(graph, Transition.TRANSITION_ACTIVATE) == "active"
    rig.process()
    assert change(graph, Transition.TRANSITION_DEACTIVATE) == "inactive"
    graph.spin_until(lambda: rig.people[-1].people == [])
    graph.spin_until(lambda: bool(markers) and markers[-1].markers[0].action == Marker.DELETEALL)
    assert change(graph, Transition.TRANSITION_CLEANUP) == "unconfigured"
    pipeline.close.assert_called_once()
    assert change(graph, Transition.TRANSITION_CONFIGURE) == "inactive"
    assert change(graph, Transition.TRANSITION_INACTIVE_SHUTDOWN) == "finalized"


def test_missing_engine_leaves_the_node_running_and_unconfigured(graph: Any, pipeline: Any) -> None:
    missing = [True]

    def opener(config: PipelineConfig) -> Any:
        if missing:
            raise EngineError("engine", expected="a file", got=f"none in {config.engine.engines}", fix="Get it.")
        return pipeline

    rig = PoseRig(graph, opener=opener, engines="/nowhere", fallback_hfov_deg=60.0)
    rig.until_reported(DiagnosticStatus.ERROR, "none in /nowhere")
    assert rig.node.lifecycle_state == "unconfigured"
    missing.clear()
    change(graph, Transition.TRANSITION_CONFIGURE)
    change(graph, Transition.TRANSITION_ACTIVATE)
    rig.process()


def test_node_subscribes_only_while_it_has_subscribers(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline)
    rig.calibrate()
    rig.process()
    for subscription in list(graph.node.subscriptions):
        if subscription.topic_name.endswith("/people"):
            graph.node.destroy_subscription(subscription)
    until_image_subscribers(graph, 0)
    rig.until_status(DiagnosticStatus.OK, "no subscribers")
    graph.listen(Person3DArray, "people")
    rig.send(gray_image())
    graph.spin_until(lambda: len(frames_of(pipeline)) == 2)


def test_work_without_subscribers_keeps_the_node_subscribed(graph: Any, pipeline: Any) -> None:
    graph.add_pose_node(pipeline, work_without_subscribers=True, fallback_hfov_deg=90.0)
    graph.publish(Image, "image_raw")(gray_image())
    graph.spin_until(lambda: pipeline.called)


def test_disabling_publishes_an_empty_result_and_enabling_resumes(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.process(gray_image(4))
    assert graph.call(SetBool, "pose_node/enable", SetBool.Request(data=False)).success
    empty = rig.until_people(2)
    assert (empty.people, empty.header) == ([], header(4))
    pipeline.reset.assert_called()
    until_image_subscribers(graph, 0)
    assert graph.call(SetBool, "pose_node/enable", SetBool.Request(data=True)).success
    assert len(rig.process(gray_image(5)).people) == 1
