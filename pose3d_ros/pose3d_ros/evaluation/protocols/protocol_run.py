"""Scoring predictions on a dataset by a protocol's name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.datasets.dataset_formats import AUTO, format_of, read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection
from pose3d_ros.evaluation.metrics.json_file import plain, write_json
from pose3d_ros.evaluation.protocols.protocol_table import Protocol, get_protocol
from pose3d_ros.evaluation.protocols.scored import FoundPeople, Scored, score
from pose3d_ros.evaluation.recording.summary import Smoothness
from pose3d_ros.skeletons import get_skeleton

BAG = "bag"
"""The protocol of recordings, docs/evaluate.md; it needs no dataset."""

_STILL = Smoothness(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
"""Of frames that are not neighbors in time."""


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """figures: what papers report for the protocol, percent where they do."""

    protocol: Protocol
    dataset: Dataset
    scored: Scored
    figures: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """The summary of all metrics with the protocol's figures under their own names, which win."""
        about = {
            "protocol": self.protocol.name,
            "dataset": self.dataset.format,
            "sequences": len(self.dataset.sequences),
            "joints": list(self.protocol.joints),
            "protocol_about": f"{self.protocol.about}; {self.protocol.source}",
        }
        figures = {name: plain(value) for name, value in self.figures.items()}
        return {**about, **self.scored.summary.as_dict(), **figures, "figures": figures}

    def write(self, path: Path) -> None:
        """Write `as_dict` as JSON."""
        write_json(path, self.as_dict())


def read_for_protocol(path: Path, protocol: Protocol, given: Selection, format_name: str = AUTO) -> Dataset:
    """Read the part of a dataset that a protocol scores.

    given: what the user says of it; sequences and views replace the protocol's, its frame step stays. Of a bag all
    frames count. Raises ConfigError for a dataset of another format than the protocol's.
    """
    name = format_of(path) if format_name == AUTO else format_name
    if name not in _formats(protocol):
        raise ConfigError(
            f"--protocol {protocol.name}",
            expected=f"a dataset of the format {' or '.join(_formats(protocol))}",
            got=f"{path}, which is {name}",
            fix="Name the dataset that the protocol belongs to, or another protocol.",
        )
    if name == BAG:
        return read_dataset(path, given, name)
    own, everything = protocol.selection, Selection().sequences
    sequences = own.sequences if given.sequences == everything else given.sequences
    views = given.views or own.views
    chosen = replace(given, sequences=sequences, step=own.step, views=views, universal=own.universal)
    return read_dataset(path, chosen, name)


def _formats(protocol: Protocol) -> tuple[str, ...]:
    """Its own, and the package's recordings, which datasets are converted to; boxes come as text and as XML."""
    boxes = ("mot", "pets")
    return (protocol.format, BAG) if protocol.format not in boxes else (*boxes, BAG)


def evaluate_protocol(found: FoundPeople, dataset: Dataset, protocol: Protocol | str) -> ProtocolResult:
    """Score what was found. Raises as `score`, and ConfigError for an unknown name."""
    chosen = get_protocol(protocol) if isinstance(protocol, str) else protocol
    skeleton = get_skeleton(chosen.skeleton)
    scored = score(found, dataset, skeleton, chosen.joints, chosen.matching)
    if not chosen.is_video:
        scored = replace(scored, summary=replace(scored.summary, smoothness=_STILL))
    return ProtocolResult(chosen, dataset, scored, chosen.figures(scored))
