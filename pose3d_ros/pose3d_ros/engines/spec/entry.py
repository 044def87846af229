"""One model's entry of a manifest: every field declared once, with its check, and read and written strictly.

The checks are attrs validators: Humble, Jazzy and PyPI all package attrs (rosdep key python3-attrs), in pure Python.
cattrs has no rosdep key, and that of pydantic brings version 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attr  # the namespace `attrs` is missing from Humble's version
import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError, shown
from pose3d_ros.reading.numbers import is_number
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.types import ImageArray

ROLES = ("detector", "region_detector", "root", "pose", "smoother", "lifter")
"""A `region_detector` finds people who fill much of a square view, a `lifter` makes 3D joints of 2D joints."""
IMAGE_ROLES = frozenset({"detector", "region_detector", "root", "pose"})

Parameter = float | int | str | list[float] | list[int] | list[str]

_Record = TypeVar("_Record")
_Validator = Callable[[object, "attr.Attribute[Any]", Any], None]
# British on purpose: the keys of older manifests.
_FORMER_KEYS: Mapping[object, str] = {"licence": "license", "normalisation": "normalization"}
_NUMBER = "a finite number"


def _wrong(where: str, expected: str, got: str) -> EngineError:
    return EngineError(where, expected=expected, got=got, fix="See engines/README.md for every field of a manifest.")


def _valid(expected: str, holds: Callable[[Any], bool]) -> _Validator:
    """Make a check of a field; its error names the field."""

    def check(_: object, field: attr.Attribute[Any], value: Any) -> None:
        if not holds(value):
            raise _wrong(field.name, expected, shown(value))

    return check


def _valid_items(expected: str, holds: Callable[[Any], bool]) -> _Validator:
    """Make a check of a mapping with strings as keys; its error names the field and the key."""

    def check(_: object, field: attr.Attribute[Any], value: Any) -> None:
        if not isinstance(value, dict):
            raise _wrong(field.name, "a mapping", shown(value))
        for key, item in value.items():
            if not _is_text(key):
                raise _wrong(field.name, "non-empty strings as keys", shown(key))
            if not holds(item):
                raise _wrong(f"{field.name}.{key}", expected, shown(item))

    return check


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_three(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(is_number, value))


def _is_parameter(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value) or all(map(is_number, value))
    return isinstance(value, str) or is_number(value)


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def _is_size(value: object) -> bool:
    sides = value if isinstance(value, tuple) else ()
    return value is None or (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides))


def _to_lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _to_dict(value: Any) -> Any:
    return dict(value or {}) if value is None or isinstance(value, Mapping) else value


_TEXT = _valid("a non-empty string", _is_text)
_LONGEST_NAME_BYTES = 150
"""With what is added, a file's name may have 255."""
_NAME_RULE = "a name for files: letters, digits, spaces and the like, no slash, no dot at its start, 150 bytes at most"


def _is_name(value: object) -> bool:
    text = value if isinstance(value, str) else ""
    plain = bool(text.strip()) and text.isprintable() and not text.startswith(".") and not set(text) & set("/\\")
    return plain and len(text.encode()) <= _LONGEST_NAME_BYTES


def require_name(where: str, value: object) -> None:
    """Raises EngineError for what can't be part of a file's name, such as `../x`. where: for the message."""
    if not _is_name(value):
        raise _wrong(where, _NAME_RULE, shown(value))


