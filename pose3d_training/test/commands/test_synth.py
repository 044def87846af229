"""`pose3d synth` finds its parts and says what is wrong before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.cli.main import build_parser, main

pytest.importorskip("torch")
pytest.importorskip("moderngl")


def test_backgrounds_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "backgrounds", "--output", str(tmp_path / "b"), "--count", "2", "--seed", "3"]) == 0
    assert [p.name for p in sorted((tmp_path / "b").iterdir())] == ["003_00000.jpg", "003_00001.jpg"]
    assert "2 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--seed", "100"], "--seed"), (["--shard", "2/2"], "2/2"), (["--shard", "half"], "half")],
)
def test_wrong_options_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], named: str
) -> None:
    folders = ["--assets", str(tmp_path), "--output", str(tmp_path / "bank")]
    assert main(["synth", "people", *folders, *options]) == 2
    assert named in capsys.readouterr().err


def test_a_folder_without_people_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "preview", "--bank", str(tmp_path), "--output", str(tmp_path / "a.png")]) == 2
    assert "sprite bank" in capsys.readouterr().err


def test_debug_is_understood_at_either_place() -> None:
    parser = build_parser("synth")
    for arguments in (["synth", "--debug", "backgrounds"], ["synth", "backgrounds", "--debug"]):
        assert parser.parse_args([*arguments, "--output", "b"]).debug
    assert not parser.parse_args(["synth", "backgrounds", "--output", "b"]).debug
