"""What is wrong with a command of the documentation: its program, sub-command, options, files, topics, parameters."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import yaml

from docs_check.pages import ROOT
from docs_check.source_names import (
    DRIVERS,
    LAUNCH_ARGUMENTS,
    MAKE_TARGETS,
    NODE_NAMES,
    SCRIPTS,
    TOOL_PARAMETERS,
    constants,
)
from pose3d_ros.cli.main import build_parser
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.errors import ConfigError

# Options that the documentation uses of programs that are not ours.
_OPTIONS: Mapping[str, set[str]] = MappingProxyType(
    {
        "colcon build": {"--packages-up-to", "--packages-select"},
        "rosdep install": {"--from-paths", "--ignore-src", "--skip-keys", "-y"},
        "pip install": {"-e"},
        "git clone": set(),
        "git tag": {"-a", "-m"},
        "git push": set(),
        "git commit": {"-a", "-m", "-am"},
        "torchrun": {"--nproc-per-node", "--nnodes", "-m"},
        "tensorboard": {"--logdir"},
        "sysctl": {"-w"},
        "systemctl enable": {"--now"},
        "cp": {"-r"},
        "apt-get install": {"-y"},
        "pre-commit install": set(),
        "bloom-release": {"--rosdistro"},
    }
)
RECIPES = ROOT / "pose3d_training/pose3d_training/recipes"
_NODES = ("/pose_node", "/smoother_node", "/bag_player")
_TRANSITIONS = ("configure", "activate", "deactivate", "cleanup", "shutdown")
_ASSIGNED = re.compile(r"([\w.]+):=(.*)")
_SERVICES = {"/pose_node/enable": "enable", "/smoother_node/enable": "enable", "/bag_player/pause": "pause"}


def problems(line: str) -> list[str]:
    """What is wrong with a line of shell; empty if all of it exists."""
    found = []
    for part in re.split(r"\s*(?:&&|\|\||;|\|)\s*", line):
        words = shlex.split(part)
        while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", words[0])):
            words.pop(0)
        if words:
            found += [f"{part}: {problem}" for problem in _command(words)]
    return found


def _command(words: Sequence[str]) -> list[str]:
    program, rest = words[0], list(words[1:])
    if program in _OURS:
        return _OURS[program](rest)
    if program in ("cd", "export"):
        return []
    if program.startswith("tools/"):
        return [] if (ROOT / program).is_file() else [f"no script {program}"]
    key = next((key for key in _OPTIONS if words[: len(key.split())] == key.split()), None)
    if key is None:
        return [f"unknown program or sub-command {' '.join(words[:2])!r}"]
    if program == "git" and rest[0] == "clone" and not rest[1].startswith("https://"):
        return [f"no address: {rest[1]}"]
    if program == "torchrun":
        return _python(rest[rest.index("-m") :])
    used = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    return [f"unknown option {option}" for option in sorted(used - _OPTIONS[key])]


def _pose3d(rest: list[str]) -> list[str]:
    """The command's own parser reads it: options, choices, and what is required."""
    command = rest[0] if rest else ""
    if command == "COMMAND":
        return []
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            build_parser(command).parse_args(rest)
        except SystemExit as stop:
            if stop.code:
                return [errors.getvalue().strip().splitlines()[-1]]
    recipe = rest[1] if command == "train" else ""
    known = not recipe or recipe.endswith(".yaml") or (RECIPES / f"{recipe}.yaml").is_file()
    return _assignments(_values_of(rest, "--param"), "=") + ([] if known else [f"no recipe {recipe}"])


def _values_of(rest: Sequence[str], option: str) -> list[str]:
    return [value for word, value in pairwise(rest) if word == option]


def _assignments(texts: Sequence[str], sign: str) -> list[str]:
    found = []
    for text in texts:
        name, _, value = text.partition(sign)
        found += _parameter(name, value)
    return found


def _parameter(name: str, value: str) -> list[str]:
    if name not in PARAMETERS:
        return [f"unknown parameter {name}"]
    try:
        PARAMETERS[name].check(yaml.safe_load(value))
    except ConfigError as error:
        return [str(error)]
    return []


