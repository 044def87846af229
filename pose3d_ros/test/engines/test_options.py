"""Options of engines, and the precision that follows from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pose3d_ros.engines import EngineOptions, ManifestEntry
from pose3d_ros.engines.options import int8_refused, precision_of
from pose3d_ros.errors import EngineError


@pytest.mark.parametrize(
    ("roles", "wanted", "precision"),
    [
        (("smoother",), "auto", "fp32"),
        (("lifter",), "fp16", "fp32"),
        (("detector",), "auto", "fp16"),
        (("root", "pose"), "int8", "int8"),
        (("root",), "fp32", "fp32"),
    ],
)
def test_only_image_models_are_rounded(
    make_entry: Callable[..., ManifestEntry], roles: tuple[str, ...], wanted: str, precision: str
) -> None:
    assert precision_of(make_entry(roles=roles), wanted) == precision


def test_int8_gives_way_to_fp16_where_the_manifest_refuses_it(make_entry: Callable[..., ManifestEntry]) -> None:
    entry = make_entry(parameters={"int8_refused": "it moves joints by 6 px"})
    assert [precision_of(entry, wanted) for wanted in ("int8", "auto", "fp32")] == ["fp16", "fp16", "fp32"]
    assert int8_refused(entry) == "it moves joints by 6 px"
    assert int8_refused(make_entry()) == ""


@pytest.mark.parametrize("values", [{"precision": "fp8"}, {"provider": "rocm"}, {"max_people": 0}])
def test_unknown_option_is_an_error(values: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="expected"):
        EngineOptions(**values)
