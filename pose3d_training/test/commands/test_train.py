"""`pose3d train` says what it lacks before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.cli.main import main

pytest.importorskip("lightning_fabric")


def test_a_missing_bank_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "detector", "--output", str(tmp_path)]) == 2
    assert "--bank" in capsys.readouterr().err


def test_a_missing_folder_of_motions_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert main(["train", "smoother", "--assets", nowhere, "--output", str(tmp_path)]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_wrong_recipe_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("net: painter\nsteps: 1\nbatch_size: 1\nlearning_rate: 0.1\n")
    assert main(["train", str(recipe), "--output", str(tmp_path)]) == 2
    assert "painter" in capsys.readouterr().err


def test_a_recipes_net_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("moderngl")
    assert main(["train", "smoother", "--describe"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("smoother: 0.64 M parameters")
    assert len(said.splitlines()) == 1


def test_an_output_folder_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "smoother", "--assets", str(tmp_path)]) == 2
    assert "--output" in capsys.readouterr().err
