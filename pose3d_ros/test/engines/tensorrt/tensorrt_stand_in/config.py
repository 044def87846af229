"""The builder's configuration: flags, memory, optimization profiles, the timing cache, the progress monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .api import Api
from .basics import Dims, IHostMemory, ILogger, IProgressMonitor, host_memory, require, to_int
from .misuse import Answering, Checked
from .plan import Shape

_CACHE_MAGIC = "stand-in timing cache "


class IOptimizationProfile:
    """The min, opt and max shape of each dynamic input. It is true when every shape set is consistent."""

    __slots__ = ("_shapes",)

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[Shape, Shape, Shape]] = {}

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        """Set an input's range. Raises RuntimeError for ranks that differ, as the bindings do."""
        require("set_shape", input, str)
        shapes = (Dims(min)[:], Dims(opt)[:], Dims(max)[:])
        for name, shape in zip(("opt", "max"), shapes[1:], strict=True):
            if len(shape) != len(shapes[0]):
                raise RuntimeError(f"Shape provided for {name} is inconsistent with other shapes.")
        self._shapes[input] = shapes

    def __bool__(self) -> bool:
        return bool(self._shapes) and all(
            all(0 <= low <= best <= high for low, best, high in zip(*shapes, strict=True))
            for shapes in self._shapes.values()
        )


class ITimingCache:
    """Measured times of layers, of one version."""

    __slots__ = ("_entries", "_version")

    def __init__(self, version: str, entries: set[str]) -> None:
        self._version = version
        self._entries = entries

    def serialize(self) -> IHostMemory:
        return host_memory("\n".join([_CACHE_MAGIC + self._version, *sorted(self._entries)]).encode())


class IBuilderConfig(Answering):
    """The configuration of 8.5."""

    __slots__ = (
        "_api",
        "_cache",
        "_flags",
        "_logger",
        "_monitor",
        "_pools",
        "_previews",
        "_profiles",
    )

    def __init__(self, api: Api, logger: ILogger) -> None:
        super().__init__()
        self._api = api
        self._logger = logger
        self._flags: set[Any] = {api.member("BuilderFlag", "TF32")}  # on by default
        self._pools: dict[Any, int] = {}
        self._profiles: list[IOptimizationProfile] = []
        self._previews: set[Any] = set()
        self._cache: ITimingCache | None = None
        self._monitor: IProgressMonitor | None = None

    def set_flag(self, flag: Any) -> None:
        require("set_flag", flag, self._api.enum("BuilderFlag"))
        self._flags.add(flag)

    def clear_flag(self, flag: Any) -> None:
        require("clear_flag", flag, self._api.enum("BuilderFlag"))
        self._flags.discard(flag)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        require("set_memory_pool_limit", pool, self._api.enum("MemoryPoolType"))
        self._pools[pool] = to_int("set_memory_pool_limit", pool_size)

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        """The profile's number, -1 for one that is not consistent."""
        require("add_optimization_profile", profile, IOptimizationProfile)
        if not profile:
            self._api.log(self._logger, "ERROR", "the optimization profile is not valid")
            return -1
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def set_preview_feature(self, feature: Any, enable: bool) -> None:
        require("set_preview_feature", feature, self._api.enum("PreviewFeature"))
        (self._previews.add if enable else self._previews.discard)(feature)

    def create_timing_cache(self, serialized_timing_cache: bytes | bytearray | memoryview) -> ITimingCache | None:
        """A cache of these bytes, a new one for b"". None, with a message, for bytes that are no cache."""
        require("create_timing_cache", serialized_timing_cache, (bytes, bytearray, memoryview, IHostMemory))
        lines = bytes(serialized_timing_cache).decode(errors="replace").split("\n")
        if lines == [""]:
            return ITimingCache(self._api.release.version, set())
        if not lines[0].startswith(_CACHE_MAGIC):
            self._api.log(self._logger, "ERROR", "the serialized timing cache can't be read")
            return None
        return ITimingCache(lines[0].removeprefix(_CACHE_MAGIC), set(lines[1:]))

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> Checked:
        """Use this cache; False, with a message, when it is of another version."""
        self._enter()
        require("set_timing_cache", cache, ITimingCache)
        fits = cache._version == self._api.release.version or ignore_mismatch
        if fits:
            self._cache = cache
        else:
            self._api.log(self._logger, "ERROR", f"the timing cache is of TensorRT {cache._version}")
        return self._answer("IBuilderConfig.set_timing_cache", fits)

    def get_timing_cache(self) -> ITimingCache | None:
        """The cache that was set, None without one."""
        return self._cache


class MonitoredConfig(IBuilderConfig):
    """The configuration from 10 on."""

    __slots__ = ()

    @property
    def progress_monitor(self) -> IProgressMonitor | None:
        return self._monitor

    @progress_monitor.setter
    def progress_monitor(self, monitor: IProgressMonitor | None) -> None:
        require("progress_monitor", monitor, (IProgressMonitor, type(None)))
        self._monitor = monitor


def config_class(number: tuple[int, int]) -> type[IBuilderConfig]:
    """The class of configurations in this version."""
    return MonitoredConfig if number >= (10, 0) else IBuilderConfig
