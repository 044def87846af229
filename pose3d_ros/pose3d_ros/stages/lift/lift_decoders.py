"""The kinds of lifters: of one frame, of a window of frames, and of one frame with states (Pavllo 2019).

Each says what it remembers of a person, what that is for a new one, and makes joints and new memories of this frame's
features and the old memories. All people of a frame are one run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.entry_checks import check_decoder, integer_parameter
from pose3d_ros.stages.io_matching import BoundEngine, Port, output, port, state_ports, state_shapes
from pose3d_ros.stages.lift.lift_features import Float32Array
from pose3d_ros.stages.lift.lift_memory import Values
from pose3d_ros.types import Array


@dataclass(frozen=True)
class LiftSizes:
    """Joints that a lifter reads, values of each, and joints that it gives."""

    joints_in: int
    features: int
    joints_out: int


class LiftNet(ABC):
    """A bound engine. Its constructor raises EngineError for one of other inputs and outputs."""

    gives_root = False
    """Whether its joints are from the camera, not from any point of the person."""

    def __init__(
        self,
        model: RoleEngine,
        sizes: LiftSizes,
        inputs: Sequence[Port],
        outputs: Sequence[Port],
        shapes: Sequence[tuple[int, ...]] = (),
    ) -> None:
        self._sizes = sizes
        self._bound = BoundEngine(model, inputs, outputs)
        self.shapes = tuple(shapes)
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

    def __init__(self, model: RoleEngine, sizes: LiftSizes) -> None:
        _check_field(model.entry, integer_parameter(model.entry, "receptive_field", 1), 1)
        keypoints = port("keypoints", "batch", sizes.joints_in, sizes.features)
        super().__init__(model, sizes, [keypoints], [port("joints", None, sizes.joints_out, 3)])

    def begin(self, features: Float32Array) -> Values:
        """See LiftNet."""
        return []

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        """See LiftNet."""
        raw = self._bound.infer({"keypoints": features})
        return output(raw, "joints", (len(features), self._sizes.joints_out, 3)), []


class AbsoluteNet(FrameNet):
    """`lifter_absolute`: as `lifter_frame`, its joints from the camera, so that the root is where it says."""

    gives_root = True


class WindowNet(LiftNet):
    """`videopose3d`: keypoints (N, frames, J, F) → joints (N, frames − R + 1, J', 3), of the frames in the middle.

    So that a person's newest frame is the one in the middle, it stands for the (R − 1) / 2 frames that are yet to come,
    as VideoPose3D pads the end of a clip: no delay, without what the coming frames would have added.
    Remembers the (R − 1) / 2 frames before; a person's first one stands for those before it.
    """

    def __init__(self, model: RoleEngine, sizes: LiftSizes) -> None:
        frames = integer_parameter(model.entry, "receptive_field", 0)
        _check_field(model.entry, frames, frames | 1)
        self._half = frames // 2
        keypoints = port("keypoints", "batch", frames, sizes.joints_in, sizes.features)
        past = (self._half, sizes.joints_in, sizes.features)
        super().__init__(model, sizes, [keypoints], [port("joints", None, 1, sizes.joints_out, 3)], [past])

    def begin(self, features: Float32Array) -> Values:
        """See LiftNet."""
        return [features[:, None].repeat(self._half, axis=1)]

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        """See LiftNet."""
        window = np.concatenate([past[0], features[:, None].repeat(self._half + 1, axis=1)], axis=1)
        raw = self._bound.infer({"keypoints": window})
        joints = output(raw, "joints", (len(features), 1, self._sizes.joints_out, 3))
        return joints[:, 0], [window[:, 1 : self._half + 1]]


class StepNet(LiftNet):
    """`videopose3d_step`: x (N, J·F), state_l (N, C_l, R_l) → y (N, 3·J'), next_state_l; remembers the states.

    Column R_l − 1 of a next state is what its layer read in this frame (`TemporalStep` of pose3d_training).
    """

    def __init__(self, model: RoleEngine, sizes: LiftSizes) -> None:
        shapes = state_shapes(model)
        inputs = [port("x", "batch", sizes.joints_in * sizes.features), *state_ports("state_", shapes)]
        outputs = [port("y", None, 3 * sizes.joints_out), *state_ports("next_state_", shapes)]
        super().__init__(model, sizes, inputs, outputs, shapes)

    def begin(self, features: Float32Array) -> Values:
        """States of people who have always been like this, the same as from zeros after R frames of it.

        A run makes the states of one more layer right: the first reads the features, each next one what the layer
        before it gives once that one's states are right.
        """
        states = [np.zeros((len(features), *shape), dtype=np.float32) for shape in self.shapes]
        for layer in range(len(states)):
            _, newer = self.lift(features, states)
            states[layer] = newer[layer][:, :, -1:].repeat(states[layer].shape[2], axis=2)
        return states

    def lift(self, features: Float32Array, past: Values) -> tuple[Array, Values]:
        """See LiftNet."""
        feeds = {"x": features.reshape(len(features), -1), **{f"state_{i}": s for i, s in enumerate(past)}}
        raw = self._bound.infer(feeds)
        shapes = [(len(features), *shape) for shape in self.shapes]
        states = [output(raw, f"next_state_{i}", shape).astype(np.float32) for i, shape in enumerate(shapes)]
        joints = output(raw, "y", (len(features), 3 * self._sizes.joints_out))
        return joints.reshape(len(features), self._sizes.joints_out, 3), states


LIFT_DECODERS: dict[str, Callable[[RoleEngine, LiftSizes], LiftNet]] = {
    "lifter_frame": FrameNet,
    "lifter_absolute": AbsoluteNet,
    "videopose3d": WindowNet,
    "videopose3d_step": StepNet,
}
"""Decoders of the lifter role."""


def gives_root(entry: ManifestEntry) -> bool:
    """Whether a lifter says where the root is."""
    decoder = LIFT_DECODERS.get(entry.decoder)
    return decoder is AbsoluteNet


def lift_net(model: RoleEngine, sizes: LiftSizes) -> LiftNet:
    """The engine behind its entry's decoder. Raises EngineError for what does not fit."""
    return LIFT_DECODERS[check_decoder(model.entry, LIFT_DECODERS)](model, sizes)


def _check_field(entry: ManifestEntry, frames: int, wanted: int) -> None:
    if frames != wanted:
        raise EngineError(
            f"parameter receptive_field of {entry.name}",
            expected="1 for lifter_frame" if wanted == 1 else "an odd number of frames",
            got=str(frames),
            fix="Correct the manifest.",
        )
