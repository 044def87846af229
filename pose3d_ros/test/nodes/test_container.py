"""Cameras in one process: each with nodes, parameters and faults of its own, over engines and a thread of all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from pose3d_msgs.msg import Person3DArray
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import ConfigError, EngineError
from pose3d_ros.launching.container_process import cameras_of
from pose3d_ros.nodes import container as module
from pose3d_ros.nodes.container import CameraEntry, Container
from pose3d_ros.records import Frame, FrameResult

from .rigs.pose_rig import gray_image

FILE = """
cameras:
  front: {parameters: {engines: embedded, engine_cache: front, fallback_hfov_deg: 90.0, id_tag: front}}
  rear:
    parameters: {engines: embedded, engine_cache: rear, fallback_hfov_deg: 90.0, id_tag: rear, detector.max_people: 3}
"""

Start = Callable[..., Container]


class Pipelines:
    """Opens a pipeline of each camera, told by its engine_cache; `wrong` says what one of them does instead."""

    def __init__(self, pipeline: Mock) -> None:
        self.configs: dict[str, PipelineConfig] = {}
        self.threads: set[int] = set()
        self.wrong: dict[str, Exception] = {}
        self._pipeline = pipeline

    def open(self, *, config: PipelineConfig, **_: Any) -> Any:
        name = config.engine.engine_cache
        self.configs[name] = config
        if config.engine.engines == "/nowhere":
            raise EngineError("engine", expected="a file", got="none in /nowhere", fix="Get it.")
        result: FrameResult = self._pipeline.return_value

        def run(frame: Frame, *_: object) -> FrameResult:
            self.threads.add(threading.get_ident())
            if name in self.wrong:
                raise self.wrong[name]
            return result

        made = Mock(side_effect=run)
        for attribute in ("skeleton", "engine_problems", "root_agreement", "engines"):
            setattr(made, attribute, getattr(self._pipeline, attribute))
        return made


@pytest.fixture
def pipelines(pipeline: Mock, monkeypatch: pytest.MonkeyPatch) -> Pipelines:
    made = Pipelines(pipeline)
    monkeypatch.setattr(module, "open_pipeline", made.open)
    return made


@pytest.fixture
def start(graph: Any, pipelines: Pipelines, tmp_path: Path) -> Iterator[Start]:
    """Starts a container of cameras, in the graph's namespace."""
    opened: list[Container] = []

    def start_container(cameras: str = FILE, **parameters: object) -> Container:
        if "\n" in cameras:
            (tmp_path / "cameras.yaml").write_text(cameras, encoding="utf-8")
            cameras = str(tmp_path / "cameras.yaml")
        opened.append(graph.add(Container(cameras_of, **graph.options(cameras=cameras, **parameters))))
        opened[-1].open()
        return opened[-1]

    yield start_container
    for container in opened:
        container.close()


def states(container: Container) -> dict[str, str]:
    return {
        node.get_fully_qualified_name().split("/", 2)[2]: node.lifecycle_state
        for thread in container.threads
        for node in thread.nodes
    }


def settled(graph: Any, container: Container, **expected: str) -> None:
    wanted = {f"{name}/{node}": to for name, to in expected.items() for node in ("pose_node", "smoother_node")}
    graph.spin_until(lambda: wanted.items() <= states(container).items())


def test_each_camera_has_nodes_and_parameters_of_its_own(graph: Any, start: Start, pipelines: Pipelines) -> None:
    container = start()
    settled(graph, container, front="active", rear="active")
    assert set(states(container)) == {
        f"{camera}/{node}" for camera in ("front", "rear") for node in ("pose_node", "smoother_node")
    }
    assert pipelines.configs["rear"].detector.max_people == 3
    assert pipelines.configs["front"].detector.max_people == PipelineConfig().detector.max_people
    assert not [problem for thread in container.threads for node in thread.nodes for problem in node.board.current()]


def test_images_of_all_cameras_are_worked_on_in_one_thread_and_ids_are_each_ones_own(
    graph: Any, start: Start, pipelines: Pipelines
) -> None:
    settled(graph, start(), front="active", rear="active")
    got = {name: graph.listen(Person3DArray, f"{name}/people_smoothed") for name in ("front", "rear")}
    for name, messages in got.items():
        graph.publish(Image, f"{name}/image_raw")(gray_image())
        graph.spin_until(lambda messages=messages: bool(messages))
    assert len(pipelines.threads) == 1
    assert {name: [p.id for p in messages[0].people] for name, messages in got.items()} == {
        "front": ["pfront_1"],
        "rear": ["prear_1"],
    }


