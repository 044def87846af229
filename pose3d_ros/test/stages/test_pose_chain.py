"""Every chain asks for the models of its own roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import BackendChoice, EngineSet, Manifest
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.pose_chain import pose_source

from ..conftest import manifest_entry


@pytest.mark.parametrize(
    ("decoder", "message"), [("torchvision_keypoints", "expected an ONNX file"), ("simcc_2d", "detector")]
)
def test_first_model_that_a_chain_asks_for(decoder: str, message: str) -> None:
    # The pose net's file does not exist. A net of whole images is opened first, another one after the detector.
    entry = manifest_entry(decoder, roles=("pose",), skeleton="coco17", input_size_px=(64, 64))
    engines = EngineSet(Manifest(Path(), (entry,)), BackendChoice("onnxruntime", "test"))
    with pytest.raises(EngineError, match=message):
        pose_source(engines, PipelineConfig())
