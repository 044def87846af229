"""`pose3d import` of checkpoints: what it prints, and errors in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.engines import load_manifest
from pose3d_training.commands import import_checkpoint

torch = pytest.importorskip("torch")


@pytest.fixture
def rootnet(tmp_path: Path) -> Path:
    from pose3d_training.nets.mppe_nets import RootNet

    torch.manual_seed(0)
    torch.save({"network": RootNet("resnet10w8", 64).state_dict()}, tmp_path / "snapshot_19.pth.tar")
    return tmp_path / "snapshot_19.pth.tar"


def _posenet(path: Path, joints: int) -> Path:
    from pose3d_training.nets.mppe_nets import PoseNet

    torch.manual_seed(0)
    torch.save({"network": PoseNet(joints, "resnet10w8", 64).state_dict()}, path)
    return path


def test_import_prints_what_was_found_and_written(
    rootnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "engines"
    arguments = ["import", "3dmppe-rootnet", str(rootnet), "--output", str(folder), "--input-size", "64"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    for part in (
        "found:    resnet10w8, crops of 64 px",
        "ONNX Runtime and torch differ by ",
        f"{folder / '3dmppe-rootnet-resnet10w8.onnx'} (",
        "see the authors' terms: https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE",
        "missing:  detector, pose",
    ):
        assert part in said
    assert "changed:" not in said
    assert main(arguments) == 0
    assert "changed:  3dmppe-rootnet-resnet10w8, the root before, is replaced" in capsys.readouterr().out
    assert [entry.roles for entry in load_manifest(folder).entries] == [("root",)]


def test_posenet_import_needs_a_skeleton_for_16_joints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = _posenet(tmp_path / "p.pth", 16)
    arguments = ["import", "3dmppe-posenet", str(checkpoint), "--output", str(tmp_path), "--input-size", "64"]
    assert main(arguments) == 2
    assert "pose3d import: option --skeleton: expected the skeleton of the 16 joints" in capsys.readouterr().err
    assert main([*arguments, "--skeleton", "mpii16", "--training-data", "MPII"]) == 0
    entry = load_manifest(tmp_path).for_role("pose")
    assert entry.skeleton == "mpii16"
    assert entry.training_data.startswith("MPII (checkpoint p.pth, sha256 ")


def test_videopose3d_import_takes_its_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pose3d_training.nets.temporal_net import TemporalModel

    torch.save(
        {"model_pos": TemporalModel(17, 2, 17, (3, 3), causal=True, channels=8).state_dict()}, tmp_path / "a.bin"
    )
    arguments = ["import", "videopose3d", str(tmp_path / "a.bin"), "--output", str(tmp_path)]
    assert main(arguments) == 2
    assert "--input-skeleton" in capsys.readouterr().err
    assert main([*arguments, "--input-skeleton", "h36m17", "--causal", "--units", "metres"]) == 0
    assert "note:     it reads the 2D joints of the presets rtmpose, " in capsys.readouterr().out
    assert load_manifest(tmp_path).for_role("lifter").decoder == "videopose3d_step"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a readable file"),
        (b"<html>not found</html>", "a torch checkpoint of tensors and plain values only"),
    ],
    ids=["missing", "web page"],
)
def test_import_of_a_file_that_is_no_checkpoint_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "a.pth").write_bytes(content)
    assert main(["import", "3dmppe-rootnet", str(tmp_path / "a.pth"), "--output", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert str(tmp_path / "a.pth") in said


def test_input_size_that_is_no_multiple_of_32_is_an_error(
    rootnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["import", "3dmppe-rootnet", str(rootnet), "--output", str(tmp_path), "--input-size", "100"]
    assert main(arguments) == 2
    assert "expected a positive multiple of 32, got 100" in capsys.readouterr().err


def test_import_without_torch_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["import", "videopose3d", "a.bin", "--output", str(tmp_path)]) == 2
    assert "expected torch and onnx, got no torch and no onnx" in capsys.readouterr().err


def test_debug_option_before_or_after_the_kind() -> None:
    parser = argparse.ArgumentParser()
    import_checkpoint.add_kinds(parser.add_subparsers(dest="kind"))
    assert parser.parse_args(["videopose3d", "a.bin", "--output", "b", "--debug"]).debug
    assert not hasattr(parser.parse_args(["videopose3d", "a.bin", "--output", "b"]), "debug")
