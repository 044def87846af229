"""One engine an entry, opened on demand, with the options of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pose3d_ros.config.settings import DetectorConfig, EngineConfig, PipelineConfig
from pose3d_ros.engines import BackendChoice, Engine, Manifest, ManifestEntry, TensorSpec
from pose3d_ros.engines.engine_set import EngineSet, engine_options, open_engine_set, open_manifest
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

BACKEND = BackendChoice("onnxruntime", "a test")


class Idle(Engine):
    """Does nothing."""

    def __init__(self, entry: ManifestEntry) -> None:
        super().__init__(entry.name, (), (TensorSpec("y", (1,), "float32"),))
        self.open = True

    def _run(self, feeds: object) -> dict[str, Tensor]:
        return {}

    def _release(self) -> None:
        self.open = False


def test_engine_of_two_roles_is_opened_once_and_closed(make_entry: Callable[..., ManifestEntry]) -> None:
    both, detector = make_entry(name="both"), make_entry(name="boxes", roles=("detector",))
    with EngineSet(Manifest(Path("."), (both, detector)), BACKEND, opener=Idle) as engines:
        root, pose = engines.for_role("root"), engines.for_role("pose")
        assert root.engine is pose.engine
        assert (engines.names, engines.statuses, engines.problems) == ("both", ("both: Idle",), ())
        root.engine.infer({})
        assert engines.busy_s == root.engine.busy_s > 0
        with pytest.raises(EngineError, match="role lifter"):
            engines.for_role("lifter")
    assert isinstance(root.engine, Idle)
    assert not root.engine.open


def test_problems_are_told_once_models_look_at_images(
    make_entry: Callable[..., ManifestEntry],
) -> None:
    smoother, pose = make_entry(name="smoother", roles=("smoother",)), make_entry(roles=("pose",))
    manifest = Manifest(Path("."), (smoother, pose), ("auto runs the embedded models",))
    with EngineSet(manifest, BACKEND, opener=Idle) as engines:
        engines.for_role("smoother")
        assert not engines.problems  # as in smoother_node: pose_node tells it
        engines.for_role("pose")
        assert engines.problems == ("auto runs the embedded models",)


def test_default_models_are_used_unless_a_folder_is_named(tmp_path: Path) -> None:
    assert open_manifest(EngineConfig()).has_role("detector")
    with pytest.raises(EngineError, match=str(tmp_path)):
        open_manifest(EngineConfig(engines=str(tmp_path)))
    assert open_engine_set(PipelineConfig(engine=EngineConfig(backend="onnxruntime"))).backend.name == "onnxruntime"


def test_options_of_a_configuration() -> None:
    lines: list[str] = []
    settings = EngineConfig(threads=3, precision="fp32", engine_cache="/plans", build_engines=False)
    options = engine_options(PipelineConfig(engine=settings, detector=DetectorConfig(max_people=2)), lines.append)
    assert (options.threads, options.precision, options.allow_build) == (3, "fp32", False)
    assert options.cache_dir == Path("/plans")
    assert options.max_people == DetectorConfig().max_people  # plans of the usual number serve fewer
    options.report("slow")
    assert lines == ["slow"]
