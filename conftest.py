"""Loaded before any test file: pytest would take the folder pose3d_ros/ that the tests lie in for the package."""

from __future__ import annotations

import pose3d_ros

__all__ = ["pose3d_ros"]
