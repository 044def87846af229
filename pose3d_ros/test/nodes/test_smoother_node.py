from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from pose3d_msgs.msg import Person3DArray, SkeletonInfo
from rclpy.parameter import Parameter
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines import BackendChoice, RoleEngine
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter
from pose3d_ros.nodes.smoother_node import SmootherNode
from pose3d_ros.nodes.topics import latched_qos
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.chosen_smoother import ChosenSmoother
from pose3d_ros.stages.smooth.pose_follower import FOLLOWING_FRAMES
from pose3d_ros.stages.smooth.smooth_features import correction_size, feature_size
from pose3d_ros.stages.smooth.smoother import Smoother

from ..conftest import AnsweringEngine, Shapes, Tensors, manifest_entry
from .conftest import make_person
from .rigs.scene_rig import Buffer, UnknownTransform

INFO = PeopleInfo(get_skeleton("muco21"), "pose engine", False, 8.0)


def half_metre_up(people: Sequence[Person], stamp_ns: int, ground: GroundPlane | None = None) -> tuple[Person, ...]:
    up = np.array([0.0, -0.5, 0.0])
    return tuple(replace(p, pose=replace(p.pose, joints_cam_m=p.pose.joints_cam_m + up)) for p in people)


def start(graph: Any, **parameters: object) -> tuple[Any, Mock]:
    """A node and its smoother, which moves all people half a metre up and is its own set of engines."""
    smoother = Mock(config=SmootherConfig(), delay_frames=2, skeleton=get_skeleton("muco21"))

    def update(people: Sequence[Person], stamp_ns: int, ground: GroundPlane | None = None) -> tuple[Person, ...]:
        smoother.stamp_ns = stamp_ns
        return half_metre_up(people, stamp_ns, ground)

    smoother.update.side_effect = update
    smoother.why_unsmoothed.return_value = None
    smoother.method_for.return_value, smoother.model_for.return_value = "temporal_conv", "temporal"
    smoother.names, smoother.statuses, smoother.problems = "temporal", ("temporal: nothing",), ()
    smoother.backend = BackendChoice("onnxruntime", "a test")
    node = graph.add(SmootherNode(opener=lambda _: (smoother, smoother), **graph.options(**parameters)))
    node.autostart()
    return node, smoother


def people_message(people: Sequence[Person], *names: str, stamp_s: int = 4, skeleton: str = "muco21") -> Person3DArray:
    header = Header(frame_id="cam")
    header.stamp.sec = stamp_s
    shown = [person.converted(get_skeleton(skeleton)) for person in people]
    message = PeopleWriter().write(header, shown, replace(INFO, skeleton=get_skeleton(skeleton)))
    for person, name in zip(message.people, names, strict=True):
        person.id = name
    return message


def test_who_was_published_is_reported_lost_after_a_gap(graph: Any) -> None:
    start(graph, published_states="tracked")
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    lost = replace(make_person(1), state=TrackState.LOST)
    # Of bob nothing was published.
    frames: list[list[Person]] = [
        [make_person(1)],
        [],
        [lost, replace(lost, track_id=2)],
    ]
    for stamp_s, people in enumerate(frames):
        send(people_message(people, *("anna", "bob")[: len(people)], stamp_s=stamp_s))
        graph.spin_until(lambda count=stamp_s + 1: len(smoothed) == count)
    assert [[(p.id, p.state) for p in m.people] for m in smoothed] == [[("anna", 1)], [], [("anna", 3)]]


def test_smoothed_people_keep_their_ids(graph: Any) -> None:
    _, smoother = start(graph)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    sent = people_message([make_person(1), make_person(2)], "anna", "bob")
    graph.publish(Person3DArray, "people")(sent)
    graph.spin_until(lambda: bool(smoothed))
    (message,) = smoothed
    assert message.header == sent.header
    assert [person.id for person in message.people] == ["anna", "bob"]
    assert (message.model, message.calibrated, message.skeleton) == ("pose engine + temporal", False, "muco21")
    assert message.latency_ms >= 8.0
    before, after = sent.people[0], message.people[0]
    assert after.joints[4].position.y == pytest.approx(before.joints[4].position.y - 0.5)
    assert not after.joints[1].valid
    assert (after.state, after.box_width) == (before.state, before.box_width)
    np.testing.assert_allclose(after.root_covariance, before.root_covariance, atol=1e-9)
    people, stamp_ns = smoother.update.call_args.args
    assert [person.track_id for person in people] == [1, 2]
    assert stamp_ns == 4_000_000_000


