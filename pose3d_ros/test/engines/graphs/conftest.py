"""Small nets and graphs. The nets need torch, which a robot does not have: without it these tests are left out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from torch import nn

    Net = TypeVar("Net", bound=nn.Module)

collect_ignore_glob = ["test_*.py"]

if importlib.util.find_spec("torch"):
    import torch

    collect_ignore_glob = []
    # These nets are so small that a second thread costs more than it does, most of all on a busy machine.
    torch.set_num_threads(1)

Feeds = dict[str, npt.NDArray[np.float32]]
KERNEL = np.ones((2, 2, 1, 1), np.float32)
SHAPE = [1, 2, 4, 4]


def lively(net: Net) -> Net:
    """The net with convolutions that keep the size of what they pass on, so that its heat maps have peaks."""
    from torch import nn

    generator = torch.Generator().manual_seed(0)
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = module.weight[0].numel() if isinstance(module, nn.Conv2d) else module.weight.shape[0] * 4
            gain = 0.03 if name.endswith(("xy_layer", "depth_layer", "ltrb_layer")) else 1.0
            nn.init.normal_(module.weight, std=gain * (2 / fan) ** 0.5, generator=generator)
            if name.endswith("depth_layer") and module.bias is not None:
                nn.init.ones_(module.bias)  # γ near 1
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.2 / module.in_features**0.5, generator=generator)
    return net


def run_graph(path: Path, feeds: Feeds) -> Feeds:
    """The outputs on ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))


def conv(source: str, result: str) -> onnx.NodeProto:
    """A convolution with KERNEL."""
    return helper.make_node("Conv", [source, "kernel"], [result])


def write_graph(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, npt.NDArray[Any]],
    outputs: Sequence[str] = ("answer",),
) -> None:
    """A graph of opset 17 on `image` of SHAPE, which its outputs have as well."""
    image, *results = (helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("image", *outputs))
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(list(nodes), "net", [image], results, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