@attr.frozen
class Normalization:
    """How pixels become a model's input: (pixel * scale - mean) / std, a channel at a time.

    The official 3DMPPE models have scale 1 with the ImageNet mean and std: their pixels are not divided by 255.

    Attributes
    ----------
    scale : float
        Above 0.
    mean : tuple of float
        One a channel, in the order of `channel_order`.
    std : tuple of float
        The same, above 0.
    channel_order : str
        `rgb` or `bgr`, the order of the model's channels.
    """

    scale: float = attr.field(validator=_valid(f"{_NUMBER} above 0", lambda v: is_number(v) and v > 0))
    mean: tuple[float, float, float] = attr.field(
        converter=_to_tuple, validator=_valid(f"three numbers, one a channel, each {_NUMBER}", _are_three)
    )
    std: tuple[float, float, float] = attr.field(
        converter=_to_tuple,
        validator=_valid("three numbers above 0, one a channel", lambda v: _are_three(v) and min(v) > 0),
    )
    channel_order: str = attr.field(validator=_valid("rgb or bgr", lambda v: v in ("rgb", "bgr")))

    def apply(self, images_bgr: ImageArray, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """Normalize images.

        Parameters
        ----------
        images_bgr : ndarray of uint8, shape (N, H, W, 3)
            The images.
        out : ndarray of float32, shape (N, 3, H, W), optional
            Filled and returned, if given.

        Returns
        -------
        ndarray of float32, shape (N, 3, H, W)
            The model's input.
        """
        images = np.empty((len(images_bgr), 3, *images_bgr.shape[1:3]), dtype=np.float32) if out is None else out
        for image_bgr, planes in zip(images_bgr, images, strict=True):
            sources = cv2.split(image_bgr)  # reading every third byte would take twice the time
            for source, plane, mean, std in zip(self._in_order(sources), planes, self.mean, self.std, strict=True):
                np.multiply(source, np.float32(self.scale / std), out=plane)
                if mean:
                    plane -= np.float32(mean / std)
        return images

    def _in_order(self, planes_bgr: Sequence[cv2.typing.MatLike]) -> Sequence[cv2.typing.MatLike]:
        return planes_bgr if self.channel_order == "bgr" else planes_bgr[::-1]


@attr.frozen(eq=False, kw_only=True)
class ManifestEntry:
    """A model, and what is needed to run it; `attr.evolve` makes a changed copy.

    Attributes
    ----------
    name : str
        It becomes part of file names: without a slash, without a dot at its start, 150 bytes at most.
    roles : tuple of str
        What it does, of `ROLES`, each once.
    file : Path
        Its file.
    sha256 : str
        Of the file, 64 hexadecimal digits.
    decoder : str
        What its inputs and outputs mean, a name known to the stage.
    input_size_px : tuple of int, optional
        Width and height of its image, None for one of any size or without an image.
    normalization : Normalization, optional
        None without an image.
    skeleton : str, optional
        Name of its joints' order, None without joints.
    units : str
        Of the outputs, in words.
    license : str
        Of the weights.
    training_data : str
        Of the weights.
    accuracy : mapping of str to float or str
        What was measured.
    parameters : mapping of str to Parameter
        What its decoder needs besides.

    Raises
    ------
    EngineError
        For a field that can't be right.
    """

    name: str = attr.field(validator=_valid(_NAME_RULE, _is_name))
    roles: tuple[str, ...] = attr.field(
        converter=_to_tuple,
        validator=_valid(
            f"a list of {', '.join(ROLES)}, each role once",
            lambda v: isinstance(v, tuple) and bool(v) and all(r in ROLES for r in v) and len(set(v)) == len(v),
        ),
    )
    file: Path = attr.field()
    sha256: str = attr.field(converter=_to_lower, validator=_valid("64 hexadecimal digits", _is_sha256))
    decoder: str = attr.field(validator=_TEXT)
    input_size_px: tuple[int, int] | None = attr.field(
        default=None,
        converter=_to_tuple,
        validator=_valid("[width, height], two integers of pixels above 0", _is_size),
    )
    normalization: Normalization | None = attr.field(default=None)
    skeleton: str | None = attr.field(
        default=None,
        validator=_valid("one of " + ", ".join(sorted(SKELETONS)), lambda v: v is None or v in tuple(SKELETONS)),
    )
    units: str = attr.field(validator=_TEXT)
    license: str = attr.field(validator=_TEXT)
    training_data: str = attr.field(validator=_TEXT)
    accuracy: Mapping[str, float | str] = attr.field(
        factory=dict,
        converter=_to_dict,
        validator=_valid_items(f"a string or {_NUMBER}", lambda v: isinstance(v, str) or is_number(v)),
    )
    parameters: Mapping[str, Parameter] = attr.field(
        factory=dict,
        converter=_to_dict,
        validator=_valid_items(f"{_NUMBER}, a string, or a list of one of them", _is_parameter),
    )


def numeric_parameter(entry: ManifestEntry, key: str, default: float | None = None) -> float:
    """A numeric parameter. Raises EngineError when it is no number, or absent without a default."""
    value = entry.parameters.get(key, default)
    if not is_number(value):
        raise EngineError(
            f"parameter {key} of model {entry.name}",
            expected=f"a number, which its decoder {entry.decoder} needs",
            got="nothing" if value is None else shown(value),
            fix="Add it to the model's parameters in the manifest.",
        )
    return float(value)


def read_entry(where: str, content: object, directory: Path) -> ManifestEntry:
    """The entry that a mapping of a manifest describes. where: its place, for messages. Raises EngineError."""
    fields = {_FORMER_KEYS.get(key, key): value for key, value in _mapping(where, content).items()}
    if _is_text(name := fields.get("name")):
        where = f"{where} ({name})"
    _check_keys(where, ManifestEntry, fields)
    if fields.get("normalization") is not None:
        fields["normalization"] = _read(f"{where}.normalization", Normalization, fields["normalization"])
    fields["file"] = _file(f"{where}.file", fields["file"], directory)
    entry = _read(where, ManifestEntry, fields)
    _check_roles_complete(where, entry)
    return entry


def entry_fields(entry: ManifestEntry, directory: Path) -> dict[str, Any]:
    """The mapping that `read_entry` reads back as this entry. Raises EngineError for a file outside the directory."""
    try:
        file = entry.file.resolve().relative_to(directory.resolve()).as_posix()
    except ValueError:
        raise _wrong(f"file of model {entry.name}", f"a file inside {directory}", f"{entry.file}") from None
    return {**attr.asdict(entry), "file": file}


def _read(where: str, kind: type[_Record], content: object) -> _Record:
    fields = _mapping(where, content)
    _check_keys(where, kind, fields)
    try:
        return kind(**fields)
    except EngineError as error:
        raise _wrong(f"{where}.{error.subject}", error.expected, error.got) from error


def _check_keys(where: str, kind: type, fields: Mapping[Any, Any]) -> None:
    known = attr.fields_dict(kind)
    missing = [key for key, field in known.items() if field.default is attr.NOTHING and key not in fields]
    if missing:
        raise _wrong(where, "the keys " + ", ".join(known), "none of " + ", ".join(missing))
    unknown = [str(key) for key in fields if key not in known]
    if unknown:
        raise _wrong(where, "only the keys " + ", ".join(known), ", ".join(unknown))


def _file(where: str, value: object, directory: Path) -> Path:
    path = directory / value if isinstance(value, str) and value.strip() and value.isprintable() else None
    try:
        is_inside = path is not None and path.resolve().is_relative_to(directory.resolve())
        is_file = path is not None and path.is_file()
    except OSError:  # of a name that is too long for a file's
        is_inside = is_file = False
    if path is None or not is_inside:
        raise _wrong(where, f"a path inside {directory}", shown(value))
    if not is_file:
        fix = "Put the model's file beside the manifest."
        raise EngineError(where, expected=f"a file at {path}", got="no such file", fix=fix)
    return path


def _check_roles_complete(where: str, entry: ManifestEntry) -> None:
    roles = set(entry.roles)
    if roles & IMAGE_ROLES and entry.normalization is None:
        raise _wrong(
            f"{where}.normalization", "scale, mean, std and channel_order for a model that takes images", "none"
        )
    crops = roles & {"region_detector", "root", "pose"} and "detector" not in roles
    if crops and entry.input_size_px is None:
        raise _wrong(f"{where}.input_size_px", "[width, height] for a model that takes crops", "none")
    if roles & {"pose", "smoother", "lifter"} and entry.skeleton is None:
        raise _wrong(f"{where}.skeleton", "a skeleton for a model that gives joints", "none")


def _mapping(where: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(where, "a mapping", shown(value))
    return value
