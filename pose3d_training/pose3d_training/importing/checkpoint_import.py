"""Import of published checkpoints: the net is found from the weights, exported, checked and put into a manifest.

3DMPPE's RootNet and PoseNet (Moon et al. 2019) and VideoPose3D (Pavllo et al. 2019), as their authors' training code
saves them. What a file can't say is an argument here. Lifters of single frames are in `import_lifters.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pose3d_ros.engines.spec.engine_folder import UNKNOWN_SHA256, EngineFolder, Placed
from pose3d_ros.engines.spec.entry import ManifestEntry, Normalization, Parameter
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
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
    temporal_shape,
)
from pose3d_training.nets.checkpoint_file import load_state
from pose3d_training.nets.exported_graphs import (
    export_posenet,
    export_rootnet,
    export_temporal_step,
    export_temporal_windows,
)
from pose3d_training.nets.posenet import PoseNet
from pose3d_training.nets.rootnet import RootNet
from pose3d_training.nets.temporal_net import TemporalModel

AUTHORS = {
    ROOTNET: "https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE",
    POSENET: "https://github.com/mks0601/3DMPPE_POSENET_RELEASE",
    VIDEOPOSE3D: "https://github.com/facebookresearch/VideoPose3D",
    SEMGCN: "https://github.com/garyzhao/SemGCN",
    MARTINEZ: "https://github.com/garyzhao/SemGCN",
}
"""Kind → where its code, weights and terms are."""

UNITS_M = {"metres": 1.0, "millimetres": 1e-3}
"""Unit that a lifter was trained in → metres."""

_PIXELS = Normalization(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb")
"""3DMPPE turns pixels into floats without dividing them by 255 (their `data/dataset.py`, `common/base.py`)."""


@dataclass(frozen=True)
class Imported:
    """What became of a checkpoint. net: its configuration, for people."""

    net: str
    placed: Placed


@dataclass(frozen=True)
class LifterOptions:
    """What a VideoPose3D file does not say.

    input_skeleton: the 2D joints' order. skeleton: the 3D joints', None for Human3.6M's 17. units: of the training's
    3D joints, a key of `UNITS_M`. causal: whether it was trained with --causal.
    """

    input_skeleton: str | None = None
    skeleton: str | None = None
    units: str = "metres"
    causal: bool = False


def import_rootnet(checkpoint: Path, directory: Path, *, input_size_px: int = 256, training_data: str = "") -> Imported:
    """3DMPPE's RootNet as an engine of the role root, decoder `3dmppe_rootnet`, in the folder's manifest.

    Raises EngineError for a checkpoint or a folder that can't be used.
    """
    folder, weights = EngineFolder(directory), read_official(ROOTNET, checkpoint)
    backbone = weights.backbone()
    net = RootNet(backbone, input_size_px)
    load_state(net, weights.state, checkpoint)
    entry = official_entry(
        weights,
        f"{ROOTNET}-{backbone}",
        "root",
        directory,
        training_data,
        decoder="3dmppe_rootnet",
        input_size_px=(input_size_px, input_size_px),
        normalization=_PIXELS,
        units="bins of 4 px, millimetres",
    )
    return Imported(f"{backbone}, crops of {input_size_px} px", folder.put(entry, partial(export_rootnet, net)))


def import_posenet(
    checkpoint: Path,
    directory: Path,
    *,
    skeleton: str | None = None,
    input_size_px: int = 256,
    training_data: str = "",
) -> Imported:
    """3DMPPE's PoseNet as an engine of the role pose, decoder `3dmppe_posenet`, in the folder's manifest.

    skeleton: needed unless there are 17 (h36m17), 18 (h36m18) or 21 joints (muco21). Raises EngineError for a
    checkpoint, a skeleton or a folder that can't be used.
    """
    folder, weights = EngineFolder(directory), read_official(POSENET, checkpoint)
    joints, backbone = pose_joints(weights), weights.backbone()
    order = chosen_skeleton(weights, joints, skeleton).name
    net = PoseNet(joints, backbone, input_size_px)
    load_state(net, weights.state, checkpoint)
    entry = official_entry(
        weights,
        f"{POSENET}-{backbone}-{order}",
        "pose",
        directory,
        training_data,
        decoder="3dmppe_posenet",
        input_size_px=(input_size_px, input_size_px),
        normalization=_PIXELS,
        skeleton=order,
        units="bins: 4 px, and 1/32 m from the root at bin 32",
    )
    about = f"{backbone}, crops of {input_size_px} px, {joints} joints ({order})"
    return Imported(about, folder.put(entry, partial(export_posenet, net)))


def import_videopose3d(
    checkpoint: Path, directory: Path, options: LifterOptions | None = None, *, training_data: str = ""
) -> Imported:
    """VideoPose3D as an engine of the role lifter, which gives metres: `videopose3d`, or `videopose3d_step` if causal.

    Raises EngineError for a checkpoint, an option or a folder that can't be used.
    """
    options = options or LifterOptions()
    folder, weights = EngineFolder(directory), read_official(VIDEOPOSE3D, checkpoint)
    net, parameters = _lifter(weights, options)
    order = chosen_skeleton(weights, net.num_joints_out, options.skeleton).name
    name = f"{VIDEOPOSE3D}-{net.receptive_field}f{'-causal' if options.causal else ''}-{order}"
    entry = official_entry(
        weights,
        name,
        "lifter",
        directory,
        training_data,
        decoder="videopose3d_step" if options.causal else "videopose3d",
        skeleton=order,
        units="metres, relative to the root",
        parameters=parameters,
    )
    about = (
        f"{'causal' if options.causal else 'symmetric'}, filters {','.join(map(str, net.filter_widths))}"
        f" ({net.receptive_field} frames), {net.channels} channels, {parameters['input_skeleton']} → {order}"
    )
    export = export_temporal_step if options.causal else export_temporal_windows
    return Imported(about, folder.put(entry, partial(export, net)))


def _lifter(weights: OfficialWeights, options: LifterOptions) -> tuple[TemporalModel, dict[str, Parameter]]:
    shape = temporal_shape(weights)
    joints_in, features = _input_joints(weights, shape.values_in, options.input_skeleton)
    net = TemporalModel(
        joints_in, features, shape.joints_out, shape.filter_widths, causal=options.causal, channels=shape.channels
    )
    load_state(net, weights.state, weights.source)
    _scale_output(net.shrink, UNITS_M[options.units])
    parameters: dict[str, Parameter] = {
        "input_skeleton": str(options.input_skeleton),
        "input_features": features,
        "receptive_field": net.receptive_field,
    }
    return net, parameters


def _input_joints(weights: OfficialWeights, values: int, name: str | None) -> tuple[int, int]:
    """Joints of a frame and values of each: x and y, or with their score. Raises EngineError for what does not fit."""
    if name is None:
        raise EngineError(
            "option --input-skeleton",
            expected=f"the order of the 2D joints that {weights.source.name} reads, {values} values a frame",
            got="none",
            fix="The authors' *_cpn.bin reads h36m17, *_detectron_coco.bin reads coco17.",
        )
    joints = len(get_skeleton(name))
    if values not in (2 * joints, 3 * joints):
        raise EngineError(
            "option --input-skeleton",
            expected=f"2D joints, with or without scores, of {values} values a frame",
            got=f"{name}, {joints} joints",
            fix="The authors' *_cpn.bin reads h36m17, *_detectron_coco.bin reads coco17.",
        )
    return joints, values // joints


def _scale_output(layer: nn.Conv1d, factor: float) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)


def official_entry(
    weights: OfficialWeights, name: str, role: str, directory: Path, training_data: str, **fields: Any
) -> ManifestEntry:
    """An entry of one role, with where the weights are from and whose terms hold. fields: the entry's other fields."""
    terms = f"see the authors' terms: {AUTHORS[weights.kind]}"
    origin = f"checkpoint {weights.source.name}, sha256 {sha256_of(weights.source)}"
    stated = training_data.strip() or f"not stated in the file, {terms}"
    return ManifestEntry(
        name=name,
        roles=(role,),
        file=directory / f"{name}.onnx",
        sha256=UNKNOWN_SHA256,
        license=terms,
        training_data=f"{stated} ({origin})",
        **fields,
    )
