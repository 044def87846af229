from __future__ import annotations

import gc
import re
import struct
import weakref
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray
from pose3d_msgs.msg import SkeletonInfo
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.errors import EngineError
from pose3d_ros.nodes import pose_node
from pose3d_ros.nodes.conversion import PersonNames, image_message, image_size_px
from pose3d_ros.nodes.topics import latched_qos
from pose3d_ros.stages.roots.agreement import Agreement, SolverAgreement

from .conftest import frames_of
from .rigs.pose_rig import HEIGHT, WIDTH, PoseRig, camera_info, gray_image, header, jpeg_image


def test_people_are_published_with_the_header_of_the_image(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline)
    rig.calibrate()
    message = rig.process(gray_image(3, value=77))
    assert message.header == header(3)
    assert (message.skeleton, message.model, message.calibrated) == ("muco21", "fake", True)
    assert [person.id for person in message.people] == ["ptest_1"]
    (frame,) = frames_of(pipeline)
    assert (frame.stamp_ns, frame.frame_id) == (3_000_000_005, "camera_optical_frame")
    assert frame.camera.fx_px == 40.0
    assert (frame.image_bgr == 77).all()
    rig.until_status(DiagnosticStatus.OK, "active")
    graph.spin_until(lambda: [rig.values[key] for key in ("images", "results", "people")] == ["1", "1", "1"])
    assert rig.values["backend"] == "onnxruntime (a test)"
    assert not rig.logged


def test_image_just_before_its_camera_info_is_processed(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline)
    rig.send(gray_image())
    rig.calibrate()
    assert rig.until_people().calibrated


def test_compressed_images_and_a_latched_camera_info_are_received(graph: Any, pipeline: Any) -> None:
    graph.node.create_publisher(CameraInfo, "camera_info", latched_qos()).publish(camera_info())
    rig = PoseRig(graph, pipeline, image_transport="compressed")
    graph.spin_until(lambda: rig.node.work.cameras.received > 0)
    message = rig.process(jpeg_image())
    assert message.header == header()
    assert message.calibrated


def test_skeleton_markers_and_overlay_are_published(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    overlays = graph.listen(Image, "overlay")
    rig = PoseRig(graph, pipeline, publish_overlay=True)
    skeletons = graph.listen(SkeletonInfo, "skeleton", latched_qos())
    rig.calibrate()
    rig.send(gray_image())
    graph.spin_until(lambda: bool(overlays) and any(m.action == Marker.ADD for a in markers for m in a.markers))
    assert (overlays[0].width, overlays[0].height, overlays[0].encoding) == (WIDTH, HEIGHT, "bgr8")
    assert overlays[0].header == header()
    assert {m.header.frame_id for a in markers for m in a.markers if m.action == Marker.ADD} == {header().frame_id}
    graph.spin_until(lambda: bool(skeletons))  # although it subscribed late
    assert skeletons[0].name == "muco21"


def test_who_does_not_pass_the_limits_is_in_nothing_that_is_published(graph: Any, pipeline: Any) -> None:
    markers, poses, overlays = (
        graph.listen(kind, topic)
        for kind, topic in ((MarkerArray, "markers"), (PoseArray, "poses"), (Image, "overlay"))
    )
    rig = PoseRig(graph, pipeline, publish_poses=True, publish_overlay=True)
    rig.calibrate()
    assert len(rig.process(gray_image(3, value=77)).people) == 1
    rig.node.set_parameters([Parameter("max_distance_m", value=3.0)])  # the person is 3.3 m away
    assert not rig.process(gray_image(4, value=77)).people
    graph.spin_until(lambda: len(overlays) == len(poses) == 2)
    assert [len(array.poses) for array in poses] == [1, 0]
    graph.spin_until(lambda: [m.action for m in markers[-1].markers] == [Marker.DELETE] * 3)
    assert {m.ns for m in markers[-1].markers} == {"ptest_1"}
    assert {bool((np.frombuffer(image.data, np.uint8) != 77).any()) for image in overlays} == {True, False}
    rig.until_status(DiagnosticStatus.OK, "active")


def test_markers_clear_when_the_clock_goes_back(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0)
    rig.process(gray_image(9))
    rig.send(gray_image(2))

    def actions() -> list[int]:
        return [array.markers[0].action for array in markers if array.markers]

    graph.spin_until(lambda: actions().count(Marker.ADD) == 2)
    assert actions()[actions().index(Marker.ADD) :] == [Marker.ADD, Marker.DELETEALL, Marker.ADD]


@pytest.mark.parametrize(
    ("message", "words"),
    [(gray_image(encoding="32FC1"), "32FC1"), (jpeg_image(b"no image"), "whole JPEG or PNG")],
    ids=["raw", "compressed"],
)
def test_invalid_image_is_reported_once_and_the_next_one_processed(
    graph: Any, pipeline: Any, message: Image | CompressedImage, words: str
) -> None:
    raw = isinstance(message, Image)
    rig = PoseRig(graph, pipeline, image_transport="raw" if raw else "compressed")
    rig.calibrate()
    rig.send_until_counted(message, "InputError", 3)
    rig.until_reported(DiagnosticStatus.ERROR, words)
    assert len(rig.logged) == 1
    rig.process(gray_image() if raw else jpeg_image())
    assert len(frames_of(pipeline)) == 1


@pytest.mark.parametrize(
    ("size", "words"),
    [((4000, 2000), f"{WIDTH}x{HEIGHT}"), ((65000, 65000), "65000x65000, by its header")],
    ids=["not the camera's", "too large"],
)
def test_images_of_a_wrong_size_are_not_decoded(graph: Any, pipeline: Any, size: tuple[int, int], words: str) -> None:
    start_of_frame = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, size[1], size[0], 3)
    rig = PoseRig(graph, pipeline, image_transport="compressed")
    rig.calibrate()
    rig.send(jpeg_image(start_of_frame))  # decoding would say that it is cut short
    assert "cut short" not in rig.until_reported(DiagnosticStatus.ERROR, words).message
    rig.process(jpeg_image())


