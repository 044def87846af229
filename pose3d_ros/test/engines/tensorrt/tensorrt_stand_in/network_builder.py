"""The builder and its configuration: they check what TensorRT checks, and pack the graph into a plan."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .binding import Api, Binding, IHostMemory, IProgressMonitor, NeedsDriver, ready
from .device_memory import Checked, MisuseError
from .onnx_parser import INetworkDefinition, ITensor

_REDUCED = frozenset({"FP16", "BF16", "INT8", "FP8", "INT4", "FP4"})
_TIMINGS = "stand-in timing cache "
_PLAN = b"stand-in plan\n"

Shape = tuple[int, ...]
Ranges = dict[str, tuple[Shape, Shape, Shape]]


@dataclass(frozen=True)
class StandInPlan:
    """A plan and how it was built.

    flags: names of the builder flags that were set. pinned: data types that layers were pinned to. ranges: smallest,
    usual and largest shape of each dynamic input. shares_profile: whether several contexts may use the profile.
    """

    version: str
    graph: bytes
    flags: frozenset[str]
    strongly_typed: bool
    pinned: frozenset[str]
    ranges: Ranges
    shares_profile: bool

    def pack(self) -> bytes:
        """The plan as bytes, behind their checksum."""
        body = pickle.dumps(self)
        return _PLAN + hashlib.sha256(body).digest() + body


def read_plan(data: bytes) -> StandInPlan:
    """The plan in these bytes. Raises ValueError for other bytes, and for damaged ones."""
    body = data[len(_PLAN) + 32 :]
    if data[: len(_PLAN) + 32] != _PLAN + hashlib.sha256(body).digest():
        raise ValueError("Serialization assertion failed")
    plan: StandInPlan = pickle.loads(body)
    return plan


class IOptimizationProfile:
    """The smallest, usual and largest shape of each dynamic input."""

    def __init__(self) -> None:
        self._ranges: Ranges = {}

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        self._ranges[input] = (tuple(min), tuple(opt), tuple(max))


@dataclass(frozen=True)
class ITimingCache:
    """Measured times of layers, of one version."""

    version: str

    def serialize(self) -> IHostMemory:
        return IHostMemory((_TIMINGS + self.version).encode())


class IBuilderConfig(Binding):
    """Flags, preview features, the optimization profile, the timing cache and the progress monitor of a build."""

    def __init__(self, api: Api, logger: Any) -> None:
        super().__init__(api, logger)
        self._flags = {"TF32"}  # on by default
        self._features: set[str] = set()
        self._profiles: list[IOptimizationProfile] = []
        self._timings: ITimingCache | None = None
        self._monitor: Any = None

    def set_flag(self, flag: Any) -> None:
        self._api.require("set_flag", flag, "BuilderFlag")
        self._flags.add(flag.name)

    def clear_flag(self, flag: Any) -> None:
        self._api.require("clear_flag", flag, "BuilderFlag")
        self._flags.discard(flag.name)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._api.require("set_memory_pool_limit", pool, "MemoryPoolType")

    def set_preview_feature(self, feature: Any, enable: bool) -> None:
        self._api.require("set_preview_feature", feature, "PreviewFeature")
        self._features |= {feature.name} if enable else set()

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        """The profile's number."""
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        """A cache of these bytes, a new one for b"". None, with a message, for bytes that are no cache."""
        text = serialized_timing_cache.decode(errors="replace") or _TIMINGS + self._api.release.version
        if text.startswith(_TIMINGS):
            return ITimingCache(text.removeprefix(_TIMINGS))
        self._log("the serialized timing cache can't be read")
        return None

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> Checked:
        """Use this cache; False, with a message, when it is of another version."""
        fits = cache.version == self._api.release.version or ignore_mismatch
        self._timings = cache if fits else self._timings
        return self._answer("set_timing_cache", None if fits else f"the timing cache is of TensorRT {cache.version}")

    def get_timing_cache(self) -> ITimingCache | None:
        return self._timings

    def _set_monitor(self, monitor: Any) -> None:
        if self._api.release.number < (10, 0):
            raise AttributeError("IBuilderConfig has no attribute progress_monitor")
        self._monitor = ready(monitor, IProgressMonitor)

    progress_monitor = property(None, _set_monitor)


class Builder(NeedsDriver):
    """Makes networks, configurations and plans."""

    def create_network(self, flags: int) -> INetworkDefinition:
        """An empty network. flags: a bit for each member of NetworkDefinitionCreationFlag."""
        chosen = {flag.name for flag in self._api.enums["NetworkDefinitionCreationFlag"] if flags >> int(flag) & 1}
        number = self._api.release.number
        return INetworkDefinition(
            self._api,
            self._logger,
            explicit_batch="EXPLICIT_BATCH" in chosen or number >= (10, 0),
            strong="STRONGLY_TYPED" in chosen or number >= (11, 0),
        )

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig(self._api, self._logger)

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        """The plan, None with a message when it can't be built."""
        config._check_last()
        fault = next(self._faults(network, config), None)
        if fault is None and config._monitor is not None and not _goes_on(config._monitor, network.num_layers):
            fault = "the build was cancelled by the progress monitor"
        if fault is not None:
            self._log(f"Error Code 4: Internal Error ({fault})")
            return None
        plan = StandInPlan(
            version=self._api.release.version,
            graph=network._onnx,
            flags=frozenset(config._flags),
            strongly_typed=network._strong,
            pinned=frozenset(name for layer in network._layers for name in layer._pinned),
            ranges=config._profiles[0]._ranges if config._profiles else {},
            shares_profile=self._api.release.number >= (10, 0) or "PROFILE_SHARING_0806" in config._features,
        )
        return IHostMemory(plan.pack())

    def _faults(self, network: INetworkDefinition, config: IBuilderConfig) -> Iterator[str]:
        if self._api.faults.build_returns_none:
            yield "an injected fault"
        if not network._onnx:
            yield "Network must have at least one output"
        if network._strong and config._flags & _REDUCED:
            yield f"{', '.join(sorted(config._flags & _REDUCED))} is set, but the network is strongly typed"
        dynamic = [tensor for tensor in network._inputs if -1 in tensor.dims]
        if dynamic and not config._profiles:
            yield "Network has dynamic or shape inputs, but no optimization profile has been defined"
        for profile in config._profiles:
            for tensor in dynamic:
                shapes = profile._ranges.get(tensor.name, ())
                if not shapes or not all(_fits(tensor, shape) for shape in shapes):
                    yield f"the profile has shapes {shapes} for {tensor.name} {tensor.dims}"


def _fits(tensor: ITensor, shape: Shape) -> bool:
    return len(shape) == len(tensor.dims) and all(
        axis in (-1, length) for axis, length in zip(tensor.dims, shape, strict=True)
    )


def _goes_on(monitor: Any, steps: int) -> bool:
    """Report a phase; False when the monitor asked to stop. Raises MisuseError where it answers with no bool."""
    monitor.phase_start("Building engine", None, steps)
    answers = [monitor.step_complete("Building engine", step) for step in range(steps)]
    monitor.phase_finish("Building engine")
    if not all(isinstance(answer, bool) for answer in answers):
        raise MisuseError("IProgressMonitor.step_complete", f"it returned {answers[0]!r}, no bool: the build stops")
    return all(answers)
