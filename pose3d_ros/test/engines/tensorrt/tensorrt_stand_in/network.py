"""The network: inputs, outputs, and the layers whose precision weakly typed versions may set."""

from __future__ import annotations

from typing import Any

from .api import Api
from .basics import Dims, require
from .graph import Graph, GraphLayer, GraphTensor
from .misuse import MisuseError

_STRONG = "the network is strongly typed; its types come from the graph"


class ITensor:
    """A tensor of the network."""

    __slots__ = ("_api", "_graph", "_tensor")

    def __init__(self, api: Api, graph: Graph, tensor: GraphTensor) -> None:
        self._api = api
        self._graph = graph
        self._tensor = tensor

    @property
    def name(self) -> str:
        return self._tensor.name

    @property
    def shape(self) -> Dims:
        return Dims(self._tensor.dims)

    @property
    def dtype(self) -> Any:
        return self._api.member("DataType", self._tensor.dtype)


class ILayer:
    """A layer, as 11 has it: its types come from the graph."""

    __slots__ = ("_api", "_graph", "_layer", "_strong", "_types")

    def __init__(self, api: Api, graph: Graph, layer: GraphLayer, strong: bool) -> None:
        self._api = api
        self._graph = graph
        self._layer = layer
        self._strong = strong
        self._types: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._layer.name

    @property
    def type(self) -> Any:
        return self._api.member("LayerType", self._layer.kind)

    @property
    def num_inputs(self) -> int:
        """Tensors only: weights are the layer's own."""
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._layer.outputs)

    def get_input(self, index: int) -> ITensor | None:
        """The input of this number, None past the last."""
        if not 0 <= index < self.num_inputs:
            return None
        return ITensor(self._api, self._graph, self._inputs[index])

    @property
    def _inputs(self) -> list[GraphTensor]:
        made = (tensor for layer in self._graph.layers for tensor in layer.outputs)
        known = {tensor.name: tensor for tensor in (*self._graph.inputs, *made)}
        return [known[name] for name in self._layer.inputs if name in known]

    def get_output(self, index: int) -> ITensor | None:
        """The output of this number, None past the last."""
        if not 0 <= index < self.num_outputs:
            return None
        return ITensor(self._api, self._graph, self._layer.outputs[index])


class WeaklyTypedLayer(ILayer):
    """A layer before 11: the caller may pin its precision and its outputs' types."""

    __slots__ = ()

    @property
    def precision(self) -> Any:
        return self._types.get("precision", self._api.member("DataType", "FLOAT"))

    @precision.setter
    def precision(self, dtype: Any) -> None:
        self._set("ILayer.precision", "precision", dtype)

    def set_output_type(self, index: int, dtype: Any) -> None:
        if not 0 <= index < self.num_outputs:
            raise MisuseError("ILayer.set_output_type", f"output {index} of {self.num_outputs}")
        self._set("ILayer.set_output_type", f"output {index}", dtype)

    def _set(self, call: str, what: str, dtype: Any) -> None:
        require(call, dtype, self._api.enum("DataType"))
        if self._strong:
            raise MisuseError(call, _STRONG)
        self._types[what] = dtype


class INetworkDefinition:
    """What the parser fills. Empty until then."""

    __slots__ = ("_api", "_explicit_batch", "_graph", "_layers", "_strong", "name")

    def __init__(self, api: Api, *, explicit_batch: bool, strong: bool) -> None:
        self._api = api
        self._explicit_batch = explicit_batch
        self._strong = strong
        self._graph: Graph | None = None
        self._layers: tuple[ILayer, ...] = ()
        self.name = "Unnamed Network 0"

    @property
    def num_inputs(self) -> int:
        return len(self._graph.inputs) if self._graph else 0

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_input(self, index: int) -> ITensor | None:
        """The input of this number, None past the last."""
        return self._tensor(self._graph.inputs, index) if self._graph else None

    def get_layer(self, index: int) -> ILayer | None:
        """The layer of this number, None past the last."""
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def _tensor(self, tensors: tuple[GraphTensor, ...], index: int) -> ITensor | None:
        if self._graph is None or not 0 <= index < len(tensors):
            return None
        return ITensor(self._api, self._graph, tensors[index])

    def _fill(self, graph: Graph) -> None:
        kind = layer_class(self._api.release.number)
        self._graph = graph
        self._layers = tuple(kind(self._api, graph, layer, self._strong) for layer in graph.layers)


def layer_class(number: tuple[int, int]) -> type[ILayer]:
    """The class of layers in this version."""
    return ILayer if number >= (11, 0) else WeaklyTypedLayer
