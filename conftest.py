"""Loaded before any test file: pytest would take the folders that the tests lie in for the packages."""

from __future__ import annotations

import pose3d_ros
import pose3d_training

__all__ = ["pose3d_ros", "pose3d_training"]

pytest_plugins = ["training_fixtures"]  # beside the package: a conftest.py would be a second module test.conftest
