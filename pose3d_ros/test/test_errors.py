from __future__ import annotations

import pytest

from pose3d_ros.errors import (
    BagError,
    CameraError,
    ConfigError,
    EngineError,
    InputError,
    OutputError,
    Pose3DError,
    SkeletonError,
    shown,
)

KINDS = [InputError, CameraError, ConfigError, EngineError, SkeletonError, BagError, OutputError]


@pytest.mark.parametrize("kind", KINDS)
def test_error_says_expected_got_and_fix(kind: type[Pose3DError]) -> None:
    error = kind("camera_info", expected="fx > 0", got="0.0", fix="Calibrate the camera.")
    assert isinstance(error, Pose3DError)
    assert str(error) == "camera_info: expected fx > 0, got 0.0. Calibrate the camera."
    parts = (error.subject, error.expected, error.got, error.fix)
    assert parts == ("camera_info", "fx > 0", "0.0", "Calibrate the camera.")


def test_fresh_error_is_the_same_without_what_its_traceback_holds() -> None:
    with pytest.raises(CameraError) as caught:
        raise CameraError("camera_info", expected="fx > 0", got="0.0", fix="Calibrate the camera.") from OSError("file")
    fresh = caught.value.fresh()
    assert (type(fresh), str(fresh)) == (CameraError, str(caught.value))
    assert (fresh.__traceback__, fresh.__cause__) == (None, None)
    assert caught.value.__traceback__ is not None


def test_error_needs_every_part() -> None:
    with pytest.raises(TypeError):
        InputError("image", expected="3 channels", got="2")  # type: ignore[call-arg]


def test_text_of_an_error_is_one_printable_line_of_bounded_length() -> None:
    error = InputError("image \x1b[2Jé\udcff", expected="a\nb", got="x" * 100_000, fix="Fix\0.")
    assert str(error).startswith("image \\x1b[2Jé\\udcff: expected a b, got xxx")
    assert str(error).endswith("Fix\\x00.")
    assert len(str(error)) < 3000


def test_value_from_outside_is_shown_shortened() -> None:
    multiplied: list[object] = ["x"]
    for _ in range(20):
        multiplied = [multiplied] * 9  # its repr has 9**20 characters
    cases: list[tuple[object, str]] = [
        (multiplied, "[[["),
        ({"a": multiplied}, "{'a': [["),
        (10**5000, "an integer of 16610 bits"),
        (-7, "-7"),
        ("word", "'word'"),
        (b"x" * 10**6, "b'xxx"),
        ("x" * 10**6, "'xxx"),
        (1e-05, "1e-05"),
    ]
    for value, start in cases:
        assert shown(value).startswith(start)
        assert len(shown(value)) <= 200
