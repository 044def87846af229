"""`pose3d evaluate --compare A B`: whether one set of results is better than another, in the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.terminal import print_table

_LEFT = ("metric", "B is", "unit")


def compare_results(
    paths: Sequence[Path], recording: Path, json_file: Path | None, report: Path | None
) -> dict[str, object]:
    """Compare, print, write what is asked for, and return the content of comparison.json.

    recording: what results that are no folder of a report were made from. json_file: for comparison.json, report: a
    folder for it and the page.
    """
    from pose3d_ros.evaluation.comparison.compared_metrics import compare
    from pose3d_ros.evaluation.comparison.result_sources import read_results
    from pose3d_ros.evaluation.metrics.json_file import write_json
    from pose3d_ros.evaluation.report.comparison_report import comparison_dict, comparison_rows, write_comparison

    first, second = (read_results(path, recording) for path in paths)
    comparison = compare((str(paths[0]), str(paths[1])), first, second)
    if comparison.left_out:
        warn_of((f"left out: {comparison.left_out} ground-truth people by frame that only one of the results has",))
    rows = comparison_rows(comparison)
    print(f"A: {comparison.first}\nB: {comparison.second}\n")
    print_table(rows, right=[name for name in rows[0] if name not in _LEFT])
    content = comparison_dict(comparison)
    if json_file:
        write_json(json_file, content)
    if report:
        print(f"\nReport: {write_comparison(comparison, report)}")
    return content
