"""The root's error with each source of distance that a recording has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import SAMPLE_WITH_DEPTH, BagReader, sample_bag
from pose3d_ros.evaluation.recording.distance_sources import SourceError, compare_sources
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, FrameResult

from ...conftest import MUCO, Scene, person_at

STEP = 1_000_000_000 * 2 // 15


def finder(bag: Path) -> Any:
    """Finds the ground truth 10% too far; 4% with the floor, 2% with depth, 1% with both."""
    with BagReader(bag) as reader:
        people = {message.stamp_ns: message.people for message in reader.people()}
        camera = next(reader.cameras()).camera

    def find(frame: Frame, _: None) -> FrameResult:
        known = (frame.ground is not None, frame.depth is not None)
        factor = {(False, False): 1.1, (True, False): 1.04, (False, True): 1.02, (True, True): 1.01}[known]
        found = tuple(person_at(p.track_id, factor * p.pose.joints_cam_m, camera) for p in people[frame.stamp_ns])
        return FrameResult(found, (), {"detect": 1.0, "pose": 1.0})

    engines = SimpleNamespace(backend=SimpleNamespace(name="fake"))
    pipeline = Mock(Pipeline, side_effect=find, skeleton=MUCO)
    pipeline.engines = engines
    return pipeline


def test_sample_recording_is_scored_with_floor_and_depth() -> None:
    bag = sample_bag(SAMPLE_WITH_DEPTH)
    pipeline, steps = finder(bag), []
    found = compare_sources(bag, pipeline, lambda done, of: steps.append((done, of)))
    assert [one.source for one in found] == ["none", "floor", "depth", "floor and depth"]
    assert len({one.people for one in found}) == 1
    none, *others = found
    assert none.mrpe_mm > 250
    ratios = [one.mrpe_mm / none.mrpe_mm for one in others]
    assert ratios == pytest.approx([0.4, 0.2, 0.1], rel=1e-3)
    assert set(none.errors_mm) == {"2-3", "3-5", "5-7"}
    for band, error_mm in none.errors_mm.items():
        low, _, high = band.partition("-")
        assert 100 * float(low) <= error_mm <= 100 * float(high)
    assert steps[-1] == (240, 240)
    assert pipeline.reset.call_count == 4
    assert none.as_dict()["mrpe_by_distance_mm"] == {f"{b} m": round(e, 1) for b, e in none.errors_mm.items()}


def test_stated_deviations_are_compared_with_the_errors() -> None:
    bag = sample_bag(SAMPLE_WITH_DEPTH)
    none = compare_sources(bag, finder(bag))[0]
    with BagReader(bag) as reader:
        distances_m = [np.linalg.norm(p.pose.root_cam_m) for message in reader.people() for p in message.people]
    assert none.ratio_sigma == pytest.approx(np.sqrt(np.mean(np.square(distances_m))), rel=0.02)  # 10% over 0.1 m


def test_recording_without_floor_and_depth_is_not_compared(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.mcap", 2)
    assert compare_sources(path, finder(path)) == ()


def test_error_of_a_source_without_people_is_none() -> None:
    assert SourceError("none", 0, 1.0, {}, 1.0).as_dict()["mrpe_by_distance_mm"] == {}
