"""Import of published checkpoints: the net is found from the weights, exported, checked and put into a manifest.

3DMPPE's RootNet and PoseNet (Moon et al. 2019) as their authors' training code saves them. What a file does not hold is
in the options. Lifters are in `lifter_import.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from pose3d_ros.engines.spec.engine_folder import UNKNOWN_SHA256, EngineFolder, StoredModel
from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton, get_skeleton
from pose3d_training.nets.backbone import RESNETS, BasicBlock, Bottleneck
from pose3d_training.nets.checkpoint_file import loaded, read_state_dict
from pose3d_training.nets.exported_graphs import export_posenet, export_rootnet
from pose3d_training.nets.mppe_nets import DEPTH_BINS, PoseNet, RootNet

ROOTNET, POSENET, VIDEOPOSE3D = "3dmppe-rootnet", "3dmppe-posenet", "videopose3d"
SEMGCN, MARTINEZ, DEPTHPOSE = "semgcn", "martinez", "depthpose"

_OWN_KEYS = {
    ROOTNET: "root.depth_layer.weight",
    POSENET: "head.final_layer.weight",
    VIDEOPOSE3D: "expand_conv.weight",
    SEMGCN: "gconv_output.W",
    MARTINEZ: "linear_stages.0.w1.weight",
    DEPTHPOSE: "1.residual.0.weight",
}
"""A key that only checkpoints of that kind have."""
_INSIDE = "pose_net."
"""Before depthpose's keys, where a depth network is in the file, too."""

_TORCHVISION_WIDTH = 64
_USUAL_SKELETONS = {17: "h36m17", 18: "h36m18", 21: "muco21"}
"""Joints → the skeleton of the published nets with that many."""
AUTHORS = {
    ROOTNET: "https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE",
    POSENET: "https://github.com/mks0601/3DMPPE_POSENET_RELEASE",
    VIDEOPOSE3D: "https://github.com/facebookresearch/VideoPose3D",
    SEMGCN: "https://github.com/garyzhao/SemGCN",
    MARTINEZ: "https://github.com/garyzhao/SemGCN",
    DEPTHPOSE: "https://github.com/vegesm/depthpose",
}
"""Kind → where its code, weights and terms are."""

_PIXELS = Normalization(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb")
"""3DMPPE turns pixels into floats without dividing them by 255 (their `data/dataset.py`, `common/base.py`)."""


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

    def rows(self, key: str, rank: int, divisor: int) -> int:
        """How often `divisor` goes into that tensor's rows. Raises EngineError unless it does so evenly."""
        rows = self.shape(key, rank)[0]
        if rows % divisor:
            raise EngineError(
                f"checkpoint {self.source}",
                expected=f"{key} with a multiple of {divisor} rows",
                got=str(rows),
                fix="Give a checkpoint of the authors' own configuration.",
            )
        return rows // divisor

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


def read_official(kind: str, source: Path) -> OfficialWeights:
    """The weights of that kind. Raises EngineError for a file that can't be read or holds another net."""
    state: Mapping[str, Tensor] = read_state_dict(source)
    if any(key.startswith(_INSIDE) for key in state):
        state = {key.removeprefix(_INSIDE): value for key, value in state.items() if key.startswith(_INSIDE)}
    if _OWN_KEYS[kind] in state:
        return OfficialWeights(kind, source, state)
    other = [name for name, key in _OWN_KEYS.items() if key in state]
    raise EngineError(
        f"checkpoint {source}",
        expected=f"a {kind} checkpoint, with {_OWN_KEYS[kind]}",
        got=f"one of {other[0]}" if other else f"keys {', '.join(list(state)[:4])}, …",
        fix=f"Run `pose3d import {other[0]}`." if other else "Give a checkpoint of the authors' training code.",
    )


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


@dataclass(frozen=True)
class Imported:
    """What became of a checkpoint. net: its configuration, for people."""

    net: str
    stored: StoredModel


@dataclass(frozen=True)
class ImportOptions:
    """What a checkpoint does not hold; each kind reads those it needs.

    training_data: for the manifest. skeleton: the 3D joints' order, None for the published nets'. input_skeleton: the
    2D joints' order. input_size_px: side of the crops. units: of the training's 3D joints, a key of `UNITS_M`. causal:
    whether a VideoPose3D was trained with --causal. statistics: depthpose's, None for the file beside the checkpoint.
    """

    training_data: str = ""
    skeleton: str | None = None
    input_skeleton: str | None = None
    input_size_px: int = 256
    units: str = "metres"
    causal: bool = False
    statistics: Path | None = None


Importer = Callable[[Path, Path, ImportOptions], Imported]
"""(checkpoint, folder of engines, options) → the engine, in the folder's manifest.

Raises EngineError for a checkpoint, an option or a folder that can't be used.
"""


def import_rootnet(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """3DMPPE's RootNet as a model of the role root, decoder `3dmppe_rootnet`; see `Importer`."""
    folder, weights = EngineFolder(directory), read_official(ROOTNET, checkpoint)
    backbone, size = weights.backbone(), options.input_size_px
    net = loaded(partial(RootNet, backbone, size), weights.state, checkpoint)
    entry = official_entry(
        weights,
        f"{ROOTNET}-{backbone}",
        "root",
        directory,
        options,
        decoder="3dmppe_rootnet",
        input_size_px=(size, size),
        normalization=_PIXELS,
        units="bins of 4 px, millimetres",
    )
    return Imported(f"{backbone}, crops of {size} px", folder.put(entry, partial(export_rootnet, net)))


def import_posenet(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """3DMPPE's PoseNet as a model of the role pose, decoder `3dmppe_posenet`; see `Importer`.

    A skeleton is needed unless there are 17 (h36m17), 18 (h36m18) or 21 joints (muco21).
    """
    folder, weights = EngineFolder(directory), read_official(POSENET, checkpoint)
    joints, backbone, size = (
        weights.rows("head.final_layer.weight", 4, DEPTH_BINS),
        weights.backbone(),
        options.input_size_px,
    )
    order = chosen_skeleton(weights, joints, options.skeleton).name
    net = loaded(partial(PoseNet, joints, backbone, size), weights.state, checkpoint)
    entry = official_entry(
        weights,
        f"{POSENET}-{backbone}-{order}",
        "pose",
        directory,
        options,
        decoder="3dmppe_posenet",
        input_size_px=(size, size),
        normalization=_PIXELS,
        skeleton=order,
        units="bins: 4 px, and 1/32 m from the root at bin 32",
    )
    about = f"{backbone}, crops of {size} px, {joints} joints ({order})"
    return Imported(about, folder.put(entry, partial(export_posenet, net)))


def official_entry(
    weights: OfficialWeights, name: str, role: str, directory: Path, options: ImportOptions, **fields: Any
) -> ManifestEntry:
    """An entry of one role, with where the weights are from and whose terms hold. fields: the entry's other fields."""
    terms = f"see the authors' terms: {AUTHORS[weights.kind]}"
    origin = f"checkpoint {weights.source.name}, sha256 {sha256_of(weights.source)}"
    stated = options.training_data.strip() or f"not stated in the file, {terms}"
    return ManifestEntry(
        name=name,
        roles=(role,),
        file=directory / f"{name}.onnx",
        sha256=UNKNOWN_SHA256,
        license=terms,
        training_data=f"{stated} ({origin})",
        **fields,
    )
