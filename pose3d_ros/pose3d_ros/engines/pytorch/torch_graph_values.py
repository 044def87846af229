"""The tensors of a `TorchGraph`: its constants, what follows from its inputs' shapes, and those of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pose3d_ros.engines.pytorch.torch_graph_steps import Step
from pose3d_ros.engines.tensors import Tensor as Array


@dataclass
class Held:
    """Tensors that outlive a run, by name: on the host, and on the device for the steps that mix them with data.

    Nothing of it is freed before the graph is: a recorded CUDA graph reads the device's part again and again.
    """

    host: dict[str, Tensor] = field(default_factory=dict)
    device: dict[str, Tensor] = field(default_factory=dict)

    def keep(self, names: Iterable[str]) -> None:
        """Drop all the others."""
        wanted = set(names)
        self.host = {name: t for name, t in self.host.items() if name in wanted}
        self.device = {name: t for name, t in self.device.items() if name in wanted}


class RunValues:
    """The tensors of one run. constants: of the graph. shapes: what its inputs' shapes led to. data: on the device."""

    def __init__(self, device: torch.device, constants: Held, shapes: Held, data: dict[str, Tensor]) -> None:
        self._device = device
        self._constants = constants
        self.shapes = shapes
        self.data = data

    def host(self, name: str) -> Tensor | None:
        known = self.shapes.host.get(name)
        return self._constants.host.get(name) if known is None else known

    def device(self, name: str) -> Tensor:
        for known in (self.data, self._constants.device, self.shapes.device):
            if name in known:
                return known[name]
        owner = self.shapes if name in self.shapes.host else self._constants
        owner.device[name] = owner.host[name].to(self._device)
        return owner.device[name]


def loaded(initializers: Mapping[str, Array], device: torch.device) -> Held:
    """The weights on the device; those with one axis at the most, which may decide shapes, on the host."""
    held = Held()
    for name, array in initializers.items():
        tensor = torch.from_numpy(array.copy())
        if tensor.ndim <= 1:
            held.host[name] = tensor
        else:
            held.device[name] = tensor.to(device)
    return held


def image_weights(steps: Iterable[Step], constants: Held) -> None:
    """Put the weights of convolutions over images in channels_last, which tensor cores want."""
    for step in steps:
        if step.node.op in ("Conv", "ConvTranspose"):
            weight = constants.device.get(step.node.inputs[1])
            if weight is not None and weight.ndim == 4:
                constants.device[step.node.inputs[1]] = weight.contiguous(memory_format=torch.channels_last)
