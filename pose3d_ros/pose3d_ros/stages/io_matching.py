"""Match an engine's inputs and outputs with those that a decoder expects; checked once, when a stage is made.

An input or output is found by its documented name, or else by its kind: type and axes. Where that is not enough, the
manifest's parameters `image_input` (a name) and `outputs` (names in the documented order) say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.base import TensorSpec, listed
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.engines.tensors import Feed, on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.entry_checks import names_parameter
from pose3d_ros.types import Array

RawOutputs = Mapping[str, npt.NDArray[np.generic]]

FLOATS = ("float32", "float16")
INTEGERS = ("int64", "int32", "uint8", "int8", "uint16", "int16")


@dataclass(frozen=True)
class Kind:
    """A dtype and shape pattern: per axis a length, a name for an axis of any length, or None for either."""

    shape: tuple[int | str | None, ...]
    dtypes: tuple[str, ...] = ("float32",)

    def fits(self, spec: TensorSpec, *, typed: bool) -> bool:
        """Whether an input or output can be of this kind. typed: whether its type counts as well."""
        if len(spec.shape) != len(self.shape) or (typed and spec.dtype not in self.dtypes):
            return False
        axes = zip(spec.shape, self.shape, strict=True)
        return all(wanted is None or isinstance(axis, str) or axis == wanted for axis, wanted in axes)

    def __str__(self) -> str:
        return f"{' or '.join(self.dtypes)} ({', '.join('any' if n is None else str(n) for n in self.shape)})"


@dataclass(frozen=True)
class Port:
    """An input or output that a decoder knows: its documented name, and the kinds it may be of, none for any."""

    name: str
    kinds: tuple[Kind, ...] = ()

    def fits(self, spec: TensorSpec, *, typed: bool) -> bool:
        """Whether an input or output can be this one; see `Kind.fits`."""
        return not self.kinds or any(kind.fits(spec, typed=typed) for kind in self.kinds)

    def __str__(self) -> str:
        return f"{self.name}: {' or '.join(map(str, self.kinds))}" if self.kinds else self.name


def port(name: str, *shape: int | str | None, dtypes: tuple[str, ...] = ("float32",)) -> Port:
    """An input or output of one kind."""
    return Port(name, (Kind(shape, dtypes),))


def image_port(entry: ManifestEntry, *, batchless: bool = False, whole: bool = False) -> Port:
    """The input of an entry's images, (1, 3, H, W) of floats; it also takes more than one where that axis is dynamic.

    batchless: or without that axis. whole: or uint8 (1, H, W, 3).
    """
    width, height = entry.input_size_px or ("width", "height")
    kinds = [Kind((1, 3, height, width), FLOATS)]
    if batchless:
        kinds.append(Kind((3, height, width), FLOATS))
    if whole:
        kinds.append(Kind((1, height, width, 3), ("uint8",)))
    return Port("image", tuple(kinds))


class BoundEngine:
    """An engine behind the names that its decoder knows.

    inputs: role → the engine's input. Raises EngineError for an engine that lacks what is wanted, has inputs besides,
    or has others than the entry's parameters say.
    """

    def __init__(self, model: RoleEngine, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        parameters, self._engine = model.entry.parameters, model.engine
        given = {"image": str(parameters["image_input"])} if "image_input" in parameters else {}
        self.inputs = _bound(model, "inputs", model.engine.inputs, inputs, given)
        if len(self.inputs) < len(model.engine.inputs):
            raise _misfit(model, "inputs", inputs, model.engine.inputs)
        names = names_parameter(model.entry, "outputs", len(outputs)) or ()
        renamed = {known.name: name for known, name in zip(outputs, names, strict=False)}
        self._outputs = _bound(model, "outputs", model.engine.outputs, outputs, renamed)

    def infer(self, feeds: Mapping[str, Feed]) -> RawOutputs:
        """The outputs by role, and by their own names, for feeds by role.

        A type that the engine does not take is converted on the host. One run, or one for each person where the graph
        takes no more. Raises EngineError when the engine fails.
        """
        named = {self.inputs[role].name: _typed(self.inputs[role], feed) for role, feed in feeds.items()}
        count = max(feed.shape[0] for feed in named.values())
        if count > 1 and any(spec.shape[0] == 1 for spec in self.inputs.values()):
            arrays = {name: on_host(feed) for name, feed in named.items()}
            runs = [self._engine.infer({name: a[i : i + 1] for name, a in arrays.items()}) for i in range(count)]
            raw = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
        else:
            raw = self._engine.infer(named)
        return {**raw, **{role: raw[spec.name] for role, spec in self._outputs.items() if spec.name in raw}}


def state_shapes(model: RoleEngine) -> list[tuple[int, ...]]:
    """(channels, frames) of the inputs `state_0`, `state_1`, … of a network over time. Raises EngineError."""
    specs = {spec.name: spec for spec in model.engine.inputs}
    states = [specs[name] for i in range(len(specs)) if (name := f"state_{i}") in specs]
    for spec in states:
        if len(spec.shape) != 3 or not all(isinstance(n, int) and n > 0 for n in spec.shape[1:]):
            raise EngineError(
                f"states of {model.entry.name}",
                expected="(batch, channels, frames) of fixed lengths",
                got=str(spec),
                fix="Export the network with only the batch axis dynamic.",
            )
    return [tuple(n for n in spec.shape[1:] if isinstance(n, int)) for spec in states]


def state_ports(prefix: str, shapes: Sequence[tuple[int, ...]]) -> list[Port]:
    """The inputs or outputs of states of those shapes, for any number of people."""
    return [port(f"{prefix}{i}", None, *shape) for i, shape in enumerate(shapes)]


def output(raw: RawOutputs, name: str, shape: tuple[int | None, ...]) -> Array:
    """That output as float64. Raises EngineError when it is missing or of another shape (None: any length)."""
    array = raw.get(name)
    fits = array is not None and len(array.shape) == len(shape)
    if array is None or not fits or any(w not in (None, n) for w, n in zip(shape, array.shape, strict=True)):
        raise EngineError(
            f"output {name}",
            expected=f"shape ({', '.join('any' if n is None else str(n) for n in shape)})",
            got="no such output" if array is None else str(array.shape),
            fix="The manifest's decoder must be that of the engine.",
        )
    return array.astype(np.float64)


def _bound(
    model: RoleEngine, side: str, specs: Sequence[TensorSpec], ports: Sequence[Port], given: Mapping[str, str]
) -> dict[str, TensorSpec]:
    """Role → input or output, by name, the rest by kind in the order of the ports. given: role → name in the graph."""
    by_name = {spec.name: spec for spec in specs}
    wanted = {known.name: given.get(known.name, known.name) for known in ports}
    found = {role: by_name[name] for role, name in wanted.items() if name in by_name}
    for known in (p for p in ports if p.kinds and p.name not in {*found, *given}):
        free = (spec for spec in specs if spec not in found.values() and known.fits(spec, typed=True))
        if (spec := next(free, None)) is not None:
            found[known.name] = spec
    typed = side == "inputs"  # outputs are converted
    if len(found) < len(ports) or not all(known.fits(found[known.name], typed=typed) for known in ports):
        raise _misfit(model, side, [Port(wanted[p.name], p.kinds) for p in ports], specs)
    return found


def _misfit(model: RoleEngine, side: str, ports: Sequence[Port], specs: Sequence[TensorSpec]) -> EngineError:
    return EngineError(
        f"{side} of {model.engine.name} for {model.entry.name} (decoder {model.entry.decoder})",
        expected="; ".join(map(str, ports)) + (", and nothing else" if side == "inputs" else ""),
        got=listed(specs),
        fix="Correct the manifest (decoder, input_size_px, skeleton, the parameters image_input, outputs and others of "
        "its decoder), or export the network anew; see engines/README.md.",
    )


def _typed(spec: TensorSpec, feed: Feed) -> Feed:
    return feed if feed.dtype == spec.dtype else on_host(feed).astype(spec.dtype)
