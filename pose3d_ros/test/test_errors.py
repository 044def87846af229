from __future__ import annotations

import pytest

from pose3d_ros.errors import BagError, CameraError, ConfigError, EngineError, InputError, Pose3DError, SkeletonError


@pytest.mark.parametrize("kind", [InputError, CameraError, ConfigError, EngineError, SkeletonError, BagError])
def test_error_says_expected_got_and_fix(kind: type[Pose3DError]) -> None:
    error = kind("camera_info", expected="fx > 0", got="0.0", fix="Calibrate the camera.")
    assert isinstance(error, Pose3DError)
    assert str(error) == "camera_info: expected fx > 0, got 0.0. Calibrate the camera."
    parts = (error.subject, error.expected, error.got, error.fix)
    assert parts == ("camera_info", "fx > 0", "0.0", "Calibrate the camera.")


def test_error_needs_every_part() -> None:
    with pytest.raises(TypeError):
        InputError("image", expected="3 channels", got="2")  # type: ignore[call-arg]