@pytest.mark.parametrize(
    ("changes", "words"),
    [(None, "none so far"), ({"k": [0.0] * 9}, "zeros"), ({"width": 640, "height": 480}, "640x480")],
)
def test_invalid_camera_info_is_reported_once_until_a_valid_one_arrives(
    graph: Any, pipeline: Any, changes: dict[str, Any] | None, words: str
) -> None:
    rig = PoseRig(graph, pipeline)
    if changes is not None:
        rig.calibrate(**changes)
    rig.send_until_counted(gray_image(), "CameraError")
    status = rig.until_reported(DiagnosticStatus.ERROR, words)
    assert f"{graph.namespace}/camera_info" in status.message
    assert "fallback_hfov_deg" in status.message
    assert not rig.people
    pipeline.assert_not_called()
    rig.calibrate()
    rig.process()


def test_people_of_a_fallback_field_of_view_are_uncalibrated(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0)
    assert not rig.process().calibrated
    assert frames_of(pipeline)[0].camera.fx_px == pytest.approx(WIDTH / 2)
    rig.until_status(DiagnosticStatus.WARN, "guess")
    rig.calibrate()
    assert rig.process().calibrated


@pytest.mark.parametrize(
    "error", [EngineError("engine", expected="numbers", got="a fault", fix="Look."), ValueError("bug")]
)
def test_pipeline_error_drops_one_frame(graph: Any, pipeline: Any, error: Exception) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0)
    pipeline.side_effect = error
    rig.send_until_counted(gray_image(), type(error).__name__)
    rig.until_reported(DiagnosticStatus.ERROR, str(error))
    pipeline.side_effect = None
    rig.process()


def test_engine_on_a_fallback_backend_is_a_warning_until_it_recovers(graph: Any, pipeline: Any) -> None:
    pipeline.engine_problems = ("pose runs on onnxruntime: no plan yet",)
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=60.0)
    rig.until_reported(DiagnosticStatus.WARN, "pose runs on onnxruntime: no plan yet")
    assert rig.values["runs on"] == "fake: nothing runs it"
    pipeline.engine_problems = ()
    graph.spin_until(lambda: rig.status is not None and "no plan yet" not in rig.status.message)


