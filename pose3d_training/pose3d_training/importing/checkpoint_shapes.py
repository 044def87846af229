"""Kind and configuration of a net, found from the keys and shapes of a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton, get_skeleton
from pose3d_training.nets.backbone import RESNETS, BasicBlock, Bottleneck
from pose3d_training.nets.checkpoint_file import read_state_dict
from pose3d_training.nets.mppe_nets import DEPTH_BINS

ROOTNET, POSENET, VIDEOPOSE3D = "3dmppe-rootnet", "3dmppe-posenet", "videopose3d"
SEMGCN, MARTINEZ = "semgcn", "martinez"

_OWN_KEYS = {
    ROOTNET: "root.depth_layer.weight",
    POSENET: "head.final_layer.weight",
    VIDEOPOSE3D: "expand_conv.weight",
    SEMGCN: "gconv_output.W",
    MARTINEZ: "linear_stages.0.w1.weight",
}
"""A key that only checkpoints of that kind have."""

_TORCHVISION_WIDTH = 64
_USUAL_SKELETONS = {17: "h36m17", 18: "h36m18", 21: "muco21"}
"""Joints → the skeleton of the published nets with that many."""


@dataclass(frozen=True)
class OfficialWeights:
    """A checkpoint's tensors. kind: one of the names above. source: the file, for messages."""

    kind: str
    source: Path
    state: Mapping[str, Tensor]

    def shape(self, key: str, rank: int) -> tuple[int, ...]:
        """That tensor's shape. Raises EngineError when it is missing or of another rank."""
        tensor = self.state.get(key)
        if tensor is None or tensor.ndim != rank:
            raise EngineError(
                f"checkpoint {self.source}",
                expected=f"{key}, a tensor of rank {rank}, as {self.kind} has it",
                got="no such key" if tensor is None else f"shape {tuple(tensor.shape)}",
                fix="Give a whole checkpoint of the authors' training.",
            )
        return tuple(tensor.shape)

    def backbone(self) -> str:
        """Name for `build_backbone` of the ResNet under `backbone.`. Raises EngineError for another net."""
        stem = self.shape("backbone.conv1.weight", 4)[0]
        block = Bottleneck if any(".conv3." in key for key in self.state) else BasicBlock
        depths = tuple(self._blocks(f"layer{i}") for i in range(1, 5))
        for name, architecture in RESNETS.items():
            if architecture == (block, depths):
                return name + _width_suffix(stem, self.shape("backbone.layer4.0.conv1.weight", 4)[0])
        third = "with" if block is Bottleneck else "without"
        raise EngineError(
            f"backbone of checkpoint {self.source}",
            expected="the blocks of one of " + ", ".join(RESNETS),
            got=f"{'-'.join(map(str, depths))} blocks {third} a third convolution",
            fix="Only ResNets can be imported.",
        )

    def _blocks(self, stage: str) -> int:
        start = f"backbone.{stage}."
        return len({key.removeprefix(start).split(".")[0] for key in self.state if key.startswith(start)})


@dataclass(frozen=True)
class TemporalShape:
    """Configuration of a VideoPose3D checkpoint. values_in: joints times features of a frame."""

    values_in: int
    joints_out: int
    filter_widths: tuple[int, ...]
    channels: int


def read_official(kind: str, source: Path) -> OfficialWeights:
    """The weights of that kind. Raises EngineError for a file that can't be read or holds another net."""
    state = read_state_dict(source)
    if _OWN_KEYS[kind] in state:
        return OfficialWeights(kind, source, state)
    other = [name for name, key in _OWN_KEYS.items() if key in state]
    raise EngineError(
        f"checkpoint {source}",
        expected=f"a {kind} checkpoint, with {_OWN_KEYS[kind]}",
        got=f"one of {other[0]}" if other else f"keys {', '.join(list(state)[:4])}, …",
        fix=f"Run `pose3d import {other[0]}`." if other else "Give a checkpoint of the authors' training code.",
    )


def pose_joints(weights: OfficialWeights) -> int:
    """Joints of a PoseNet. Raises EngineError unless its volumes have 64 slices."""
    rows = weights.shape("head.final_layer.weight", 4)[0]
    if rows % DEPTH_BINS:
        raise _not_whole(weights, "head.final_layer.weight", rows, DEPTH_BINS)
    return rows // DEPTH_BINS


def temporal_shape(weights: OfficialWeights) -> TemporalShape:
    """The shape of a VideoPose3D model. Raises EngineError for one with `--dense` convolutions."""
    channels, values_in, first = weights.shape("expand_conv.weight", 3)
    rows = weights.shape("shrink.weight", 3)[0]
    if rows % 3:
        raise _not_whole(weights, "shrink.weight", rows, 3)
    blocks = sum(key.startswith("layers_conv.") and key.endswith(".weight") for key in weights.state) // 2
    widths = (first, *(weights.shape(f"layers_conv.{2 * i}.weight", 3)[2] for i in range(blocks)))
    if blocks and all(width == (first - 1) * first**i + 1 for i, width in enumerate(widths[1:], start=1)):
        raise EngineError(
            f"checkpoint {weights.source}",
            expected="dilated convolutions",
            got=f"widths {', '.join(map(str, widths))}: a model trained with --dense",
            fix="Train it without --dense, which is an experiment of the authors.",
        )
    return TemporalShape(values_in, rows // 3, widths, channels)


def chosen_skeleton(weights: OfficialWeights, joints: int, name: str | None) -> Skeleton:
    """The skeleton of that name, or without one the published nets' with so many joints.

    Raises EngineError when it has another number of joints or none is known.
    """
    name = name or _USUAL_SKELETONS.get(joints)
    if name is not None and len(get_skeleton(name)) == joints:
        return get_skeleton(name)
    fitting = [skeleton.name for skeleton in SKELETONS.values() if len(skeleton) == joints]
    raise EngineError(
        "option --skeleton",
        expected=f"the skeleton of the {joints} joints in {weights.source}",
        got="none" if name is None else f"{name}, which has {len(get_skeleton(name))}",
        fix=f"Give one of {', '.join(fitting)}." if fitting else f"No skeleton of pose3d_ros has {joints} joints.",
    )


def _width_suffix(stem: int, last: int) -> str:
    if last == 8 * stem:
        return "" if stem == _TORCHVISION_WIDTH else f"w{stem}"
    return f"w{stem}x{last}"


def _not_whole(weights: OfficialWeights, key: str, rows: int, divisor: int) -> EngineError:
    return EngineError(
        f"checkpoint {weights.source}",
        expected=f"{key} with a multiple of {divisor} rows",
        got=str(rows),
        fix="Give a checkpoint of the authors' own configuration.",
    )