def test_people_are_published_in_the_configured_skeleton(graph: Any) -> None:
    start(graph, skeleton="h36m17")
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    skeletons = graph.listen(SkeletonInfo, "skeleton_smoothed", latched_qos())
    graph.publish(Person3DArray, "people")(people_message([make_person()], "anna"))
    graph.spin_until(lambda: bool(smoothed) and bool(skeletons))
    assert smoothed[0].skeleton == skeletons[0].name == "h36m17"
    assert len(smoothed[0].people[0].joints) == 17


def centimetre_ahead(feeds: Tensors) -> Tensors:
    """Moves the left wrist away from the camera by a centimetre for every frame of a person."""
    frames = feeds["state_0"] + 1
    y = np.zeros((len(frames), correction_size(21)), dtype=np.float32)
    y[:, 3 * get_skeleton("muco21").index_of["L_Wrist"] + 2] = 0.01 * frames[:, 0, 0]
    return {"y": y, "next_state_0": frames}


def start_with_engine(graph: Any, **parameters: object) -> Any:
    """A node around the real stage, whose engine needs 8 of its 21 joints."""
    state = ("batch", 1, 1)
    inputs: Shapes = {"x": ("batch", feature_size(21)), "state_0": state}
    outputs: Shapes = {"y": ("batch", correction_size(21)), "next_state_0": state}
    entry = manifest_entry("temporal_step", name="temporal", skeleton="muco21", parameters={"least_joints": 8})
    net = Smoother(RoleEngine(AnsweringEngine(centimetre_ahead, inputs, outputs), entry))
    return start_with_net(graph, net, **parameters)


def start_with_net(graph: Any, net: Smoother | None, **parameters: object) -> Any:
    engines = Mock(names="temporal", statuses=(), problems=(), backend=BackendChoice("onnxruntime", "a test"))
    opener: Any = lambda config: (ChosenSmoother(net, config.smoother), engines)  # noqa: E731
    node = graph.add(SmootherNode(opener=opener, **graph.options(**parameters)))
    node.autostart()
    return node


def test_people_are_smoothed_and_published_in_the_skeleton_they_come_in_also_when_it_changes(graph: Any) -> None:
    start_with_engine(graph)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    skeletons = graph.listen(SkeletonInfo, "skeleton_smoothed", latched_qos())
    send = graph.publish(Person3DArray, "people")
    moved_m = []
    for number, skeleton in enumerate(["muco21", "muco21", "mediapipe33", "mediapipe33", "muco21"]):
        sent = people_message([make_person(1)], "anna", stamp_s=4 + number, skeleton=skeleton)
        sent.header.stamp.sec, sent.header.stamp.nanosec = 4, 50_000_000 * number
        send(sent)
        graph.spin_until(lambda number=number: len(smoothed) > number)
        assert smoothed[-1].skeleton == skeleton
        assert len(smoothed[-1].people[0].joints) == len(get_skeleton(skeleton))
        wrist = get_skeleton(skeleton).index_of["L_Wrist"]
        before, after = (m.people[0].joints[wrist].position for m in (sent, smoothed[-1]))
        moved_m.append(float(np.linalg.norm([after.x - before.x, after.y - before.y, after.z - before.z])))
    second_m = 0.02 - 0.01 * np.exp(-2 / FOLLOWING_FRAMES)  # the filter behind the network, after a frame
    assert moved_m == pytest.approx([0.01, second_m, 0.01, second_m, 0.01], abs=1e-4)  # a change starts afresh
    graph.spin_until(lambda: [s.name for s in skeletons[-3:]] == ["muco21", "mediapipe33", "muco21"])


