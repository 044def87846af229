"""The file of several cameras (cameras.launch.py): a mapping of namespaces to launch arguments and parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from pose3d_ros.config.parameter_table import Value, name_errors
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.errors import ConfigError, Pose3DError
from pose3d_ros.launching.launch_arguments import CAMERA, parse_arguments, raise_all, unknown_arguments
from pose3d_ros.launching.launch_settings import OF_LAST_NODE, CameraLaunch, Parameters, camera_launch
from pose3d_ros.reading.documents import fields_of, read_yaml, yaml_text
from pose3d_ros.reading.files import Origin

_FIX = "See config/cameras.yaml for an example."
_PARAMETERS = "parameters"
_MOST_CAMERAS = 64


def camera_launches(path: str, values: Parameters) -> list[CameraLaunch]:
    """The cameras of a file, in its order.

    Parameters
    ----------
    path : str
        A YAML file: `cameras: {front: {image_topic: …, camera_info_topic: …, parameters: {…}}, …}`. Keys of a camera
        are arguments of pose3d.launch.py; `parameters` are those of the nodes, nested or with dots.
    values : mapping of str to bool, int, float or str
        The launch's own arguments: what holds for every camera that does not say otherwise.

    Returns
    -------
    list of CameraLaunch
        One each, with CPU threads shared out among them unless the file or the launch says how many, or they are in one
        process, where they take turns.

    Raises
    ------
    ConfigError
        For a file that can't be read, unknown keys, wrong values or two cameras on the same image.
    """
    if not path:
        raise ConfigError("launch argument cameras", expected="a YAML file of cameras", got="none", fix=_FIX)
    origin = Origin(ConfigError, f"file {path}", _FIX)
    content = fields_of(read_yaml(os.path.expanduser(path), origin), origin)
    cameras = fields_of(content.get("cameras"), origin, ": cameras")
    if set(content) != {"cameras"} or not 0 < len(cameras) <= _MOST_CAMERAS:
        got = f"{len(cameras)} cameras, keys {', '.join(content)}"
        raise origin.error(f"the only key cameras, with 1 to {_MOST_CAMERAS} of them", got)
    share = 0 if values.get("container") else max(1, (os.cpu_count() or 1) // len(cameras))
    shared = {"threads": share, **values}
    launches = [_camera(name, entry, shared, origin) for name, entry in cameras.items()]
    _check_apart(launches, origin)
    return launches


def camera_list_text(cameras: Sequence[CameraLaunch]) -> str:
    """A file of these cameras, as `camera_launches` reads it."""
    return yaml_text({"cameras": {one.namespace: _fields(one) for one in cameras}})


def _fields(camera: CameraLaunch) -> dict[str, object]:
    last = camera.of_smoother_node if camera.smoother else camera.of_pose_node
    given = {**camera.of_pose_node, **camera.of_smoother_node}
    return {
        "image_topic": camera.image_topic,
        "camera_info_topic": camera.camera_info_topic,
        "params_file": camera.params_file,
        "smoother": camera.smoother,
        **{name: last[name] for name in OF_LAST_NODE if name in last},
        _PARAMETERS: {name: value for name, value in given.items() if name not in OF_LAST_NODE},
    }


def _camera(name: str, entry: object, shared: Parameters, origin: Origin) -> CameraLaunch:
    where = f": camera {name}"
    fields = dict(fields_of(entry, origin, where))
    parameters = dict(_flat(fields_of(fields.pop(_PARAMETERS, {}), origin, f"{where}: {_PARAMETERS}")))
    try:
        raise_all(unknown_arguments(fields, [*(argument.name for argument in CAMERA), _PARAMETERS]))
        raise_all(name_errors(parameters, PARAMETERS))
        texts = {key: _text(value, origin, f"{where}: {key}") for key, value in {"namespace": name, **fields}.items()}
        own = parse_arguments([argument for argument in CAMERA if argument.name in texts], texts)
        checked = {key: PARAMETERS[key].check(value) for key, value in parameters.items()}
        return camera_launch({**_without_topics(shared, own), **own}, checked)
    except Pose3DError as error:
        if error.subject.startswith(origin.subject):
            raise
        subject = f"{origin.subject}{where}: {error.subject.replace('launch argument', '').strip() or 'key'}"
        raise ConfigError(subject, expected=error.expected, got=error.got, fix=error.fix) from error


def _without_topics(shared: Parameters, own: Parameters) -> dict[str, Value]:
    """The shared values; a camera with its own topics does not get those of the launch's preset."""
    return {name: value for name, value in shared.items() if name != "camera" or "image_topic" not in own}


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested parameters by their names with dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat({str(name): one for name, one in value.items()}, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: object, origin: Origin, where: str) -> str:
    if isinstance(value, (bool, int, float, str)):
        return str(value)
    raise origin.error("a text, a number, true or false", type(value).__name__, where)


def _check_apart(launches: list[CameraLaunch], origin: Origin) -> None:
    """Two cameras on one image would publish each person twice: most likely a line that was copied."""
    seen: dict[str, str] = {}
    for one in launches:
        topic = one.image_topic if one.image_topic.startswith("/") else f"/{one.namespace}/{one.image_topic}"
        if topic in seen:
            raise origin.error(
                "an image topic of each camera's own", f"{topic} twice", f": cameras {seen[topic]} and {one.namespace}"
            )
        seen[topic] = one.namespace
