"""`pose3d train`: errors before a training starts, and the description of a net."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.errors import ConfigError

pytest.importorskip("lightning_fabric")
pytest.importorskip("moderngl")

from pose3d_training.commands.train import TrainingFolders, train
from pose3d_training.loop.recipe import load_recipe, shipped_recipes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detector", "--output", "run"], "option --bank: expected the folder of rendered people"),
        (["smoother", "--assets", "nowhere", "--output", "run"], "got nowhere"),
        (["lifter_residual", "--output", "run"], "option --assets: expected the folder with the recorded motions"),
        (["lifter_landmarks", "--assets", ".", "--output", "run"], "option --landmarks: expected the file that"),
        (["smoother"], "option --output"),
        (["painter", "--output", "run"], "expected a file, or one of detector, "),
        (["smoother", "--device", "abacus", "--output", "run"], "option --device"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_missing_or_wrong_argument_is_an_error(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_lifter_started_from_a_graph_is_an_error(tmp_path: Path) -> None:
    recipe = load_recipe(shipped_recipes()["lifter_temporal"])
    message = r"expected a run's checkpoint\.pt, for a lifter of architecture temporal, got a\.onnx"
    with pytest.raises(ConfigError, match=message):
        train(recipe, TrainingFolders(tmp_path / "run"), engine=Path("a.onnx"))


def test_describe_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "smoother", "--describe"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("smoother: 0.64 M parameters")
