"""The arguments of the launch files as one table: what each means, and how its text is read, strictly."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pose3d_ros.config.parameter_table import Value
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.launching.camera_presets import PRESETS
from pose3d_ros.reading.numbers import is_number

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_EXPECTED_BOOLEAN = "true or false (also 1/0, yes/no, on/off)"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*"
_TOPIC = rf"(?:~/|/)?{_NAME}"
_NAMESPACE = rf"/|/?{_NAME}"
_FRAME = r"[^\s/]\S*"
_TRANSPORTS = ("compressed", "compressedDepth", "theora", "ffmpeg", "zstd")
_MOST_CHARACTERS = 4096
OF_LAUNCH = frozenset(("emulate_tty", "launch-prefix", "launch-prefix-filter", "sigkill_timeout", "sigterm_timeout"))
"""Launch configurations that launch and launch_ros read themselves."""


@dataclass(frozen=True)
class LaunchArgument:
    """An argument of a launch file.

    default: as text; empty leaves the value to params_file, or to what the description says. kind: bool, int, float or
    str. choices: allowed texts, pattern: what a text must match, in words: `expected`. parameter: whether it sets the
    nodes' parameter of this name, which gives type, range and choices.
    """

    name: str
    default: str
    description: str
    kind: type = str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    expected: str = ""
    parameter: bool = False

    def parse(self, text: str) -> Value | None:
        """The value of a text, None for an empty one. Raises ConfigError."""
        text = text.strip()
        if not text:
            return None
        kind = PARAMETERS[self.name].type if self.parameter else self.kind
        if len(text) > _MOST_CHARACTERS or not text.isprintable():
            raise self._error(self._words(), shown(text))
        value = _scalar(text, kind)
        if value is None:
            raise self._error(self._words(), shown(text))
        if self.parameter:
            return self._in_range(value)
        if (self.choices and text not in self.choices) or (self.pattern and not re.fullmatch(self.pattern, text)):
            raise self._error(self._words(), shown(text), self._nearest(text))
        return value

    def _in_range(self, value: Value) -> Value:
        try:
            return PARAMETERS[self.name].check(value)
        except ConfigError as error:
            raise self._error(self._words(), error.got, self._nearest(str(value))) from error

    def _words(self) -> str:
        """What is expected."""
        if self.parameter:
            parameter = PARAMETERS[self.name]
            return _EXPECTED_BOOLEAN if parameter.type is bool else parameter.expected
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return self.expected or {bool: _EXPECTED_BOOLEAN, int: "an integer", float: "a number"}.get(self.kind, "a text")

    def _nearest(self, text: str) -> str:
        choices = PARAMETERS[self.name].choices if self.parameter else self.choices
        near = difflib.get_close_matches(text.lower(), choices, n=1)
        return near[0] if near else ""

    def _error(self, expected: str, got: str, nearest: str = "") -> ConfigError:
        fix = f"Correct it, or leave it out. It is: {self.description}"
        if nearest:
            fix = f"Did you mean {self.name}:={nearest}?"
        elif expected == _EXPECTED_BOOLEAN:
            fix = f"Write {self.name}:=true or {self.name}:=false."
        return ConfigError(f"launch argument {self.name}", expected=expected, got=got, fix=fix)


def _scalar(text: str, kind: type) -> Value | None:
    """A text as a value of that type; None for any other text."""
    if kind is bool:
        return _BOOLEANS.get(text.lower())
    if kind is int:
        return int(text) if re.fullmatch(r"[-+]?[0-9]{1,18}", text) else None
    if kind is float:
        found = re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", text)
        return float(text) if found and is_number(float(text)) else None
    return text


def with_defaults(arguments: Iterable[LaunchArgument], **defaults: str) -> tuple[LaunchArgument, ...]:
    """The arguments with other defaults, by name."""
    return tuple(replace(one, default=defaults.get(one.name, one.default)) for one in arguments)


def _parameter(name: str, description: str, default: str = "") -> LaunchArgument:
    choices = PARAMETERS[name].choices
    text = f"{description} One of {', '.join(choices)}." if choices else description
    return LaunchArgument(name, default, text, parameter=True)


def _topic(name: str, description: str, default: str = "") -> LaunchArgument:
    words = "a topic's name, such as /camera/image_raw"
    return LaunchArgument(name, default, description, pattern=_TOPIC, expected=words)


def _boolean(name: str, default: str, description: str) -> LaunchArgument:
    return LaunchArgument(name, default, description, kind=bool)


def _frame(name: str, description: str) -> LaunchArgument:
    words = "the name of a TF frame, without a slash in front"
    return LaunchArgument(name, "", description, pattern=_FRAME, expected=words)


CAMERA = (
    LaunchArgument(
        "camera", "", f"Topics of a driver's defaults. One of {', '.join(PRESETS)}.", choices=tuple(PRESETS)
    ),
    _topic("image_topic", "Image topic, without the transport's suffix; image_raw unless camera names it."),
    _topic("camera_info_topic", "Its sensor_msgs/CameraInfo; camera_info unless camera names it."),
    LaunchArgument(
        "namespace",
        "",
        "Namespace of the nodes and their topics; use one namespace per camera.",
        pattern=_NAMESPACE,
        expected="a namespace, such as front or /robot/front",
    ),
    LaunchArgument("params_file", "", "Parameters of the nodes (YAML); config/pose3d.yaml of this package."),
    _boolean("smoother", "true", "Also start smoother_node."),
    _parameter("image_transport", "Image transport."),
    _parameter("image_reliability", "QoS reliability of the image subscription."),
    _parameter("rectified", "The images are rectified, whatever their topic's name: their camera is P, not K."),
    _parameter("fallback_hfov_deg", "Horizontal field of view to assume without a camera_info, degrees; 0: none."),
    _parameter("publish_overlay", "Publish the image with the skeletons drawn on it; true with rviz."),
    _frame("target_frame", "TF frame to publish people in; of the last node, so the smoother if there is one."),
    _parameter("publish_tf", "Broadcast each person's root as a TF frame, from the last node."),
    _parameter("engines", "Models: auto, embedded, mediapipe-full, or a folder with a manifest.yaml."),
    _parameter("preset", "Values of parameters that are not given; light: for small boards."),
    _parameter("backend", "Inference backend."),
    _parameter("max_rate_hz", "Images that come more often are left out; 0: none is."),
    _parameter("threads", "CPU threads of each engine; 0 lets the backend choose."),
)
"""Those that may differ from camera to camera."""

SYSTEM = (
    _parameter("autostart", "Configure and activate without waiting for a lifecycle manager."),
    _boolean("lifecycle_manager", "false", "Also start nav2_lifecycle_manager, which then starts the nodes."),
    _boolean("container", "false", "One process for the nodes of all cameras, which load each model once."),
    _boolean("respawn", "false", "Start a node again, after 2 s, when its process ends."),
    LaunchArgument(
        "log_level", "info", "Least severity of the nodes' log.", choices=("debug", "info", "warn", "error", "fatal")
    ),
    LaunchArgument(
        "enclave",
        "",
        "SROS 2: the nodes' enclaves are this one and each node's name below it, such as /pose3d.",
        pattern=rf"/{_NAME}",
        expected="an enclave's path, such as /pose3d",
    ),
    _boolean("use_sim_time", "false", "Use simulation time (/clock)."),
    _boolean("rviz", "false", "Also start RViz."),
    _frame("fixed_frame", "RViz's fixed frame; target_frame, else the frame_id of the images."),
    LaunchArgument("foxglove_layout", "", "Write a layout for Foxglove with these topics to this file (JSON)."),
)
"""Those that hold for all nodes."""

_HRI = _boolean("hri", "false", "Also start hri_bridge: people as bodies of REP-155, under /humans/bodies.")
POSE3D = (*CAMERA[:6], *SYSTEM, _HRI, *CAMERA[6:])
"""The arguments of pose3d.launch.py."""


DEMO = (
    LaunchArgument("bag", "", "Recording to play; the sample recording of this package."),
    LaunchArgument("rate", "1.0", "Playback rate; 1 is real time.", kind=float),
    _boolean("loop", "true", "Loop the recording."),
    *with_defaults(
        POSE3D,
        image_topic="/camera/image_raw",
        camera_info_topic="/camera/camera_info",
        image_transport="compressed",
        publish_overlay="true",
        rviz="true",
    ),
)
"""The arguments of demo.launch.py."""

CAMERAS = (
    LaunchArgument("cameras", "", "The cameras, their topics and what else differs (YAML); see config/cameras.yaml."),
    _boolean("fusion", "false", "Also start fusion_node: people of all cameras as one set, in target_frame."),
    *(one for one in POSE3D if one.name not in ("namespace", "image_topic", "camera_info_topic", "hri")),
)
"""The arguments of cameras.launch.py."""


def parse_arguments(arguments: Iterable[LaunchArgument], texts: Mapping[str, str]) -> dict[str, Value]:
    """The values of a launch's texts, without the empty ones.

    Raises
    ------
    ConfigError
        For the first wrong text; its message names every other one as well.
    """
    values: dict[str, Value] = {}
    errors: list[ConfigError] = []
    for argument in arguments:
        try:
            value = argument.parse(texts.get(argument.name, argument.default))
        except ConfigError as error:
            errors.append(error)
        else:
            if value is not None:
                values[argument.name] = value
    errors += _with_transport(values)
    raise_all(errors)
    return values


def raise_all(errors: Sequence[ConfigError]) -> None:
    """Raise the first error, whose fix tells the others as well; nothing without errors."""
    if errors:
        first, *others = errors
        fix = " ".join([first.fix, *(f"Besides, {error}" for error in others)])
        raise ConfigError(first.subject, expected=first.expected, got=first.got, fix=fix)


def _with_transport(values: Mapping[str, Value]) -> list[ConfigError]:
    """An error for an image topic that names its transport, as `ros2 topic list` shows it."""
    base, _, last = str(values.get("image_topic", "")).rpartition("/")
    if not base or last not in _TRANSPORTS:
        return []
    transport = f" image_transport:={last}" if last == "compressed" else ""
    return [
        ConfigError(
            "launch argument image_topic",
            expected="the topic without the transport's suffix",
            got=repr(f"{base}/{last}"),
            fix=f"Write image_topic:={base}{transport}.",
        )
    ]


def unknown_arguments(given: Iterable[str], known: Iterable[str]) -> list[ConfigError]:
    """An error for each name given on the command line that no argument has and launch does not read itself."""
    known = sorted(known)
    errors = []
    for name in given:
        if name not in known and name not in OF_LAUNCH:
            near = difflib.get_close_matches(name[:100], known, n=1)
            fix = f"Did you mean {near[0]}:=…?" if near else "--show-args lists them."
            errors.append(ConfigError("launch argument", expected="a known name", got=shown(name), fix=fix))
    return errors


def likely_misspelled(names: Iterable[str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Names that are nearly one of the known: (name, the known one).

    For a launch file that is included: other names may be the arguments of the launch files around it.
    """
    known = sorted(known)
    pairs = []
    for name in names:
        near = [] if name in known else difflib.get_close_matches(name[:100], known, n=1, cutoff=0.85)
        pairs += [(name, one) for one in near]
    return pairs
