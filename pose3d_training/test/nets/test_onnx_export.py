"""ONNX export: checks against torch, forbidden operators, folded normalizations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import export_detector
from pose3d_training.nets.onnx_export import GraphSpec, export_graph, fold_batch_norms


def _linear_spec() -> GraphSpec:
    return GraphSpec(("x",), ("y",), lambda batch, generator: (torch.randn(batch, 3, generator=generator),))


class _BatchDependent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.shape[0] if x.shape[0] > 2 else x


class _Einsum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ni,nj->nij", x, x)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_differing_graph_is_an_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"the engine before")
    with pytest.raises(EngineError, match="output y, batch 5"):
        export_graph(_BatchDependent(), path, _linear_spec())
    assert path.read_bytes() == b"the engine before"
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_graph_with_einsum_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="got Einsum"):
        export_graph(_Einsum(), tmp_path / "net.onnx", _linear_spec())
    assert not list(tmp_path.iterdir())


def test_graph_with_nan_outputs_is_an_error(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.bias, float("nan"))
    with pytest.raises(EngineError, match="difference of nan"):
        export_graph(layer, tmp_path / "net.onnx", _linear_spec())


def test_folded_batch_normalizations_keep_the_outputs() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.ConvTranspose2d(3, 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2),
    )
    for _ in range(5):
        net(torch.randn(4, 2, 8, 8) * 3 + 1)
    net.eval()
    image = torch.randn(2, 2, 8, 8)
    with torch.no_grad():
        expected = net(image)
        folded = fold_batch_norms(net)
        torch.testing.assert_close(folded(image), expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_export_of_a_net_in_training_leaves_it_unchanged(tmp_path: Path) -> None:
    net = PersonDetector("resnet10w8", 8).train()
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    before = {k: v.clone() for k, v in net.state_dict().items()}
    export_detector(net, tmp_path / "net.onnx")
    assert net.training
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
