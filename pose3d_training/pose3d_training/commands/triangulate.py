"""`pose3d triangulate`: two or more recordings of the same people become recordings with ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from pose3d_ros.cli.common_options import add_engine_options, pipeline_config, warn_of
from pose3d_ros.cli.sources import camera_of_size, open_camera
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.recording.prediction import open_predictor
from pose3d_ros.evaluation.recording.recorded_frames import RecordingChoice
from pose3d_ros.skeletons import SKELETONS
from pose3d_training.multiview.label_bags import (
    ViewLabels,
    summary_of,
    view_labels,
    write_extrinsics,
    write_summary,
    write_view,
)
from pose3d_training.multiview.labels import Labels, labels_of
from pose3d_training.multiview.metric_scale import KnownLength
from pose3d_training.multiview.recorded_views import RecordedView, ViewSource, read_by_models, read_found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "recordings",
        metavar="BAG",
        nargs="+",
        help="recordings of one camera each, or BAG#/NAMESPACE of one of several",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of what is written")
    parser.add_argument(
        "--people", type=Path, nargs="+", metavar="FILE", help="people of `pose3d predict`, a file for each recording"
    )
    scale = parser.add_argument_group("scale", "one of them, since images alone do not tell it")
    scale.add_argument("--height", type=float, metavar="M", help="of the person who is seen longest, standing")
    scale.add_argument("--baseline", type=float, metavar="M", help="between the first two cameras")
    scale.add_argument("--camera-height", type=float, metavar="M", help="of the first camera above a level floor")
    clock = parser.add_argument_group("clocks")
    clock.add_argument(
        "--offset", type=float, nargs="+", metavar="S",
        help="of the first recording's stamps, less those of each other at the same time (default: 0)",
    )  # fmt: skip
    clock.add_argument(
        "--max-offset",
        type=float,
        default=1.0,
        metavar="S",
        help="look so far around for the offset (%(default)s); 0: not",
    )
    parser.add_argument("--no-bones", action="store_true", help="do not use that bones keep their lengths")
    parser.add_argument("--skeleton", choices=sorted(SKELETONS), help="skeleton to write (default: the model's)")
    parser.add_argument("--camera", nargs="+", metavar="YAML", help="calibration files, one for all or for each")
    parser.add_argument("--hfov", nargs="+", type=float, metavar="DEG", help="the same as fields of view, assumed")
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    sources = _sources(args)
    known = KnownLength(args.height, args.baseline, args.camera_height)
    known.check()
    offsets = _one_each("--offset", args.offset, len(sources) - 1, [0.0] * (len(sources) - 1))
    views = _read(sources, args)
    origin_ns = min(min(view.people) for view in views)
    seen = [view.view_people(origin_ns) for view in views]
    labels = labels_of(seen, views[0].skeleton, known, offsets, max(0.0, args.max_offset), not args.no_bones)
    made = [view_labels(labels, number, view, origin_ns) for number, view in enumerate(views)]
    for number, view in enumerate(views):
        write_view(args.output / f"{view.source.name}.mcap", views, labels, number, made[number])
    write_extrinsics(args.output / "extrinsics.yaml", [view.source.name for view in views], labels.first2camera)
    write_summary(args.output / "summary.json", summary_of(views, labels, made))
    _tell(views, labels, made, args)
    return 0


def _sources(args: argparse.Namespace) -> list[ViewSource]:
    count = len(args.recordings)
    if count < 2:
        fix = "Name two recordings of the same people at the same time."
        raise ConfigError("recordings", expected="two or more", got=str(count), fix=fix)
    if args.camera and args.hfov:
        raise ConfigError("--hfov", expected="no --camera", got="both", fix="Leave one out.")
    cameras = _one_each("--camera", args.camera, count, [None] * count)
    hfovs = _one_each("--hfov", args.hfov, count, [None] * count)
    files = _one_each("--people", args.people, count, [None] * count, for_all=False)
    names = view_names(args.recordings)
    made = []
    for text, name, yaml, hfov, people in zip(args.recordings, names, cameras, hfovs, files, strict=True):
        path, _, namespace = text.partition("#")
        topics = f"/{namespace.strip('/')}/*" if namespace else "*"
        camera = None if yaml is None and hfov is None else open_camera(yaml, hfov)
        choice = RecordingChoice(topics, topics, None if camera is None else partial(camera_of_size, camera))
        made.append(ViewSource(Path(path), name, choice, people))
    return made


def view_names(recordings: Sequence[str]) -> list[str]:
    """Of the views: the namespaces, or the files' names, with a number where they are the same."""
    names = []
    for text in recordings:
        path, _, namespace = text.partition("#")
        names.append(namespace.strip("/").replace("/", "_") or Path(path).stem)
    return [name if names.count(name) == 1 else f"{name}_{at}" for at, name in enumerate(names, 1)]


def _one_each(option: str, given: list[object] | None, count: int, default: list, for_all: bool = True) -> list:  # type: ignore[type-arg]
    if given is None:
        return default
    if len(given) == 1 and for_all:
        return given * count
    if len(given) != count:
        raise ConfigError(option, expected=f"{count} values", got=str(len(given)), fix="Give one for each, in order.")
    return given


def _read(sources: Sequence[ViewSource], args: argparse.Namespace) -> list[RecordedView]:
    views: list[RecordedView] = []
    with ExitStack() as stack:
        predictor = None
        for source in sources:
            found = source.found_before
            if found is not None:
                views.append(read_found(source, found))
                continue
            if predictor is None:
                predictor = stack.enter_context(open_predictor(pipeline_config(args), smooth=False))
                warn_of(predictor.pipeline.engine_problems)
            with ProgressBar(source.name) as bar:
                views.append(read_by_models(source, predictor, bar))
    other = next((view for view in views if view.skeleton != views[0].skeleton), None)
    if other is not None:
        got = f"{views[0].skeleton.name} and {other.skeleton.name}"
        raise ConfigError("--people", expected="one skeleton", got=got, fix="Predict both with the same --skeleton.")
    return views


def _tell(views: Sequence[RecordedView], labels: Labels, made: Sequence[ViewLabels], args: argparse.Namespace) -> None:
    if args.hfov:
        warn_of(["no calibration: metres and angles are those of the field of view that was given"])
    px, first = labels.reprojection_px * views[0].camera.fx_px / 1000.0, views[0].source.name
    print(f"Scale: {labels.scale}. Reprojection error: {px:.2f} px (median).")
    for at in range(1, len(views)):
        print(_camera_in_words(labels, at, views[at].source.name, first))
    for view, one in zip(views, made, strict=True):
        path = args.output / f"{view.source.name}.mcap"
        print(f"{view.source.name}: {len(one.people)} of {one.images} images have labels: {path}")
    print(f"Score the models with `pose3d evaluate --bag {args.output / first}.mcap`.")


def _camera_in_words(labels: Labels, at: int, name: str, first: str) -> str:
    pose, rig = labels.first2camera[at], labels.rig
    turn_deg = float(np.rad2deg(np.arccos(np.clip((np.trace(pose.rotation) - 1) / 2, -1, 1))))
    return (
        f"{name}: {np.linalg.norm(pose.translation_m):.2f} m from {first}, turned by {turn_deg:.1f} degrees, "
        f"clock offset {rig.offsets_s[at]:+.3f} s; {rig.inlier_shares[at - 1]:.0%} of the joints on their epipolar "
        f"lines, rays meet at {rig.angles_deg[at - 1]:.0f} degrees"
    )
