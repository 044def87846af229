"""Loading of checkpoints: published containers, differences, damaged and malicious files."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_training.nets.backbone import build_backbone
from pose3d_training.nets.checkpoint_file import compare_state_dicts, load_state, read_state_dict


def _net(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3))


def load(net: nn.Module, path: Path) -> None:
    load_state(net, read_state_dict(path), path)


def _prefixed(net: nn.Module) -> dict[str, Tensor]:
    return {f"module.{k}": v for k, v in net.state_dict().items()}


@pytest.mark.parametrize("zipped", [True, False])
def test_published_checkpoint_loads(tmp_path: Path, zipped: bool) -> None:
    source, target, path = _net(1), _net(2), tmp_path / "snapshot_24.pth.tar"
    optimizer = torch.optim.Adam(source.parameters()).state_dict()
    content = {"epoch": 24, "network": _prefixed(source), "optimizer": optimizer}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    load(target, path)
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value)


@pytest.mark.parametrize("container", ["model_pos", "state_dict", None])
def test_other_containers_and_bare_state_dicts_load(tmp_path: Path, container: str | None) -> None:
    source, target = _net(1), _net(2)
    state = source.state_dict()
    torch.save(state if container is None else {"lr": 0.1, container: state}, tmp_path / "a.bin")
    load(target, tmp_path / "a.bin")
    assert torch.equal(target.state_dict()["0.weight"], state["0.weight"])


def test_checkpoint_without_batch_counters_loads(tmp_path: Path) -> None:
    source, target = _net(1), _net(2)
    torch.save({k: v for k, v in source.state_dict().items() if "num_batches" not in k}, tmp_path / "a.pth")
    load(target, tmp_path / "a.pth")
    assert torch.equal(target.state_dict()["0.bias"], source.state_dict()["0.bias"])


def test_differing_state_dict_lists_differences_and_loads_nothing(tmp_path: Path) -> None:
    target = _net(2)
    before = {k: v.clone() for k, v in target.state_dict().items()}
    state: dict[str, Tensor] = dict(_net(1).state_dict())
    state["0.weight"] = torch.zeros(3, 4, 1)
    state["head.weight"] = state.pop("1.bias")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(EngineError) as caught:
        load(target, tmp_path / "a.pth")
    for part in ("0.weight is (3, 4, 1), not (3, 2, 1)", "missing 1.bias", "unexpected head.weight", "3 differences"):
        assert part in str(caught.value)
    assert all(torch.equal(target.state_dict()[k], v) for k, v in before.items())


def test_long_list_of_differences_is_truncated(tmp_path: Path) -> None:
    torch.save(build_backbone("resnet10w8").state_dict(), tmp_path / "a.pth")
    with pytest.raises(EngineError, match=r"differences: .*, and \d+ more"):
        load(_net(1), tmp_path / "a.pth")


def test_equal_state_dicts_have_no_differences() -> None:
    assert compare_state_dicts(_net(1).state_dict(), _net(2).state_dict()) == []


class _Evil:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.victim),)


def test_code_in_a_checkpoint_is_an_error_and_does_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "pwned"
    torch.save({"network": _net(1).state_dict(), "extra": _Evil(victim)}, tmp_path / "a.pth")
    with pytest.raises(EngineError, match="tensors and plain values only"):
        read_state_dict(tmp_path / "a.pth")
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", b"PK\x03\x04 cut off", pickle.dumps({"a": 1}, protocol=2)],
    ids=["empty", "text", "zip", "pickle"],
)
def test_damaged_checkpoint_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(EngineError, match="checkpoint"):
        read_state_dict(tmp_path / "a.pth")


def test_truncated_checkpoint_is_an_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(_net(1).state_dict(), buffer)
    (tmp_path / "a.pth").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(EngineError, match="Download it again"):
        read_state_dict(tmp_path / "a.pth")


def test_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="a readable file"):
        read_state_dict(tmp_path / "none.pth")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(1)], {"network": {}}, {"network": {"a": 1.0}}])
def test_checkpoint_without_weights_is_an_error(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(EngineError, match="named tensors"):
        read_state_dict(tmp_path / "a.pth")


def test_weights_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    state = _net(1).state_dict()
    state["0.weight"][0] = float("nan")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(EngineError, match=r"NaN or infinity in 0\.weight"):
        read_state_dict(tmp_path / "a.pth")