def test_camera_that_can_not_be_configured_leaves_the_other_working(graph: Any, start: Start) -> None:
    container = start(FILE.replace("engines: embedded", "engines: /nowhere", 1))
    settled(graph, container, front="unconfigured", rear="active")
    people = graph.listen(Person3DArray, "rear/people")
    graph.publish(Image, "rear/image_raw")(gray_image())
    graph.spin_until(lambda: bool(people))


@pytest.mark.parametrize("error", [EngineError("engine", expected="a", got="b", fix="C."), RuntimeError("a bug")])
def test_camera_that_fails_at_every_frame_leaves_the_other_working(
    graph: Any, start: Start, pipelines: Pipelines, error: Exception
) -> None:
    settled(graph, start(), front="active", rear="active")
    pipelines.wrong["front"] = error
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    people = {name: graph.listen(Person3DArray, f"{name}/people") for name in ("front", "rear")}
    send = {name: graph.publish(Image, f"{name}/image_raw") for name in ("front", "rear")}
    for seconds in (3, 4):
        for name in ("front", "rear"):
            send[name](gray_image(seconds))
        graph.spin_until(lambda seconds=seconds: len(people["rear"]) == seconds - 2)
    assert not people["front"]

    def level(name: str) -> Any:
        return getattr(graph.status_of(diagnostics, f"{name}/pose_node"), "level", None)

    graph.spin_until(lambda: level("front") == DiagnosticStatus.ERROR and level("rear") == DiagnosticStatus.WARN)


def test_unexpected_error_of_a_callback_ends_nothing(graph: Any, start: Start) -> None:
    container = start()
    settled(graph, container, front="active", rear="active")
    front = container.threads[0].nodes[0]

    def fail() -> None:
        timer.cancel()
        raise ValueError("a bug in a callback")

    timer = front.create_timer(0.01, fail)
    graph.spin_until(lambda: any("a bug in a callback" in problem.text for problem in front.board.current()))
    people = graph.listen(Person3DArray, "front/people")
    graph.publish(Image, "front/image_raw")(gray_image())
    graph.spin_until(lambda: bool(people))


def test_lifecycle_of_one_camera_is_its_own(graph: Any, start: Start) -> None:
    container = start()
    settled(graph, container, front="active", rear="active")
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert graph.call(ChangeState, "front/pose_node/change_state", request).success
    assert states(container) == {
        "front/pose_node": "inactive",
        "front/smoother_node": "active",
        "rear/pose_node": "active",
        "rear/smoother_node": "active",
    }


def test_arguments_of_a_node_place_and_remap_it() -> None:
    entry = CameraEntry("front", {"image_raw": "/usb/image_raw"}, params_file="own.yaml")
    for base in ("/", "/robot"):
        place = "/front" if base == "/" else "/robot/front"
        words = ["-r", "__node:=pose_node", "-r", f"__ns:={place}", "-r", "image_raw:=/usb/image_raw"]
        assert entry.arguments("pose_node", base) == ["--ros-args", *words, "--params-file", "own.yaml"]
        assert f"__ns:={base}" in CameraEntry().arguments("pose_node", base)
    assert "__ns:=/alone" in CameraEntry("/alone").arguments("pose_node", "/robot")


def test_wrong_namespace_leaves_that_camera_out(graph: Any, start: Start) -> None:
    container = start("a b, rear")
    assert [thread.nodes[0].get_namespace() for thread in container.threads] == [f"{graph.namespace}/rear"]
    with pytest.raises(ConfigError, match="at least one"):
        start("a b, c d")


def test_single_camera_has_the_namespace_of_the_process(graph: Any, start: Start) -> None:
    container = start("")
    assert set(states(container)) == {"pose_node", "smoother_node"}


def test_engines_are_loaded_once_for_all_cameras(graph: Any, tmp_path: Path) -> None:
    names = "front, rear, left"
    overrides = [Parameter("cameras", value=names)]
    made = graph.add(Container(cameras_of, namespace=graph.namespace, parameter_overrides=overrides))
    # Of the nodes, which get their parameters from the process: none here, so the embedded models or those of the user.
    made.open()
    try:
        settled(graph, made, front="active", rear="active", left="active")
        opened = {
            name
            for thread in made.threads
            for node in thread.nodes
            if node.work is not None
            for name in node.work.values()["engines"].split(" + ")
        }
        assert len(made.pool) == len(opened) > 1
    finally:
        made.close()
    assert len(made.pool) == 0


def test_container_passes_over_parameters_of_its_nodes(graph: Any, start: Start) -> None:
    container = start(threads=3)  # as `-p threads:=3` gives it to every node of the process
    settled(graph, container, front="active")
    assert not container.has_parameter("threads")
    with pytest.raises(ConfigError, match="thraeds"):
        start(thraeds=3)
