"""Start a training from a delivered engine: its graph's weights back in a net that can be trained.

An engine's normalizations are folded into its convolutions. Here every convolution gets its folded weights, and the
normalization behind it the statistics of some real batches with the scale and shift that undo them: the net gives the
engine's outputs at once, and normalizes anew as it learns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from onnx import numpy_helper
from torch import Tensor, nn

from pose3d_ros.engines.graphs.onnx_graph import load_graph
from pose3d_ros.errors import EngineError

Weighted = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear
Norm = nn.BatchNorm1d | nn.BatchNorm2d
_OPERATORS = ("Conv", "ConvTranspose", "Gemm")


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with weights and, for folded ones, the normalization that followed it."""

    name: str
    module: Weighted
    norm: Norm | None


def start_from_engine(module: nn.Module, path: Path, batches: Iterable[Callable[[], object]]) -> None:
    """Load the graph `path` into `module`, an untrained net of the same configuration, in place.

    batches: calls that each run the module on one batch of training samples; the first is needed to follow the net's
    layers, all of them for the statistics of the normalizations. Raises EngineError for a graph of another net.
    """
    runs = list(batches)
    was_training = module.training
    module.eval()
    with torch.no_grad():
        layers = _layers_in_order(module, runs[0])
        for layer, (weight, bias) in zip(layers, _checked(layers, _graph_weights(path), path), strict=True):
            layer.module.weight.copy_(weight.reshape(layer.module.weight.shape))
            _set_bias(layer, bias)
        _restore_statistics([layer for layer in layers if layer.norm is not None], runs)
    module.train(was_training)


def _graph_weights(path: Path) -> list[tuple[Tensor, Tensor | None]]:
    """Weight and bias of each layer in the order of the graph."""
    graph = load_graph(path).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    return [
        (values[node.input[1]], values[node.input[2]] if len(node.input) > 2 else None)
        for node in graph.node
        if node.op_type in _OPERATORS and node.input[1] in values
    ]


def _layers_in_order(module: nn.Module, run: Callable[[], object]) -> list[_Layer]:
    """The layers in the order in which a forward pass calls them, as the exporter writes them."""
    called: list[tuple[str, Weighted]] = []
    made_by: dict[int, int] = {}
    norms: dict[int, Norm] = {}
    keep: list[Tensor] = []  # a freed tensor's id would be used again

    def on_layer(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(layer: nn.Module, _: tuple[Tensor, ...], result: Tensor) -> None:
            if isinstance(layer, Weighted):
                made_by[id(result)] = len(called)
                called.append((name, layer))
                keep.append(result)

        return hook

    def on_norm(norm: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        if isinstance(norm, Norm):
            norms[made_by[id(arguments[0])]] = norm

    handles = [
        part.register_forward_hook(on_layer(name))
        for name, part in module.named_modules()
        if isinstance(part, Weighted)
    ]
    handles += [p.register_forward_pre_hook(on_norm) for p in module.modules() if isinstance(p, Norm)]
    run()
    for handle in handles:
        handle.remove()
    return [_Layer(name, layer, norms.get(i)) for i, (name, layer) in enumerate(called)]


def _checked(
    layers: list[_Layer], weights: list[tuple[Tensor, Tensor | None]], path: Path
) -> list[tuple[Tensor, Tensor | None]]:
    ours = [(layer.name, _graph_shape(layer.module)) for layer in layers]
    theirs = [tuple(weight.shape) for weight, _ in weights]
    if [shape for _, shape in ours] == theirs:
        return weights
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a[1] != b), min(len(ours), len(theirs)))
    name, shape = ours[at] if at < len(ours) else ("nothing", ())
    raise EngineError(
        f"engine {path}",
        expected=f"the layers of the recipe's net: {len(ours)}, the {at + 1}th of them {name} {shape}",
        got=f"{len(theirs)} layers, there {theirs[at] if at < len(theirs) else 'nothing'}",
        fix="Start from an engine that the same recipe made, or train from the beginning.",
    )


def _graph_shape(module: Weighted) -> tuple[int, ...]:
    """Shape of a layer's weight in a graph, where a convolution over time is a matrix over the taps."""
    weight = module.weight
    return tuple(weight.flatten(1).shape if isinstance(module, nn.Conv1d) else weight.shape)


def _set_bias(layer: _Layer, bias: Tensor | None) -> None:
    norm = layer.norm
    if norm is None:
        if layer.module.bias is not None and bias is not None:
            layer.module.bias.copy_(bias)
        return
    if layer.module.bias is not None:
        layer.module.bias.zero_()  # the folded bias has it
    norm.weight.fill_(1.0)
    norm.bias.copy_(torch.zeros_like(norm.bias) if bias is None else bias)
    norm.get_buffer("running_mean").zero_()
    norm.get_buffer("running_var").fill_(1.0 - norm.eps)


def _restore_statistics(layers: list[_Layer], runs: list[Callable[[], object]]) -> None:
    """Mean and variance of each layer's outputs over the runs, undone by scale and shift: the outputs stay."""
    sums: dict[str, list[Tensor]] = {}

    def on(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, __: tuple[Tensor, ...], result: Tensor) -> None:
            value = result.double().transpose(0, 1).flatten(1)
            moments = [value.mean(dim=1), value.square().mean(dim=1)]
            sums[name] = [a + b for a, b in zip(sums.get(name, [torch.zeros_like(m) for m in moments]), moments,
                                                strict=True)]  # fmt: skip

        return hook

    handles = [layer.module.register_forward_hook(on(layer.name)) for layer in layers]
    for run in runs:
        run()
    for handle in handles:
        handle.remove()
    for layer in layers:
        norm = layer.norm
        if norm is None:
            continue
        mean, square = (total / len(runs) for total in sums[layer.name])
        variance = (square - mean.square()).clamp(min=1e-6)
        norm.get_buffer("running_mean").copy_(mean)
        norm.get_buffer("running_var").copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean.to(norm.bias.dtype))
