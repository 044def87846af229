"""`pose3d evaluate --protocol NAME`: predictions on a dataset, scored as its benchmark scores them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.dataset_options import add_dataset_options, selection_of
from pose3d_ros.cli.terminal import print_table
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import Dataset
from pose3d_ros.evaluation.protocols.protocol_run import (
    BAG,
    ProtocolResult,
    evaluate_protocol,
    read_for_protocol,
)
from pose3d_ros.evaluation.protocols.protocol_table import PROTOCOLS, get_protocol
from pose3d_ros.evaluation.recording.groups import GroupMetrics

_MOST_NAMED = 10
_NOT_WITH_IT = ("live", "report", "bag")
_COLUMNS = ("people", "recall %", "MPJPE mm", "PA-MPJPE mm", "MRPE mm")


def add_protocol_options(parser: argparse.ArgumentParser, purpose: str) -> None:
    """--protocol and the options of datasets. purpose: what the command does with the protocol."""
    parser.add_argument("--protocol", metavar="NAME", help=f"{purpose}: {', '.join((BAG, *PROTOCOLS))}")
    add_dataset_options(parser)


def dataset_of(args: argparse.Namespace, path: Path) -> Dataset:
    """The part of a dataset that --protocol and the options of datasets choose."""
    given = selection_of(args, path)
    if args.protocol in (None, BAG):
        return read_dataset(path, given, args.format)
    return read_for_protocol(path, get_protocol(args.protocol), given, args.format)


def evaluate_by_protocol(args: argparse.Namespace) -> dict[str, object]:
    """Score, print and write, and return what summary.json has. Raises ConfigError for options that don't fit."""
    from pose3d_ros.evaluation.protocols.found_people import found_people
    from pose3d_ros.evaluation.recording.predictions import read_predictions
    from pose3d_ros.evaluation.recording.table_files import write_tables
    from pose3d_ros.evaluation.recording.tables import tables_of

    protocol = get_protocol(args.protocol)
    if args.predictions is None or args.ground_truth is None:
        got = "no predictions" if args.predictions is None else "no --ground-truth"
        fix = "Predict the dataset first: `pose3d predict DATASET --output X.jsonl`."
        raise ConfigError("--protocol", expected="X --ground-truth DATASET", got=got, fix=fix)
    for name in _NOT_WITH_IT:
        if getattr(args, name):
            fix = f"Leave --{name} out; --json and --tables have all metrics."
            raise ConfigError(f"--protocol {protocol.name}", expected="predictions alone", got=f"--{name}", fix=fix)
    dataset = dataset_of(args, args.ground_truth)
    result = evaluate_protocol(found_people(read_predictions(args.predictions), dataset), dataset, protocol)
    problems = result.scored.session.problems
    if problems:
        warn_of((f"left out, or not complete: {len(problems)}", *problems[:_MOST_NAMED]))
    _print(result)
    if args.json:
        result.write(args.json)
    if args.tables:
        result.write(args.tables / "summary.json")
        write_tables(args.tables, tables_of(result.scored.session, result.scored.pairs))
    return result.as_dict()


def _print(result: ProtocolResult) -> None:
    summary, frames = result.scored.summary, len(result.scored.session.frames)
    found = summary.completeness.detection_recall_all
    print(f"{result.protocol.name}: {result.protocol.about}. {result.protocol.source}.")
    print(f"Sequences: {len(result.dataset.sequences)}. Frames: {frames}. People found: {100 * found:.1f}%.")
    print_table([{"figure": name, "value": _text(value)} for name, value in result.figures.items()], right=("value",))
    groups = summary.groups.get("sequence", {})
    if groups:
        print()
        print_table([_row(name, group) for name, group in groups.items()], right=_COLUMNS)


def _row(name: str, group: GroupMetrics) -> dict[str, str]:
    values = (group.people, 100 * group.recall, group.mpjpe_mm, group.pa_mpjpe_mm, group.mrpe_mm)
    return {"sequence": name, **{column: _text(value) for column, value in zip(_COLUMNS, values, strict=True)}}


def _text(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:g}" if float(value).is_integer() else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