def test_solvers_shares_and_a_lasting_disagreement_are_in_diagnostics(graph: Any, pipeline: Any) -> None:
    shown = {"ground": SolverAgreement(0.62, 0.02), "stature": SolverAgreement(0.3, float("nan"))}
    agreement = Mock(Agreement, **{"solvers.return_value": shown, "problems.return_value": {"floor disagrees": "7 cm"}})
    pipeline.root_agreement = agreement
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=60.0)
    rig.until_reported(DiagnosticStatus.WARN, "7 cm")
    assert rig.values["root ground"] == "62% of the weight, +2.0% from the fused distance"
    assert rig.values["root stature"] == "30% of the weight"
    agreement.problems.return_value = {"floor disagrees": ""}
    graph.spin_until(lambda: rig.status is not None and "7 cm" not in rig.status.message)


def test_watchdog_explains_why_no_image_arrives(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, watchdog_timeout_s=0.2)
    status = rig.until_reported(DiagnosticStatus.WARN, "no message arrives")
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in status.message


def test_watchdog_reports_a_topic_without_a_publisher(graph: Any, pipeline: Any) -> None:
    node = graph.add_pose_node(pipeline, work_without_subscribers=True, watchdog_timeout_s=0.2)
    graph.spin_until(lambda: any("no publisher on" in p.text for p in node.board.current()))


@pytest.mark.parametrize("changes", [None, {"k": [0.0] * 9}, {"width": 640}], ids=["none", "zeros", "size"])
def test_images_without_a_camera_info_do_not_stay_in_memory(
    graph: Any, pipeline: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any] | None
) -> None:
    alive = [0, 0]  # now, at most

    def counted(message: Image, max_pixels: int) -> tuple[int, int]:
        alive[0] += 1
        alive[1] = max(alive)
        weakref.finalize(message.data, lambda: alive.__setitem__(0, alive[0] - 1))
        return image_size_px(message, max_pixels)

    monkeypatch.setattr(pose_node, "image_size_px", counted)
    rig = PoseRig(graph, pipeline)
    if changes is not None:
        rig.calibrate(**changes)
    gc.disable()  # not even until the garbage collector comes
    try:
        for number in range(1, 1001):
            rig.send(gray_image())
            while sum(rig.node.board.counts().values()) < number:
                graph.spin_once(0.001)
    finally:
        gc.enable()
    assert alive[1] <= 2


def test_ids_are_never_used_again_in_a_process_nor_after_a_restart(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, id_tag="")
    ids = [rig.process(gray_image(10)).people[0].id]
    for number in (11, 12):
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            getattr(rig.node, f"trigger_{transition}")()
        graph.spin_until(lambda: rig.node.work is not None and rig.node.work._queue is not None)
        graph.spin_for(0.1)
        seen = len([m for m in rig.people if m.people])
        rig.send(gray_image(number))
        graph.spin_until(lambda seen=seen: len([m for m in rig.people if m.people]) > seen)
        ids.append(rig.people[-1].people[0].id)
    tag = ids[0].removesuffix("_1")
    assert re.fullmatch("p[0-9a-z]{4}", tag)
    assert ids == [f"{tag}_1", f"{tag}_2", f"{tag}_3"]
    again = PersonNames()
    again.begin("")
    assert again.name_of(1) != ids[0]


def test_camera_info_that_flaps_costs_only_the_images_without_one(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline)
    for number in range(4):
        rig.calibrate(k=[0.0] * 9)
        counts = sum(rig.node.board.counts().values())
        rig.send(gray_image(10 + 2 * number))
        graph.spin_until(lambda counts=counts: sum(rig.node.board.counts().values()) > counts)
        rig.calibrate()
        rig.process(gray_image(11 + 2 * number))
    assert [frame.stamp_ns // 10**9 for frame in frames_of(pipeline)] == [11, 13, 15, 17]
    pipeline.reset.assert_called_once()  # by activation


def test_images_whose_size_changes_are_processed_with_the_camera_of_their_size(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline)
    for number, factor in enumerate((1, 2, 1, 3)):
        size = {"width": factor * WIDTH, "height": factor * HEIGHT}
        rig.calibrate(**size, k=[factor * 40.0, 0.0, 15.5, 0.0, factor * 40.0, 11.5, 0.0, 0.0, 1.0])
        image = image_message(header(10 + number), np.zeros((size["height"], size["width"], 3), np.uint8))
        rig.process(image)
        frame = frames_of(pipeline)[-1]
        assert frame.image_bgr.shape == (size["height"], size["width"], 3)
        assert frame.camera.fx_px == factor * 40.0
    pipeline.reset.assert_called_once()
