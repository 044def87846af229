"""Which 2D pose models feed a lifter, and what is said of a lifter that none feeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.engines import Manifest, ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.lift_sources import check_sources, feeding_presets, preset_sources

from ..conftest import manifest_entry
from .lift.conftest import lifter_entry


def lifter(skeleton: str) -> ManifestEntry:
    return lifter_entry("lifter_frame", 1, input_skeleton=skeleton)


def test_presets_of_pixels_are_sources() -> None:
    sources = preset_sources()
    assert sources["rtmpose"].name == "coco17"
    assert not {"rtmw3d", "vnect", "metrabs"} & sources.keys()


@pytest.mark.parametrize("skeleton", ["coco17", "h36m16", "h36m17", "h36m18", "mpii16", "mupots17"])
def test_every_published_order_of_2d_joints_has_a_source(skeleton: str) -> None:
    assert "rtmpose" in feeding_presets(lifter(skeleton))
    check_sources(lifter(skeleton), None)


def test_lifter_without_a_source_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"that a 2D pose model gives.*got body40, of which .* lacks .*Import a"):
        check_sources(lifter("body40"), None)


@pytest.mark.parametrize(("decoder", "fed"), [("simcc_2d", True), ("simcc_3d", False)])
def test_pose_model_of_the_folder_is_a_source_if_its_joints_are_lifted(decoder: str, fed: bool) -> None:
    pose = manifest_entry(decoder, roles=("pose",), skeleton="body40", parameters={})
    folder = Manifest(Path("models"), (pose,))
    if fed:
        check_sources(lifter("body40"), folder)
    else:
        with pytest.raises(EngineError, match="into the same folder first"):
            check_sources(lifter("body40"), folder)
