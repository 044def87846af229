"""The three kinds of lifters: of one frame, of a window of frames, and of one frame with states (Pavllo 2019).

Each says what it remembers of a person, what that is for a new one, and makes joints and new memories of this frame's
features and the old memories. All people of a frame are one run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.base import Engine, TensorSpec, listed
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.decoding import output
from pose3d_ros.stages.entry_checks import check_decoder, whole_parameter
from pose3d_ros.stages.lift.lift_features import Float32Array
from pose3d_ros.stages.lift.lift_memory import Values
from pose3d_ros.types import Array

_Shapes = dict[str, tuple[int | None, ...]]


@dataclass(frozen=True)
class LiftSizes:
    """Joints that a lifter reads, values of each, and joints that it gives."""

    joints_in: int
    features: int
    joints_out: int

    @property
    def values_in(self) -> int:
        return self.joints_in * self.features


class LiftNet(ABC):
    """A bound engine. Its constructor raises EngineError for one of other inputs and outputs."""

    def __init__(self, engine: Engine, entry: ManifestEntry, sizes: LiftSizes) -> None:
        self._engine = engine
        self._sizes = sizes
        self.shapes: tuple[tuple[int, ...], ...] = ()
        """Of the arrays it remembers of each person."""

    @abstractmethod
    def begin(self, features: Float32Array) -> Values:
        """What is remembered of new people, (N, *shape) each, as if they had always been as they are now.

        features: (N, J, F), this frame's.
        """

    @abstractmethod
    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        """Joints (N, J', 3) of this frame, in the network's unit, and what to remember. Raises EngineError."""


class FrameNet(LiftNet):
    """`lifter_frame`: keypoints (N, J, F) → joints (N, J', 3). Remembers nothing."""

    def __init__(self, engine: Engine, entry: ManifestEntry, sizes: LiftSizes) -> None:
        super().__init__(engine, entry, sizes)
        _check_field(entry, whole_parameter(entry, "receptive_field", 1), 1)
        inputs: _Shapes = {"keypoints": (None, sizes.joints_in, sizes.features)}
        _check(engine, entry, inputs, {"joints": (None, sizes.joints_out, 3)})

    def begin(self, features: Float32Array) -> Values:
        return []

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        raw = self._engine.infer({"keypoints": features})
        return output(raw, "joints", (len(features), self._sizes.joints_out, 3)), []


class WindowNet(LiftNet):
    """`videopose3d`: keypoints (N, frames, J, F) → joints (N, frames − R + 1, J', 3), of the frames in the middle.

    So that a person's newest frame is the one in the middle, it stands for the (R − 1) / 2 frames that are yet to come,
    as VideoPose3D pads the end of a clip: no delay, at the price of what the coming frames would have told.
    Remembers the (R − 1) / 2 frames before; a person's first one stands for those before it.
    """

    def __init__(self, engine: Engine, entry: ManifestEntry, sizes: LiftSizes) -> None:
        super().__init__(engine, entry, sizes)
        frames = whole_parameter(entry, "receptive_field", 0)
        _check_field(entry, frames, frames | 1)
        inputs: _Shapes = {"keypoints": (None, frames, sizes.joints_in, sizes.features)}
        _check(engine, entry, inputs, {"joints": (None, 1, sizes.joints_out, 3)})
        self._half = frames // 2
        self.shapes = ((self._half, sizes.joints_in, sizes.features),)

    def begin(self, features: Float32Array) -> Values:
        return [features[:, None].repeat(self._half, axis=1)]

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        window = np.concatenate([past[0], features[:, None].repeat(self._half + 1, axis=1)], axis=1)
        raw = self._engine.infer({"keypoints": window})
        joints = output(raw, "joints", (len(features), 1, self._sizes.joints_out, 3))
        return joints[:, 0], [window[:, 1 : self._half + 1]]


class StepNet(LiftNet):
    """`videopose3d_step`: x (N, J·F), state_l (N, C_l, R_l) → y (N, 3·J'), next_state_l; remembers the states.

    Column R_l − 1 of a next state is what its layer read in this frame (`nets/temporal.py:TemporalStep`).
    """

    def __init__(self, engine: Engine, entry: ManifestEntry, sizes: LiftSizes) -> None:
        super().__init__(engine, entry, sizes)
        specs = {spec.name: spec for spec in engine.inputs}
        names = [f"state_{i}" for i in range(len(specs) - 1)]
        self.shapes = tuple(_state_shape(specs[name], entry) for name in names if name in specs)
        inputs: _Shapes = {"x": (None, sizes.values_in), **{n: (None, *s) for n, s in self._named("state_")}}
        outputs: _Shapes = {"y": (None, 3 * sizes.joints_out), **{n: (None, *s) for n, s in self._named("next_state_")}}
        _check(engine, entry, inputs, outputs)

    def begin(self, features: Float32Array) -> Values:
        """States of people who have always been like this, the same as from zeros after R frames of it.

        A run makes the states of one more layer right: the first reads the features, each next one what the layer
        before it gives once that one's states are right.
        """
        states = [np.zeros((len(features), *shape), dtype=np.float32) for shape in self.shapes]
        for layer in range(len(states)):
            _, newer = self._step(features, states)
            states[layer] = newer[layer][:, :, -1:].repeat(states[layer].shape[2], axis=2)
        return states

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        raw, states = self._step(features, past)
        joints = output(raw, "y", (len(features), 3 * self._sizes.joints_out))
        return joints.reshape(len(features), self._sizes.joints_out, 3), states

    def _step(self, features: Float32Array, states: Values) -> tuple[Mapping[str, npt.NDArray[np.generic]], Values]:
        feeds = {"x": features.reshape(len(features), -1), **{f"state_{i}": s for i, s in enumerate(states)}}
        raw = self._engine.infer(feeds)
        newer = [output(raw, name, (len(features), *shape)) for name, shape in self._named("next_state_")]
        return raw, [state.astype(np.float32) for state in newer]

    def _named(self, prefix: str) -> list[tuple[str, tuple[int, ...]]]:
        return [(f"{prefix}{i}", shape) for i, shape in enumerate(self.shapes)]


LIFT_DECODERS: dict[str, type[LiftNet]] = {
    "lifter_frame": FrameNet,
    "videopose3d": WindowNet,
    "videopose3d_step": StepNet,
}
"""Decoders of the lifter role."""


def lift_net(engine: Engine, entry: ManifestEntry, sizes: LiftSizes) -> LiftNet:
    """The engine behind its entry's decoder. Raises EngineError for what does not fit."""
    return LIFT_DECODERS[check_decoder(entry, LIFT_DECODERS)](engine, entry, sizes)


def _check_field(entry: ManifestEntry, frames: int, wanted: int) -> None:
    if frames != wanted:
        raise EngineError(
            f"parameter receptive_field of {entry.name}",
            expected="1 for lifter_frame" if wanted == 1 else "an odd number of frames",
            got=str(frames),
            fix="Correct the manifest.",
        )


def _state_shape(spec: TensorSpec, entry: ManifestEntry) -> tuple[int, ...]:
    lengths = tuple(length for length in spec.shape[1:] if isinstance(length, int) and length > 0)
    if len(spec.shape) != 3 or len(lengths) != 2:
        raise EngineError(
            f"states of {entry.name}",
            expected="(batch, channels, frames) of fixed lengths",
            got=str(spec),
            fix="Export the network with only the batch axis dynamic.",
        )
    return lengths


def _check(engine: Engine, entry: ManifestEntry, inputs: _Shapes, outputs: _Shapes) -> None:
    """Raises EngineError unless the engine has just these inputs and outputs, and takes any number of people."""
    if not (_are(engine.inputs, inputs) and _are(engine.outputs, outputs)) or any(
        isinstance(spec.shape[0], int) for spec in engine.inputs
    ):
        raise EngineError(
            f"inputs and outputs of {entry.name} ({engine.name}, decoder {entry.decoder})",
            expected=f"{_described(inputs)} and {_described(outputs)}, float32, for any number of people",
            got=listed((*engine.inputs, *engine.outputs)),
            fix="Its parameters input_skeleton, input_features and receptive_field and its skeleton must be the "
            "network's; see engines/README.md for the decoders.",
        )


def _are(specs: Sequence[TensorSpec], wanted: _Shapes) -> bool:
    """Whether these are all that is wanted, in any order, and can have those shapes; None: any length."""
    names = sorted(spec.name for spec in specs)
    return names == sorted(wanted) and all(_fits(spec, wanted[spec.name]) for spec in specs)


def _fits(spec: TensorSpec, wanted: tuple[int | None, ...]) -> bool:
    if spec.dtype != "float32" or len(spec.shape) != len(wanted):
        return False
    return all(n in (None, has) or isinstance(has, str) for has, n in zip(spec.shape, wanted, strict=True))


def _described(shapes: _Shapes) -> str:
    return ", ".join(
        f"{name} ({', '.join('batch' if n is None else str(n) for n in shape)})" for name, shape in shapes.items()
    )
