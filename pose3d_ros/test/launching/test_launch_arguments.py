from __future__ import annotations

from collections.abc import Iterable

import pytest

from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.camera_presets import PRESETS
from pose3d_ros.launching.launch_arguments import (
    CAMERAS,
    DEMO,
    POSE3D,
    LaunchArgument,
    likely_misspelled,
    parse_arguments,
    raise_all,
    unknown_arguments,
)


def argument(name: str, arguments: Iterable[LaunchArgument] = DEMO) -> LaunchArgument:
    (found,) = (one for one in arguments if one.name == name)
    return found


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "on", " true "])
def test_every_way_to_say_yes_is_true(text: str) -> None:
    assert argument("use_sim_time").parse(text) is True
    assert argument("publish_tf").parse(text) is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "NO", "off"])
def test_every_way_to_say_no_is_false(text: str) -> None:
    assert argument("smoother").parse(text) is False
    assert argument("autostart").parse(text) is False


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("threads", "4", 4),
        ("rate", "1e-1", 0.1),
        ("fallback_hfov_deg", "60", 60.0),
        ("backend", "onnxruntime", "onnxruntime"),
        ("image_topic", "/camera/image_raw", "/camera/image_raw"),
        ("image_topic", "~/image", "~/image"),
        ("namespace", "robot/front", "robot/front"),
        ("target_frame", "base_link", "base_link"),
        ("target_frame", "", None),
        ("engines", " ", None),
    ],
)
def test_text_is_read_as_its_type(name: str, text: str, value: object) -> None:
    assert argument(name).parse(text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("use_sim_time", "maybe", ["true or false", "'maybe'", "use_sim_time:=true"]),
        ("publish_overlay", "2", ["true or false", "'2'"]),
        ("threads", "four", ["integer from 0 to 256", "'four'"]),
        ("threads", "4.0", ["integer"]),
        ("threads", "-1", ["from 0 to 256", "-1"]),
        ("fallback_hfov_deg", "200", ["170"]),
        ("fallback_hfov_deg", "nan", ["float"]),
        ("rate", "fast", ["a number", "'fast'"]),
        ("rate", "1e999", ["a number"]),
        ("backend", "tensor_rt", ["'tensorrt'", "Did you mean backend:=tensorrt?"]),
        ("image_reliability", "Reliable", ["Did you mean image_reliability:=reliable?"]),
        ("log_level", "warning", ["debug, info, warn", "Did you mean log_level:=warn?"]),
        ("camera", "realsense2", ["usb_cam", "Did you mean camera:=realsense?"]),
        ("image_topic", "camera image", ["a topic's name", "'camera image'"]),
        ("image_topic", "/camera//image", ["a topic's name"]),
        ("image_topic", "/camera/", ["a topic's name"]),
        ("namespace", "front-left", ["a namespace"]),
        ("target_frame", "/base_link", ["without a slash"]),
        ("engines", "a\nb", ["engines"]),
    ],
)
def test_wrong_text_is_refused_with_the_arguments_name(name: str, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        argument(name).parse(text)
    assert caught.value.subject == f"launch argument {name}"
    for word in words:
        assert word in str(caught.value)


def test_every_wrong_argument_is_named_at_once() -> None:
    texts = {"smoother": "si", "threads": "many", "image_topic": "/cam/image_raw/compressed", "rviz": "0"}
    with pytest.raises(ConfigError) as caught:
        parse_arguments(POSE3D, texts)
    for words in ("smoother", "'si'", "threads", "'many'", "image_topic:=/cam/image_raw image_transport:=compressed"):
        assert words in str(caught.value)


def test_transports_that_are_not_read_are_no_fix() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_arguments(POSE3D, {"image_topic": "/cam/image_raw/theora"})
    assert caught.value.fix == "Write image_topic:=/cam/image_raw."


def test_empty_texts_are_left_to_the_parameter_file() -> None:
    values = parse_arguments(POSE3D, {"image_transport": "", "threads": "2"})
    assert values["threads"] == 2
    assert "image_transport" not in values
    assert values["smoother"] is True  # the default


@pytest.mark.parametrize("arguments", [POSE3D, DEMO, CAMERAS])
def test_arguments_are_described_and_have_defaults_that_are_read(arguments: tuple[LaunchArgument, ...]) -> None:
    names = [one.name for one in arguments]
    assert len(set(names)) == len(names)
    assert all(one.description.endswith(".") for one in arguments)
    parse_arguments(arguments, {})


def test_arguments_that_set_parameters_have_their_names() -> None:
    for one in POSE3D:
        frames = ("target_frame", "fixed_frame")  # one goes to the last node, one is RViz's
        assert one.parameter == (one.name in PARAMETERS) or one.name in frames
    assert argument("camera").choices == tuple(PRESETS)


def test_unknown_argument_is_named_with_the_nearest() -> None:
    known = [one.name for one in POSE3D]
    (error,) = unknown_arguments(["image_topc", "rviz", "sigterm_timeout"], known)
    assert "'image_topc'" in str(error)
    assert "image_topic:=" in error.fix
    (error,) = unknown_arguments(["qqq"], known)
    assert "--show-args" in error.fix
    raise_all([])


def test_only_near_names_of_other_launch_files_are_misspelled() -> None:
    known = [one.name for one in POSE3D]
    names = ["image_topc", "map", "slam", "image_topic", "params", "autostarts"]
    assert likely_misspelled(names, known) == [("image_topc", "image_topic"), ("autostarts", "autostart")]
