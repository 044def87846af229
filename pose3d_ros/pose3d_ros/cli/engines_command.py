"""`pose3d engines`: lists, verifies, builds, times and tests the models of a folder."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, pipeline_config
from pose3d_ros.cli.terminal import print_table
from pose3d_ros.config.settings import NodeConfig, PipelineConfig
from pose3d_ros.engines import BackendChoice, EngineOptions, Manifest, ManifestEntry, choose_backend, open_engine
from pose3d_ros.engines.engine_set import engine_options, open_manifest
from pose3d_ros.engines.factory import default_probes
from pose3d_ros.engines.options import int8_refused
from pose3d_ros.engines.spec.manifest import verify_sha256
from pose3d_ros.engines.trial import Latency, difference, measure_latency, random_feeds
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.evaluation.metrics.json_file import write_json
from pose3d_ros.reading.files import is_folder

if TYPE_CHECKING:
    from pose3d_ros.engines.device.torch_device import DeviceFacts
    from pose3d_ros.engines.tensorrt.plan_loading import Plan

_TOLERANCE_CPU, _TOLERANCE_GPU = 1e-3, 2e-2
"""How far a backend's outputs may be from ONNX Runtime's, relative: a GPU computes in FP16 or TF32."""
_BATCHES = (1, 2, 4, 8)
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    what.add_parser("list", help="list the models and the state of their TensorRT engines")
    what.add_parser("verify", help="compare the sha256 of every file with the manifest")
    build = what.add_parser("build", help="build the TensorRT engines of all models ahead of time")
    bench = what.add_parser("bench", help="measure the latency of each model by batch size (number of people)")
    selftest = what.add_parser("selftest", help="compare outputs and latency of every backend with ONNX Runtime")
    build.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="images of people, or a recording, to calibrate on; required for precision=int8",
    )
    build.add_argument(
        "--workspace", type=int, default=1024, metavar="MIB", help="TensorRT workspace of a build (%(default)s)"
    )
    bench.add_argument("--batches", type=int, nargs="+", default=_BATCHES, metavar="N", help="batch sizes")
    for one in (bench, selftest):
        one.add_argument("--json", type=Path, metavar="FILE", help="write the table to this file")
    for one in what.choices.values():
        add_engine_options(one)
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    config = pipeline_config(args)
    manifest = open_manifest(config.engine)
    commands = {"list": _list, "verify": _verify, "build": _build, "bench": _bench, "selftest": _selftest}
    return commands[args.what](args, manifest, config)


def _list(args: argparse.Namespace, manifest: Manifest, config: PipelineConfig) -> int:
    options = engine_options(config)
    usable = default_probes()["tensorrt"]()
    print(f"{manifest.directory}\n")
    rows = [
        {
            "model": entry.name,
            "roles": "+".join(entry.roles),
            "file": _shown(entry.file, manifest.directory),
            "MiB": round(entry.file.stat().st_size / _MIB, 1),
            "TensorRT engine": _plan_state(entry, options) if usable.usable else "-",
        }
        for entry in manifest.entries
    ]
    print_table(rows)
    if not usable.usable:
        print(f"\nno TensorRT engines (TensorRT: {usable.reason})")
    return 0


def _shown(file: Path, directory: Path) -> str:
    """A model's file as the table has it: of other folders, as those below a named set, with the folder's name."""
    return file.name if file.parent == directory else f"{file.parent.name}/{file.name}"


def _plan_state(entry: ManifestEntry, options: EngineOptions) -> str:
    from pose3d_ros.engines.device.torch_device import open_device
    from pose3d_ros.engines.tensorrt.plan_cache import PlanCache
    from pose3d_ros.engines.tensorrt.plan_loading import plan_key

    try:
        key = plan_key(entry, options, open_device().facts)
    except EngineError as error:
        return f"can't be built: {error.got}"
    stale = PlanCache(options.cache_dir).look_up(key)[1]
    return f"stale: {stale}" if stale else f"{key.precision}, ready"


def _verify(args: argparse.Namespace, manifest: Manifest, config: PipelineConfig) -> int:
    bad = 0
    for entry in manifest.entries:
        try:
            verify_sha256(entry)
            print(f"ok    {entry.name}  {entry.sha256}")
        except EngineError as error:
            bad += 1
            print(f"FAIL  {error}")
    return 1 if bad else 0


def _build(args: argparse.Namespace, manifest: Manifest, config: PipelineConfig) -> int:
    from pose3d_ros.engines.device.torch_device import open_device
    from pose3d_ros.engines.tensorrt.plan_loading import load_or_build

    choose_backend("tensorrt")  # raises with what is missing
    options = replace(engine_options(config, report=print), allow_build=True, workspace_mib=args.workspace)
    if options.precision == "int8":
        most = NodeConfig.from_parameters(parameters_asked_for(args)).input.max_image_pixels
        _calibrate(manifest, config, args.calibration, most)
    facts = open_device().facts
    failed = 0
    for entry in manifest.entries:
        verify_sha256(entry)
        if options.precision == "int8" and (refused := int8_refused(entry)):
            print(f"{entry.name}: fp16, not int8: {refused}")
        try:
            plan = _stoppable(load_or_build, entry, options, facts)
        except EngineError as error:
            failed += 1
            print(f"FAIL  {error}")
        else:
            print(f"{entry.name}: {len(plan.data) / _MIB:.1f} MiB, {plan.note}")
    return 1 if failed else 0


def _stoppable(build: Callable[..., Plan], entry: ManifestEntry, options: EngineOptions, facts: DeviceFacts) -> Plan:
    """Build on a thread: in the main one Ctrl-C would wait until TensorRT returns."""
    with ThreadPoolExecutor(1) as worker:
        building = worker.submit(build, entry, options, facts)
        try:
            return building.result()
        except KeyboardInterrupt:
            options.cancelled.set()
            raise


def _calibrate(manifest: Manifest, config: PipelineConfig, images: Path | None, max_image_pixels: int) -> None:
    if images is None or not is_folder(images):
        raise InputError(
            "option --calibration",
            expected="a folder of images like those that the robot will see",
            got=str(images),
            fix="Give some hundred; or choose precision=fp16, which needs none.",
        )
    from pose3d_ros.cli.calibrate_int8 import write_quantized

    for path in write_quantized(manifest, config, images, max_image_pixels):
        print(f"calibrated {path}")


def _bench(args: argparse.Namespace, manifest: Manifest, config: PipelineConfig) -> int:
    backend = replace(choose_backend(config.engine.backend), fallback="")  # what is measured is what is named
    options = engine_options(config, report=print)
    print(f"{backend.name}: {backend.reason}\n")
    rows: list[dict[str, object]] = []
    for entry in manifest.entries:
        with open_engine(entry, backend, options) as engine:
            for batch in (1,) if "detector" in entry.roles else args.batches:
                latency = measure_latency(engine, random_feeds(engine, entry, batch))
                a_person = {"ms per person": round(latency.median_ms / batch, 2)}
                rows.append({"model": entry.name, "people": batch, **_figures(latency), **a_person})
    print_table(rows)
    if args.json:
        write_json(args.json, {"backend": backend.name, "reason": backend.reason, "rows": rows})
    return 0


def _selftest(args: argparse.Namespace, manifest: Manifest, config: PipelineConfig) -> int:
    import pose3d_ros

    found = {name: probe() for name, probe in default_probes().items()}
    print(f"pose3d {pose3d_ros.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name, state in found.items():
        print(f"{'ok  ' if state.usable else 'none'}  {name}: {state.reason}")
    options = engine_options(config, report=print)
    rows = []
    for entry in manifest.entries:
        verify_sha256(entry)
        for name in (n for n, state in found.items() if state.usable):
            rows.append(_tried(entry, name, options))
    print()
    print_table(rows)
    if args.json:
        write_json(args.json, {"backends": {n: s.reason for n, s in found.items()}, "rows": rows})
    return 0 if all(row["agrees"] == "yes" for row in rows) else 1


def _tried(entry: ManifestEntry, backend: str, options: EngineOptions) -> dict[str, object]:
    """One backend's outputs and latency beside ONNX Runtime's, of one model; a failure is a row, too."""
    batch = 1 if "detector" in entry.roles else 4
    row: dict[str, object] = {"model": entry.name, "backend": backend, "people": batch}
    try:
        on_cpu = replace(options, provider="cpu")
        with open_engine(entry, BackendChoice("onnxruntime", "reference"), on_cpu) as reference:
            feeds = random_feeds(reference, entry, batch)
            wanted, usual = reference.infer(feeds), measure_latency(reference, feeds, seconds=0.5)
        with open_engine(entry, BackendChoice(backend, "self-test"), options) as engine:
            got, latency = engine.infer(feeds), measure_latency(engine, feeds, seconds=0.5)
            tolerance = _TOLERANCE_CPU if "on the CPU" in engine.status else _TOLERANCE_GPU
    except EngineError as error:
        return row | {"agrees": f"no: {error}"}
    far = max(difference(wanted[name], got[name]) for name in wanted)
    agrees = "yes" if far <= tolerance else f"no: more than {tolerance:g}"
    ratio = round(latency.median_ms / usual.median_ms, 2)
    return row | _figures(latency) | {"of onnxruntime": ratio, "difference": f"{far:.1e}", "agrees": agrees}


def _figures(latency: Latency) -> dict[str, object]:
    return {"median ms": round(latency.median_ms, 2), "p95 ms": round(latency.p95_ms, 2)}
