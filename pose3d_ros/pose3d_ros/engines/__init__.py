"""Engines run networks: one interface, shared input checks, and backends that differ only in loading and running.

An engine is described by an entry of a manifest (`manifest.yaml`), and loads only after its sha256 matches.
"""

from pose3d_ros.engines.base import Engine, TensorSpec
from pose3d_ros.engines.engine_pool import EnginePool
from pose3d_ros.engines.engine_set import EngineSet, RoleEngine
from pose3d_ros.engines.factory import BackendChoice, choose_backend, open_engine
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.manifest import (
    Manifest,
    ManifestEntry,
    Normalization,
    default_manifest_dir,
    load_manifest,
)

__all__ = [
    "BackendChoice",
    "Engine",
    "EngineOptions",
    "EnginePool",
    "EngineSet",
    "Manifest",
    "ManifestEntry",
    "Normalization",
    "RoleEngine",
    "TensorSpec",
    "choose_backend",
    "default_manifest_dir",
    "load_manifest",
    "open_engine",
]
