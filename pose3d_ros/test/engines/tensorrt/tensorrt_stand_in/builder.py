"""The builder: it checks what TensorRT checks, and packs the graph into a plan instead of compiling it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from .api import Api
from .basics import IHostMemory, ILogger, IProgressMonitor, host_memory, require, to_int
from .config import IBuilderConfig, IOptimizationProfile, config_class
from .graph import Graph, GraphTensor
from .misuse import Answering, MisuseError
from .network import INetworkDefinition
from .plan import PlanHeader, PlanProfile, pack

NO_OBJECT = "pybind11::init(): factory function returned nullptr"
_REDUCED = frozenset({"FP16", "BF16", "INT8", "FP8", "INT4", "FP4"})
_WHOLE, _TIMING = "Building engine", "Timing layers"


class Builder(Answering):
    """Makes networks, configurations and plans, as 11 does."""

    __slots__ = ("_logger",)
    _api: ClassVar[Api]

    def __init__(self, logger: ILogger) -> None:
        require("Builder", logger, ILogger)
        if self._api.knobs.no_driver:
            raise TypeError(NO_OBJECT)
        super().__init__()
        self._logger = logger

    @property
    def logger(self) -> ILogger:
        return self._logger

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        """An empty network. Raises MisuseError for bits that this version gives no meaning."""
        bits = to_int("create_network", flags)
        members = self._api.enum("NetworkDefinitionCreationFlag").__members__
        if bits >> (1 + max(map(int, members.values()))):
            raise MisuseError("Builder.create_network", f"flags {bits:#b} in {self._api.release.version}")
        chosen = {name for name, flag in members.items() if bits >> int(flag) & 1}
        return INetworkDefinition(
            self._api,
            explicit_batch="EXPLICIT_BATCH" in chosen or self._api.release.always_explicit_batch,
            strong="STRONGLY_TYPED" in chosen or self._api.release.always_strong,
        )

    def create_builder_config(self) -> IBuilderConfig:
        return config_class(self._api.release.number)(self._api, self._logger)

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        """The plan, None with a message when it can't be built. Callbacks come from another thread, as they may."""
        self._enter()
        config._enter()
        require("build_serialized_network", network, INetworkDefinition)
        require("build_serialized_network", config, IBuilderConfig)
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._build, network, config).result()

    def _build(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        fault = self._fault(network, config)
        if fault is None and config._monitor is not None and not _went_on(config._monitor, network):
            fault = "the build was cancelled by the progress monitor"
        if fault is not None or network._graph is None:
            self._api.log(self._logger, "ERROR", f"Error Code 4: Internal Error ({fault})")
            return None
        if config._cache is not None:
            config._cache._entries |= {layer.name for layer in network._layers}
        return host_memory(pack(self._header(network, config), network._graph.onnx))

    def _fault(self, network: INetworkDefinition, config: IBuilderConfig) -> str | None:
        """The first reason why this can't be built."""
        if self._api.knobs.build_returns_none:
            return "a knob makes the build fail"
        if network._graph is None:
            return "Network must have at least one output"
        flags = {flag.name for flag in config._flags}
        if network._strong and flags & _REDUCED:
            return f"{', '.join(sorted(flags & _REDUCED))} is set, but the network is strongly typed"
        return next(_profile_faults(network._graph, config._profiles), None)

    def _header(self, network: INetworkDefinition, config: IBuilderConfig) -> PlanHeader:
        layers = [(layer.name, dtype.name) for layer in network._layers for dtype in layer._types.values()]
        return PlanHeader(
            version=self._api.release.version,
            flags=tuple(sorted(flag.name for flag in config._flags)),
            strongly_typed=network._strong,
            precisions=tuple(layers),
            profiles=tuple(PlanProfile(dict(profile._shapes)) for profile in config._profiles),
            shares_profiles=self._api.release.shares_profiles
            or any(feature.name == "PROFILE_SHARING_0806" for feature in config._previews),
        )


def _profile_faults(graph: Graph, profiles: list[IOptimizationProfile]) -> Iterator[str]:
    dynamic = [tensor for tensor in graph.inputs if -1 in tensor.dims]
    if dynamic and not profiles:
        yield "Network has dynamic or shape inputs, but no optimization profile has been defined"
    names = {tensor.name for tensor in graph.inputs}
    for number, profile in enumerate(profiles):
        for name in profile._shapes.keys() - names:
            yield f"profile {number} has a shape for {name}, which is no input"
        for tensor in graph.inputs:
            shapes = profile._shapes.get(tensor.name)
            if shapes is None and tensor in dynamic:
                yield f"profile {number} has no shape for the dynamic input {tensor.name}"
            elif shapes is not None and not all(_fits(tensor, shape) for shape in shapes):
                yield f"profile {number} has shapes {shapes} for {tensor.name} {tensor.dims}"


def _fits(tensor: GraphTensor, shape: tuple[int, ...]) -> bool:
    return len(shape) == len(tensor.dims) and all(
        axis in (-1, length) for axis, length in zip(tensor.dims, shape, strict=True)
    )


def _went_on(monitor: IProgressMonitor, network: INetworkDefinition) -> bool:
    """Report two nested phases; False when the monitor asked to stop."""
    steps = max(network.num_layers, 1)
    try:
        monitor.phase_start(_WHOLE, None, 1)
        monitor.phase_start(_TIMING, _WHOLE, steps)
        went_on = all(_step(monitor, _TIMING, step) for step in range(steps))
        monitor.phase_finish(_TIMING)
        went_on = went_on and _step(monitor, _WHOLE, 0)
        monitor.phase_finish(_WHOLE)
    except MisuseError:
        raise
    except Exception as error:
        raise MisuseError("IProgressMonitor", f"it raised {error!r}, which TensorRT swallows") from error
    return went_on


def _step(monitor: IProgressMonitor, phase: str, step: int) -> bool:
    answer: Any = monitor.step_complete(phase, step)
    if not isinstance(answer, bool):
        raise MisuseError("IProgressMonitor.step_complete", f"it returned {answer!r}, no bool: the build stops")
    return answer
