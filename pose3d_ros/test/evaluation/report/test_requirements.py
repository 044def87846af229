from __future__ import annotations

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.recording.summary import FIELDS
from pose3d_ros.evaluation.report.requirements import (
    check_fields,
    check_requirements,
    parse_requirements,
    requirement_rows,
)

SUMMARY = {
    "mpjpe_mm": 96.0,
    "mpjpe_smoothed_mm": None,
    "id_switches": 2,
    "latency_ms": {"p50": 12.5, "p95": 40.0},
    "mrpe_xyz_mm": [1.0, 2.0, 250.25],
    "groups": {"distance": {"2–3 m": {"mpjpe_mm": 70.0}}},
    "model": "net",
    "definitions": {"mpjpe_mm": "mean joint distance"},
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mpjpe_mm<=96", True),
        ("mpjpe_mm < 96", False),
        ("mpjpe_mm>95.9", True),
        ("mpjpe_mm>=96.1", False),
        ("id_switches==2", True),
        ("id_switches == 3", False),
        ("latency_ms.p95<5e1", True),
        ("mrpe_xyz_mm.2<=250", False),
        ("groups.distance.2–3 m.mpjpe_mm<=80", True),
        ("mpjpe_smoothed_mm<=1000", False),  # null keeps to nothing
    ],
)
def test_value_is_compared_with_its_limit(text: str, kept: bool) -> None:
    (checked,) = check_requirements(SUMMARY, parse_requirements([text]))
    assert checked.kept is kept


def test_failure_names_field_limit_and_value() -> None:
    checked = check_requirements(SUMMARY, parse_requirements(["mpjpe_mm<=80", "mpjpe_smoothed_mm<=80"]))
    assert checked[0].failure == "required mpjpe_mm <= 80, got 96"
    assert checked[1].failure == "required mpjpe_smoothed_mm <= 80, got not computed (null: nothing to compute it from)"
    assert [row["result"] for row in requirement_rows(checked)] == ["FAIL", "FAIL"]


@pytest.mark.parametrize("text", ["mpjpe_mm", "mpjpe_mm=80", "<=80", "mpjpe_mm<>80", "mpjpe_mm<=nan", "a<=b", ""])
def test_other_forms_are_errors(text: str) -> None:
    with pytest.raises(ConfigError, match="--require"):
        parse_requirements([text])


def test_unknown_field_is_known_before_there_is_a_summary() -> None:
    check_fields(parse_requirements(["mpjpe_mm<=80", "latency_ms.p95<9"]), FIELDS)
    with pytest.raises(ConfigError, match="mpjpe_mm"):
        check_fields(parse_requirements(["mpjpe<=80"]), FIELDS)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("mpjpe<=80", "mpjpe_mm"),
        ("latency_ms<=80", "latency_ms.p50, latency_ms.p95"),
        ("idswitches<=80", "id_switches"),
        ("model==1", "field that is none"),
    ],
)
def test_unknown_field_is_an_error_that_names_near_ones(text: str, near: str) -> None:
    with pytest.raises(ConfigError, match=near):
        check_requirements(SUMMARY, parse_requirements([text]))
