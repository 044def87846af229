"""Strict reading of a manifest's fields: every key known, every value of its type, every error naming its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pose3d_ros.engines.spec.entry import IMAGE_ROLES, ROLES, ManifestEntry, Normalization, Parameter
from pose3d_ros.errors import EngineError, SkeletonError
from pose3d_ros.skeletons import get_skeleton

_FIX = "See engines/README.md for every field of a manifest."
_REQUIRED = ("name", "roles", "file", "sha256", "decoder", "units", "license", "training_data")
_OPTIONAL = ("input_size_px", "normalization", "skeleton", "accuracy", "parameters")
_OLD_KEYS: Mapping[object, str] = {"licence": "license", "normalisation": "normalization"}
"""British spellings, which manifests had before."""


def read_entry(where: str, content: object, directory: Path) -> ManifestEntry:
    """The entry that a mapping of a manifest describes. where: its place, for messages. Raises EngineError."""
    fields = {_OLD_KEYS.get(key, key): value for key, value in _mapping(where, content).items()}
    _check_keys(where, fields, _REQUIRED, _OPTIONAL)
    name = _text(f"{where}.name", fields["name"])
    where = f"{where} ({name})"
    entry = ManifestEntry(
        name=name,
        roles=_roles(f"{where}.roles", fields["roles"]),
        file=_file(f"{where}.file", fields["file"], directory),
        sha256=_sha256(f"{where}.sha256", fields["sha256"]),
        decoder=_text(f"{where}.decoder", fields["decoder"]),
        input_size_px=_size(f"{where}.input_size_px", fields.get("input_size_px")),
        normalization=_normalization(f"{where}.normalization", fields.get("normalization")),
        skeleton=_skeleton(f"{where}.skeleton", fields.get("skeleton")),
        units=_text(f"{where}.units", fields["units"]),
        license=_text(f"{where}.license", fields["license"]),
        training_data=_text(f"{where}.training_data", fields["training_data"]),
        accuracy=_accuracy(f"{where}.accuracy", fields.get("accuracy")),
        parameters=_parameters(f"{where}.parameters", fields.get("parameters")),
    )
    _check_roles_complete(where, entry)
    return entry


def entry_fields(entry: ManifestEntry, directory: Path) -> dict[str, object]:
    """The mapping that `read_entry` reads back as this entry. Raises EngineError for a file outside the directory."""
    norm = entry.normalization
    return {
        "name": entry.name,
        "roles": list(entry.roles),
        "file": _relative(entry, directory),
        "sha256": entry.sha256,
        "decoder": entry.decoder,
        "input_size_px": None if entry.input_size_px is None else list(entry.input_size_px),
        "normalization": None
        if norm is None
        else {
            "scale": norm.scale,
            "mean": list(norm.mean),
            "std": list(norm.std),
            "channel_order": norm.channel_order,
        },
        "skeleton": entry.skeleton,
        "units": entry.units,
        "license": entry.license,
        "training_data": entry.training_data,
        "accuracy": dict(entry.accuracy),
        "parameters": dict(entry.parameters),
    }


def _relative(entry: ManifestEntry, directory: Path) -> str:
    try:
        return entry.file.resolve().relative_to(directory.resolve()).as_posix()
    except ValueError:
        raise _wrong(f"file of engine {entry.name}", f"a file inside {directory}", f"{entry.file}") from None


def _check_roles_complete(where: str, entry: ManifestEntry) -> None:
    roles = set(entry.roles)
    if roles & IMAGE_ROLES and entry.normalization is None:
        raise _wrong(
            f"{where}.normalization", "scale, mean, std and channel_order for an engine that takes images", "none"
        )
    if roles & {"root", "pose"} and entry.input_size_px is None:
        raise _wrong(f"{where}.input_size_px", "[width, height] for an engine that takes crops", "none")
    if roles & {"pose", "smoother", "lifter"} and entry.skeleton is None:
        raise _wrong(f"{where}.skeleton", "a skeleton for an engine that gives joints", "none")


def _check_keys(
    where: str, fields: Mapping[object, object], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    missing = [key for key in required if key not in fields]
    if missing:
        raise _wrong(where, "the keys " + ", ".join(required), "none of " + ", ".join(missing))
    unknown = [str(key) for key in fields if key not in (*required, *optional)]
    if unknown:
        raise _wrong(where, "only the keys " + ", ".join((*required, *optional)), ", ".join(unknown))


def _roles(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or any(role not in ROLES for role in value):
        raise _wrong(where, "a list of " + ", ".join(ROLES), repr(value))
    if len(set(value)) != len(value):
        raise _wrong(where, "each role once", repr(value))
    return tuple(value)


def _file(where: str, value: object, directory: Path) -> Path:
    path = directory / _text(where, value)
    if not path.resolve().is_relative_to(directory.resolve()):
        raise _wrong(where, f"a path inside {directory}", repr(value))
    if not path.is_file():
        raise EngineError(
            where, expected=f"a file at {path}", got="no such file", fix="Put the engine's file beside the manifest."
        )
    return path


def _sha256(where: str, value: object) -> str:
    text = _text(where, value).lower()
    if len(text) != 64 or any(c not in "0123456789abcdef" for c in text):
        raise _wrong(where, "64 hexadecimal digits", repr(value))
    return text


def _size(where: str, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise _wrong(where, "[width, height]", repr(value))
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in value):
        raise _wrong(where, "two whole numbers of pixels above 0", repr(value))
    return value[0], value[1]


def _normalization(where: str, value: object) -> Normalization | None:
    if value is None:
        return None
    fields = _mapping(where, value)
    _check_keys(where, fields, ("scale", "mean", "std", "channel_order"), ())
    std = _three(f"{where}.std", fields["std"])
    scale = _number(f"{where}.scale", fields["scale"])
    if min(*std, scale) <= 0:
        raise _wrong(where, "a scale and a std above 0", f"scale {scale}, std {list(std)}")
    order = fields["channel_order"]
    if order not in ("rgb", "bgr"):
        raise _wrong(f"{where}.channel_order", "rgb or bgr", repr(order))
    return Normalization(scale, _three(f"{where}.mean", fields["mean"]), std, str(order))


def _skeleton(where: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        return get_skeleton(_text(where, value)).name
    except SkeletonError as error:
        raise _wrong(where, error.expected, error.got) from error


def _accuracy(where: str, value: object) -> dict[str, float | str]:
    fields = {} if value is None else _mapping(where, value)
    return {
        _text(where, key): item if isinstance(item, str) else _number(f"{where}.{key}", item)
        for key, item in fields.items()
    }


def _parameters(where: str, value: object) -> dict[str, Parameter]:
    fields = {} if value is None else _mapping(where, value)
    return {_text(where, key): _parameter(f"{where}.{key}", item) for key, item in fields.items()}


def _parameter(where: str, value: object) -> Parameter:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return _scalar(where, value)
    if value and all(isinstance(item, str) for item in value):
        return list(value)
    return [float(_scalar(where, item)) for item in value]


def _scalar(where: str, value: object) -> float | int:
    number = _number(where, value)
    return value if isinstance(value, int) else number


def _three(where: str, value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise _wrong(where, "three numbers, one a channel", repr(value))
    first, second, third = (_number(where, item) for item in value)
    return first, second, third


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(where, "a finite number (YAML wants a point before an exponent: 1.0e-3)", repr(value))
    return float(value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, "a text that is not empty", repr(value))
    return value


def _mapping(where: str, value: object) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise _wrong(where, "a mapping", repr(value))
    return value


def _wrong(where: str, expected: str, got: str) -> EngineError:
    return EngineError(where, expected=expected, got=got, fix=_FIX)