def _python(rest: list[str]) -> list[str]:
    """A script or module of ours and the options that occur in it."""
    if rest[0] == "-m":
        package = rest[1].split(".")[0]
        path = ROOT / package / (rest[1].replace(".", "/") + ".py")
        rest = rest[1:]
    else:
        path = ROOT / rest[0]
    if not path.is_file():
        return [f"no file {rest[0]}"]
    if path.parts[-2:] == ("cli", "main.py"):
        return _pose3d(rest[1:])
    used = {word.split("=")[0] for word in rest[1:] if word.startswith("--")}
    return [f"unknown option {option}" for option in sorted(used - constants(path))]


def _make(rest: list[str]) -> list[str]:
    targets = [word for word in rest if "=" not in word]
    return [f"no target {target}" for target in targets if target not in MAKE_TARGETS]


def _source(rest: list[str]) -> list[str]:
    made = ("install/", "/opt/ros/")
    return [] if rest[0].startswith(made) or (ROOT / rest[0]).is_file() else [f"no file {rest[0]}"]


def _ros2(rest: list[str]) -> list[str]:
    verb, words = rest[0], rest[1:]
    if " ".join(("ros2", *rest)) in DRIVERS:
        return []
    if verb not in _ROS2:
        return [f"unknown verb {verb}"]
    return _ROS2[verb](words)


def _launch(words: list[str]) -> list[str]:
    if words[0] != "pose3d_ros" or words[1] not in LAUNCH_ARGUMENTS:
        return [f"no launch file {words[:2]}"]
    given = [match[1] for word in words if (match := _ASSIGNED.fullmatch(word))]
    extra = [word for word in words[2:] if ":=" not in word and word != "--show-args"]
    unknown = [name for name in given if name not in LAUNCH_ARGUMENTS[words[1]]]
    return [f"unknown argument {name}" for name in extra + unknown]


def _run(words: list[str]) -> list[str]:
    if words[0] == "tf2_tools":
        return []
    if words[0] != "pose3d_ros" or words[1] not in SCRIPTS:
        return [f"no executable {words[:2]}"]
    known = TOOL_PARAMETERS.get(words[1], set(PARAMETERS))
    remapped = [_ASSIGNED.fullmatch(text) for text in _values_of(words, "-r")]
    topics = {match[1] for match in remapped if match and not match[1].startswith("__")}
    given = [match[1] for word in words if (match := _ASSIGNED.fullmatch(word)) and not match[1].startswith("__")]
    unknown = [f"unknown parameter {name}" for name in given if name not in known and name not in topics]
    return unknown + [f"unknown topic {name}" for name in sorted(topics - NODE_NAMES)]


def _topic(words: list[str]) -> list[str]:
    topics = [word for word in words[1:] if word.startswith("/")]
    return [f"unknown topic {topic}" for topic in topics if not {topic, topic.lstrip("/")} & NODE_NAMES]


def _service(words: list[str]) -> list[str]:
    name, kind, request = words[1:4]
    known = name in _SERVICES and _SERVICES[name] in {text.removeprefix("~/") for text in NODE_NAMES}
    fits = kind == "std_srvs/srv/SetBool" and set(yaml.safe_load(request)) == {"data"}
    return [] if known and fits else [f"unknown service or request {name} {kind} {request}"]


def _param(words: list[str]) -> list[str]:
    if words[0] == "describe":
        return []
    return [] if words[1] in _NODES and not _parameter(words[2], words[3]) else [f"unknown parameter {words[1:]}"]


def _lifecycle(words: list[str]) -> list[str]:
    known = words[1] in _NODES and all(word in _TRANSITIONS for word in words[2:])
    return [] if known else [f"unknown node or transition {words[1:]}"]


def _nothing(words: list[str]) -> list[str]:
    return []


_ROS2: Mapping[str, Callable[[list[str]], list[str]]] = MappingProxyType(
    {
        "launch": _launch,
        "run": _run,
        "topic": _topic,
        "service": _service,
        "param": _param,
        "lifecycle": _lifecycle,
        "pkg": _nothing,
        "security": _nothing,
        "bag": _nothing,
    }
)
_OURS: Mapping[str, Callable[[list[str]], list[str]]] = MappingProxyType(
    {
        "pose3d": _pose3d,
        "python": _python,
        "python3": _python,
        "make": _make,
        "source": _source,
        ".": _source,
        "ros2": _ros2,
    }
)
