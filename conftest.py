"""Loaded before any test file: pytest would take the folders that the tests lie in for the packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import pose3d_ros
import pose3d_training
from pose3d_ros.config.share_folders import user_models_directory

__all__ = ["pose3d_ros", "pose3d_training"]

# Beside the package: a conftest.py would be a second module test.conftest.
pytest_plugins = ["training_fixtures", "reliability_fixture"]

_USER_MODELS = user_models_directory()


@pytest.fixture(scope="session", autouse=True)
def embedded_models_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No model that the user of this machine got is found, so that the tests run the embedded ones everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def mediapipe_models() -> Path:
    """The user's folder of MediaPipe's full models; skips where they are not."""
    folder = _USER_MODELS / "mediapipe-full"
    if not (folder / "manifest.yaml").is_file():
        pytest.skip(f"no models in {folder}: pose3d models get mediapipe")
    return folder
