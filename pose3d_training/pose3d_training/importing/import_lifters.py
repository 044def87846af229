"""Import of lifters of single frames, as the training code of github.com/garyzhao/SemGCN saves them.

SemGCN itself (Zhao et al. 2019), and the net of Martinez et al. 2017 that its authors trained beside it. Both read
Human3.6M's joints without the nose, as VideoPose3D places them in the picture, and give metres relative to the pelvis.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pose3d_ros.engines.spec.engine_folder import EngineFolder
from pose3d_ros.engines.spec.entry import Parameter
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import Skeleton
from pose3d_training.importing.checkpoint_import import Imported, official_entry
from pose3d_training.importing.checkpoint_shapes import (
    MARTINEZ,
    SEMGCN,
    OfficialWeights,
    chosen_skeleton,
    read_official,
)
from pose3d_training.nets.checkpoint_file import load_state
from pose3d_training.nets.exported_graphs import export_frame_lifter
from pose3d_training.nets.lifter_nets import FrameLifter, ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN
from pose3d_training.nets.sem_gcn_layers import neighbours

_SKELETON = "h36m16"
_GROUPS = ((2, 3), (5, 6), (1, 4), (0, 7), (8, 9), (14, 15), (11, 12), (10, 13))
"""Of the non-local blocks, in that skeleton (their common/h36m_dataset.py, `h36m_skeleton_joints_group`)."""
_FOCAL = 2.29
"""Of Human3.6M's cameras, in half widths of the picture."""


def import_semgcn(
    checkpoint: Path, directory: Path, *, skeleton: str | None = None, training_data: str = ""
) -> Imported:
    """SemGCN as an engine of the role lifter, decoder `lifter_frame`.

    skeleton: of its 2D and its 3D joints, by default `h36m16`. Raises EngineError for a checkpoint, a skeleton or a
    folder that can't be used.
    """
    folder, weights = EngineFolder(directory), read_official(SEMGCN, checkpoint)
    # A tree of J joints has J − 1 edges: as many weights from either end, and one for each joint itself.
    order = chosen_skeleton(weights, (weights.shape("gconv_output.e", 2)[1] + 2) // 3, skeleton or _SKELETON)
    _, features, channels = weights.shape("gconv_input.0.gconv.W", 3)
    non_local = any(".nonlocal." in key for key in weights.state)
    layers = sum(key.endswith(".gconv1.gconv.W") for key in weights.state)
    groups = _groups(weights, order) if non_local else None
    net = SemGCN(neighbours(len(order), order.edges), features, channels=channels, layers=layers, groups=groups)
    load_state(net, weights.state, checkpoint)
    name = f"{SEMGCN}{'-nonlocal' if non_local else ''}-{order.name}"
    about = f"{layers} residual blocks of {channels} channels{', non-local' if non_local else ''}, {order.name}"
    return _placed(folder, weights, net, order, name, about, training_data)


def import_martinez(
    checkpoint: Path, directory: Path, *, skeleton: str | None = None, training_data: str = ""
) -> Imported:
    """The net of Martinez et al. in SemGCN's release as an engine of the role lifter, decoder `lifter_frame`.

    skeleton: of its 2D and its 3D joints, by default `h36m16`. Raises EngineError for a checkpoint, a skeleton or a
    folder that can't be used, and for one of another port, whose values need statistics that are not in the file.
    """
    folder, weights = EngineFolder(directory), read_official(MARTINEZ, checkpoint)
    channels, values_in = weights.shape("w1.weight", 2)
    joints, values_out = values_in // 2, weights.shape("w2.weight", 2)[0]
    if values_out != 3 * (joints - 1):
        raise EngineError(
            f"checkpoint {checkpoint}",
            expected=f"{3 * (joints - 1)} values for {joints} joints, all but the pelvis, in metres",
            got=f"{values_out}, as ports have them whose joints are divided by statistics of the training data",
            fix="Give ckpt_linear.pth.tar of github.com/garyzhao/SemGCN.",
        )
    order = chosen_skeleton(weights, joints, skeleton or _SKELETON)
    blocks = sum(key.startswith("linear_stages.") and key.endswith(".w1.weight") for key in weights.state)
    net = ResidualLifter(joints, 2, joints, channels=channels, blocks=blocks)
    load_state(net, _with_root(weights), checkpoint)
    about = f"{blocks} residual blocks of {channels} channels, {order.name}"
    return _placed(folder, weights, net, order, f"{MARTINEZ}-{order.name}", about, training_data)


def _with_root(weights: OfficialWeights) -> dict[str, Tensor]:
    """The weights of a net that gives the root too, as its first joint, at zero: three more rows."""
    last = {key: tensor for key, tensor in weights.state.items() if key in ("w2.weight", "w2.bias")}
    return {**weights.state, **{key: torch.cat((torch.zeros_like(v[:3]), v)) for key, v in last.items()}}


def _groups(weights: OfficialWeights, order: Skeleton) -> tuple[tuple[int, ...], ...]:
    if order.name == _SKELETON:
        return _GROUPS
    raise EngineError(
        f"checkpoint {weights.source}",
        expected=f"joints of {_SKELETON}, whose groups for the non-local blocks are known",
        got=order.name,
        fix="Train without --non_local for other joints.",
    )


def _placed(
    folder: EngineFolder,
    weights: OfficialWeights,
    net: FrameLifter,
    order: Skeleton,
    name: str,
    about: str,
    training_data: str,
) -> Imported:
    parameters: dict[str, Parameter] = {
        "input_skeleton": order.name,
        "input_features": net.in_features,
        "receptive_field": 1,
        "input": "screen",
        "focal": _FOCAL,
        "ahead": "camera",
    }
    entry = official_entry(
        weights,
        name,
        "lifter",
        folder.directory,
        training_data,
        decoder="lifter_frame",
        skeleton=order.name,
        units="metres, relative to the root",
        parameters=parameters,
    )
    return Imported(about, folder.put(entry, partial(export_frame_lifter, net, root=order.root)))
