"""`pose3d synth`: its parts, and errors before it starts."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pose3d_ros.cli.main import main
from pose3d_training.commands import synth

pytest.importorskip("torch")
pytest.importorskip("moderngl")


def test_backgrounds_command_writes_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "backgrounds", "--output", str(tmp_path / "b"), "--count", "2", "--seed", "3"]) == 0
    assert [p.name for p in sorted((tmp_path / "b").iterdir())] == ["003_00000.jpg", "003_00001.jpg"]
    assert "2 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "named"), [(["--seed", "100"], "--seed"), (["--shard", "2/2"], "2/2"), (["--shard", "half"], "half")]
)
def test_wrong_option_is_named_in_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], named: str
) -> None:
    folders = ["--assets", str(tmp_path), "--output", str(tmp_path / "bank")]
    assert main(["synth", "people", *folders, *options]) == 2
    assert named in capsys.readouterr().err


def test_preview_of_a_folder_without_sprites_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "preview", "--bank", str(tmp_path), "--output", str(tmp_path / "a.png")]) == 2
    assert "sprite bank" in capsys.readouterr().err


def test_debug_option_before_or_after_the_subcommand() -> None:
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    assert parser.parse_args(["backgrounds", "--debug", "--output", "b"]).debug
    assert not hasattr(parser.parse_args(["backgrounds", "--output", "b"]), "debug")  # that of `pose3d synth` stays