def test_people_of_an_earlier_frame_have_its_stamp_and_the_delay_is_published(graph: Any) -> None:
    node = start_with_engine(graph, **{"smoother.lookahead_frames": 2})
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    sent = [people_message([make_person(1)], "anna", stamp_s=4) for _ in range(6)]
    for number, message in enumerate(sent):
        message.header.stamp.nanosec = 50_000_000 * number
        message.calibrated = number == 1
        send(message)
        graph.spin_until(lambda number=number: len(smoothed) >= number - 1)
    graph.spin_for(0.1)
    assert [m.header.stamp for m in smoothed] == [m.header.stamp for m in sent[:4]]
    assert [m.calibrated for m in smoothed] == [False, True, False, False]
    assert node.work.values()["delay [frames]"] == "2"


def test_who_has_gone_from_the_newest_frame_is_in_the_earlier_one_that_waited(graph: Any) -> None:
    start_with_engine(graph, **{"smoother.lookahead_frames": 2})
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    sent = [people_message([make_person(1)], name, stamp_s=4) for name in ("anna", "anna", "bert", "bert", "bert")]
    for number, message in enumerate(sent):
        message.header.stamp.nanosec = 50_000_000 * number
        send(message)
        graph.spin_until(lambda number=number: len(smoothed) >= number - 1)
    assert [[p.id for p in m.people] for m in smoothed] == [["anna"], ["anna"], ["bert"]]


def test_people_in_a_skeleton_that_can_not_be_smoothed_pass_with_one_warning(graph: Any) -> None:
    logged = graph.log_of("smoother_node")
    node, smoother = start(graph)
    smoother.why_unsmoothed.side_effect = lambda people: "not smoothed" if people.name == "coco17" else None
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    for number, skeleton in enumerate(["coco17", "coco17", "muco21"], start=1):
        send(people_message([make_person(1)], "anna", stamp_s=number, skeleton=skeleton))
        graph.spin_until(lambda number=number: len(smoothed) == number)
        graph.spin_for(0.05)
        assert [p.text for p in node.board.current()] == (["not smoothed"] if skeleton == "coco17" else [])
    graph.spin_until(lambda: bool(logged))
    graph.spin_for(0.2)
    assert logged == ["not smoothed"]


def test_unreadable_people_are_reported_once_and_the_next_are_smoothed(graph: Any) -> None:
    logged = graph.log_of("smoother_node")
    node, _ = start(graph)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    broken = people_message([make_person()], "anna")
    broken.skeleton = "octopus8"
    for times in (1, 2):
        broken.header.stamp.sec = times
        send(broken)
        graph.spin_until(lambda times=times: sum(node.board.counts().values()) == times)
    graph.spin_until(lambda: bool(logged))
    graph.spin_for(0.2)
    assert len(logged) == 1
    assert "octopus8" in logged[0]
    send(people_message([make_person()], "anna"))
    graph.spin_until(lambda: bool(smoothed))


def test_smoother_gets_the_settings_and_is_closed_by_cleanup(graph: Any) -> None:
    node, smoother = start(graph)
    (result,) = node.set_parameters([Parameter("smoother.max_gap_s", value=1.25)])
    assert result.successful
    assert smoother.config.max_gap_s == 1.25
    node.trigger_deactivate()
    node.trigger_cleanup()
    smoother.close.assert_called_once()
    smoother.reset.assert_called()


def test_method_may_change_while_the_node_runs_and_results_say_which_ran(graph: Any) -> None:
    node = start_with_engine(graph)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    methods = ("auto", "savitzky_golay", "one_euro", "none", "temporal_conv")
    for number, method in enumerate(methods):
        (result,) = node.set_parameters([Parameter("smoother.method", value=method)])
        assert result.successful, result.reason
        send(people_message([make_person(1)], "anna", stamp_s=4 + number))
        graph.spin_until(lambda number=number: len(smoothed) > number)
    assert [m.model.removeprefix("pose engine") for m in smoothed] == [
        " + temporal",
        " + savitzky_golay",
        " + one_euro",
        "",
        " + temporal",
    ]
    assert node.work.values()["method"] == "temporal_conv"


