"""The pipeline on the models that the user got: the same people on TensorRT's stand-in as on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import choose_backend
from pose3d_ros.engines.engine_set import EngineSet, engine_options
from pose3d_ros.engines.spec.model_sets import open_set
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import FrameResult

from .conftest import recorded_frames
from .engines.tensorrt.tensorrt_stand_in.stand_in_device import install_stand_in


def _found(models: Path, backend: str, plans: Path) -> tuple[FrameResult, tuple[str, ...]]:
    settings = {
        "engines": models.name,
        "backend": backend,
        "precision": "fp32",
        "engine_cache": str(plans),
        "threads": 1,
    }
    config = PipelineConfig.from_parameters(settings)
    engines = EngineSet(open_set(models.name, models.parent), choose_backend(backend), engine_options(config))
    with Pipeline(engines, config) as pipeline:
        result = pipeline(recorded_frames(30, 31)[0])
        return result, pipeline.engine_problems


def test_mediapipe_models_find_the_same_people_on_tensorrt(
    mediapipe_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, problems = _found(mediapipe_models, "onnxruntime", tmp_path)
    assert problems == ()
    install_stand_in(monkeypatch)
    found, problems = _found(mediapipe_models, "tensorrt", tmp_path)
    assert problems == ()
    assert len(found.people) == len(wanted.people) >= 2
    by_place = [sorted(result.people, key=lambda person: person.pose.root_cam_m[0]) for result in (found, wanted)]
    for person, same in zip(*by_place, strict=True):  # crops are sampled on the device there
        np.testing.assert_allclose(person.pose.root_cam_m, same.pose.root_cam_m, atol=0.15)
        assert person.pose.skeleton == same.pose.skeleton
