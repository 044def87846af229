"""Import of published checkpoints: the net is found from the weights, exported, checked and put into a manifest.

3DMPPE's RootNet and PoseNet (Moon et al. 2019) as their authors' training code saves them. What a file does not hold is
in the options. Lifters are in `lifter_import.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pose3d_ros.engines.spec.engine_folder import UNKNOWN_SHA256, EngineFolder, Placed
from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_training.importing.checkpoint_shapes import (
    MARTINEZ,
    POSENET,
    ROOTNET,
    SEMGCN,
    VIDEOPOSE3D,
    OfficialWeights,
    chosen_skeleton,
    pose_joints,
    read_official,
)
from pose3d_training.nets.checkpoint_file import load_state
from pose3d_training.nets.exported_graphs import export_posenet, export_rootnet
from pose3d_training.nets.mppe_nets import PoseNet, RootNet

AUTHORS = {
    ROOTNET: "https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE",
    POSENET: "https://github.com/mks0601/3DMPPE_POSENET_RELEASE",
    VIDEOPOSE3D: "https://github.com/facebookresearch/VideoPose3D",
    SEMGCN: "https://github.com/garyzhao/SemGCN",
    MARTINEZ: "https://github.com/garyzhao/SemGCN",
}
"""Kind → where its code, weights and terms are."""

_PIXELS = Normalization(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb")
"""3DMPPE turns pixels into floats without dividing them by 255 (their `data/dataset.py`, `common/base.py`)."""


@dataclass(frozen=True)
class Imported:
    """What became of a checkpoint. net: its configuration, for people."""

    net: str
    placed: Placed


@dataclass(frozen=True)
class ImportOptions:
    """What a checkpoint does not hold; each kind reads those it needs.

    training_data: for the manifest. skeleton: the 3D joints' order, None for the published nets'. input_skeleton: the
    2D joints' order. input_size_px: side of the crops. units: of the training's 3D joints, a key of `UNITS_M`. causal:
    whether a VideoPose3D was trained with --causal.
    """

    training_data: str = ""
    skeleton: str | None = None
    input_skeleton: str | None = None
    input_size_px: int = 256
    units: str = "metres"
    causal: bool = False


Importer = Callable[[Path, Path, ImportOptions], Imported]
"""(checkpoint, folder of engines, options) → the engine, in the folder's manifest.

Raises EngineError for a checkpoint, an option or a folder that can't be used.
"""


def import_rootnet(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """3DMPPE's RootNet as a model of the role root, decoder `3dmppe_rootnet`; see `Importer`."""
    folder, weights = EngineFolder(directory), read_official(ROOTNET, checkpoint)
    backbone, size = weights.backbone(), options.input_size_px
    net = RootNet(backbone, size)
    load_state(net, weights.state, checkpoint)
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
    joints, backbone, size = pose_joints(weights), weights.backbone(), options.input_size_px
    order = chosen_skeleton(weights, joints, options.skeleton).name
    net = PoseNet(joints, backbone, size)
    load_state(net, weights.state, checkpoint)
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
