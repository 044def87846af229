"""`pose3d evaluate A B …`: many recordings, here or on a Ray cluster, each once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pose3d_ros.bags.people_lines import SUFFIXES as PEOPLE_SUFFIXES
from pose3d_ros.cli.common_options import parameters_asked_for
from pose3d_ros.cli.terminal import ProgressBar, print_table
from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.engines.engine_set import open_manifest
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.batch.executors import Finished, default_workers, run_local, run_on_ray
from pose3d_ros.evaluation.batch.pooled import RecordingResult, pooled_summary
from pose3d_ros.evaluation.batch.recording_jobs import RecordingJob, is_done, is_recording, jobs_of, recordings_in
from pose3d_ros.evaluation.recording.table_files import read_tables
from pose3d_ros.evaluation.report.recordings_report import (
    RecordingsReport,
    failure_lines,
    recording_rows,
    write_recordings,
)
from pose3d_ros.reading.documents import read_json
from pose3d_ros.reading.files import Origin, is_folder

EXECUTORS = ("local", "ray")
DEFAULT_FOLDER = Path("out") / "evaluate"
_MOST_WORKERS = 64
_PASSED_ON = ("engines", "backend", "image_topic", "camera_info_topic", "hfov")


def add_executor_options(parser: argparse.ArgumentParser) -> None:
    """--executor and --workers."""
    group = parser.add_argument_group("many recordings")
    group.add_argument(
        "--executor",
        choices=EXECUTORS,
        help="where to evaluate them: on this machine (local, the default), or on a Ray cluster that runs",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="recordings at a time on this machine (default: by its CPUs and memory)",
    )


def recordings_asked_for(args: argparse.Namespace) -> tuple[Path, ...]:
    """The recordings to evaluate one by one; none where the command is about a single one.

    Raises ConfigError for options that exclude each other, BagError for a folder without a recording.
    """
    paths = args.predictions
    are_many = len(paths) > 1 or (len(paths) == 1 and is_folder(paths[0]) and not is_recording(paths[0]))
    if not (are_many or args.executor or args.workers):
        return ()
    if not paths:
        option = "--executor" if args.executor else "--workers"
        raise ConfigError(option, expected="recordings", got="none", fix="Name them, or a folder that holds some.")
    for name in ("bag", "ground_truth", "protocol", "compare", "synthetic"):
        if getattr(args, name) is not None:
            option, fix = f"--{name.replace('_', '-')}", "Leave it, or the recordings, out."
            raise ConfigError(option, expected="no recordings beside it", got=str(paths[0]), fix=fix)
    people = next((path for path in paths if path.suffix in PEOPLE_SUFFIXES), None)
    if people is not None:
        fix = "Score files of people one by one, or compare two of them with --compare."
        raise ConfigError("recordings", expected="recordings with images", got=str(people), fix=fix)
    if args.workers is not None and not 1 <= args.workers <= _MOST_WORKERS:
        fix = "Each needs memory for its models."
        raise ConfigError("--workers", expected=f"1 to {_MOST_WORKERS}", got=str(args.workers), fix=fix)
    return recordings_in(paths)


def evaluate_recordings(recordings: Sequence[Path], args: argparse.Namespace) -> tuple[dict[str, object], int]:
    """Evaluate those that have no results yet, print and write the metrics; those of summary.json, and how many failed.

    A recording that fails does not end the rest. Raises ConfigError for options that can't be used.
    """
    if args.json:
        fix = "The folder of --report or --tables gets a summary.json."
        raise ConfigError("--json", expected="one recording", got=f"{len(recordings)}", fix=fix)
    folder = args.report or args.tables or DEFAULT_FOLDER
    config = NodeConfig.from_parameters(parameters_asked_for(args)).pipeline
    models = {entry.name: entry.sha256 for entry in open_manifest(config.engine).entries}
    options = _options(args)
    output = "--report={folder}" if args.report else "--tables={folder}"
    jobs = jobs_of([Path(os.path.abspath(path)) for path in recordings], [*options, output], models)
    failed = _run(jobs, folder, args)
    results = {job.name: _result(folder / job.name) for job in jobs if job.name not in failed}
    facts = {"Models": " + ".join(models), "Options": " ".join(options)}
    report = RecordingsReport(pooled_summary(results), failed, facts)
    page = write_recordings(report, folder)
    rows = recording_rows(report)
    if rows:
        print_table(rows, right=[name for name in rows[0] if name != "recording"])
    print(f"\nReport: {page}")
    if failed:
        print("pose3d evaluate: " + "\n".join(failure_lines(failed, len(jobs))), file=sys.stderr)
    return dict(report.pooled), len(failed)


def _options(args: argparse.Namespace) -> list[str]:
    """The options of each recording's own command."""
    given = {name: getattr(args, name) for name in _PASSED_ON}
    given["camera"] = os.path.abspath(args.camera) if args.camera else None
    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value not in (None, "*")]
    options += ["--live"] if args.live else []
    options += [f"--param={text}" for text in args.param]
    return options


def _run(jobs: Sequence[RecordingJob], folder: Path, args: argparse.Namespace) -> dict[str, str]:
    """Run those that are not done; name → why it failed."""
    todo = [job for job in jobs if not is_done(job, folder / job.name)]
    failed: dict[str, str] = {}
    with ProgressBar("evaluating", "recordings") as bar:
        if len(todo) < len(jobs):
            bar.say(f"{len(jobs) - len(todo)} of {len(jobs)} recordings were done before")
        for number, finished in enumerate(_finished(todo, folder, args), start=1):
            name, ended = finished.job.name, finished.ended
            if ended.error:
                failed[name] = ended.error
            bar.say(f"{name}: {'FAILED: ' + ended.error if ended.error else 'done'}")
            for warning in ended.warnings:
                bar.say(f"{name}: warning: {warning}")
            bar(len(jobs) - len(todo) + number, len(jobs))
    return {job.name: failed[job.name] for job in jobs if job.name in failed}


def _finished(todo: Sequence[RecordingJob], folder: Path, args: argparse.Namespace) -> Iterator[Finished]:
    if not todo:
        return iter(())
    return (
        run_on_ray(todo, folder)
        if args.executor == "ray"
        else run_local(todo, folder, args.workers or default_workers())
    )


def _result(folder: Path) -> RecordingResult:
    origin = Origin(ConfigError, f"results {folder}", "Remove the folder, and run the command again.")
    summary = read_json(folder / "summary.json", origin)
    return RecordingResult(summary if isinstance(summary, dict) else {}, read_tables(folder))