def test_smoother_is_told_of_the_floor_that_the_parameters_describe(graph: Any) -> None:
    node, smoother = start(graph, camera_height_m=1.5, camera_pitch_deg=-10.0)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    send = graph.publish(Person3DArray, "people")
    grounds = []
    for number, height_m in enumerate((1.5, 1.2, 0.0)):
        (result,) = node.set_parameters([Parameter("camera_height_m", value=height_m)])
        assert result.successful
        send(people_message([make_person(1)], "anna", stamp_s=4 + number))
        graph.spin_until(lambda number=number: len(smoothed) > number)
        grounds.append(smoother.update.call_args.kwargs["ground"])
    assert [None if ground is None else ground.height_m for ground in grounds] == [1.5, 1.2, None]
    np.testing.assert_allclose(grounds[0].up_cam, GroundPlane.of_mounting(1.5, -10.0).up_cam)


def test_smoother_is_told_of_the_floor_of_tf(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", Mock(TransformException=UnknownTransform, Buffer=Buffer))
    node, smoother = start(graph, floor_frame="base_footprint")
    rotation = Rotation.from_euler("x", 90, degrees=True)
    node.work._scene._frames._buffer.know("cam", "base_footprint", rotation, (0.0, 1.2, 0.0))
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    graph.publish(Person3DArray, "people")(people_message([make_person(1)], "anna"))
    graph.spin_until(lambda: bool(smoothed))
    ground = smoother.update.call_args.kwargs["ground"]
    assert (ground.origin, ground.height_m) == ("tf", pytest.approx(1.2))


def test_methods_that_are_not_there_are_refused_with_the_reason(graph: Any) -> None:
    node = start_with_net(graph, None)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    for method, reason in (("temporal_conv", "a model of the role smoother"), ("kalman", "one of 'auto'")):
        (result,) = node.set_parameters([Parameter("smoother.method", value=method)])
        assert not result.successful
        assert reason in result.reason
    assert node.config.pipeline.smoother.method == node.get_parameter("smoother.method").value == "auto"
    graph.publish(Person3DArray, "people")(people_message([make_person(1)], "anna"))
    graph.spin_until(lambda: bool(smoothed))
    assert smoothed[0].model == f"pose engine + {node.work.values()['method']}"


def test_method_that_is_not_there_at_configure_is_an_error_of_the_set_up(graph: Any) -> None:
    node = start_with_net(graph, None, **{"smoother.method": "temporal_conv"})
    assert node.lifecycle_state == "unconfigured"
    assert "a model of the role smoother" in node.board.current()[0].text


_PUBLISHER = """
import sys, time, rclpy
from pose3d_msgs.msg import Person3DArray
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter
from pose3d_ros.skeletons import get_skeleton
from std_msgs.msg import Header
namespace, model = sys.argv[1:]
rclpy.init()
node = rclpy.create_node("pose_node", namespace=namespace)
publisher = node.create_publisher(Person3DArray, "people", 10)
while True:
    header = Header(stamp=node.get_clock().now().to_msg(), frame_id="cam")
    info = PeopleInfo(get_skeleton("muco21"), model, True, 0.0)
    publisher.publish(PeopleWriter().write(header, [], info))
    time.sleep(0.05)
"""


def test_consumer_recovers_when_the_pose_node_is_killed_and_starts_again(graph: Any) -> None:
    node, _ = start(graph)
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    environment = {**os.environ, "ROS_DOMAIN_ID": str(graph.node.context.get_domain_id())}
    for life in ("first", "second"):
        with subprocess.Popen([sys.executable, "-c", _PUBLISHER, graph.namespace, life], env=environment) as process:
            graph.spin_until(lambda life=life: any(life in message.model for message in smoothed))
            process.kill()
    assert not [problem.text for problem in node.board.current() if "went back" in problem.text]
