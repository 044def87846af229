"""Views of a second camera that is not there, made in 2D."""

from __future__ import annotations

from collections.abc import Mapping

from learning_bench import Case, LearningBench

_JOINTS: Mapping[str, object] = {"joints": 10.0}
_AS_LARGE = 234
"""Channels of a residual lifter with as many parameters as the stereo lifter (0.25 M)."""
_ARMS: Mapping[str, Mapping[str, object]] = {
    "residual": {"architecture": "residual", "losses": _JOINTS},
    "residual, as large": {"architecture": "residual", "losses": _JOINTS, "channels": _AS_LARGE},
    "stereo, right view not learned": {"architecture": "stereo", "losses": _JOINTS},
    "stereo": {"architecture": "stereo", "losses": {**_JOINTS, "right_view": 1.0}},
}


def _stereo(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, figures = bench.people(), {}
    for arm, changes in _ARMS.items():
        net = bench.train("stereo", arm.replace(", ", "_").replace(" ", "_"), seed, **changes)
        figures[arm] = bench.error(net, people).mpjpe_mm
    return figures


CASES = (
    Case(
        "stereo",
        "Wang 2019 (in the wild)",
        "Does a lifter gain from a second view that it synthesizes first?",
        "mm MPJPE",
        _stereo,
    ),
)
