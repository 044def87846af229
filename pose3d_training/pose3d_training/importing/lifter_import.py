"""Import of published lifters: VideoPose3D (Pavllo et al. 2019) and the single-frame nets of SemGCN's release.

Those are SemGCN itself (Zhao et al. 2019; github.com/garyzhao/SemGCN), and the net of Martinez et al. 2017 that its
authors trained beside it. Both read Human3.6M's joints without the nose, as VideoPose3D places them in the image, and
give metres relative to the pelvis.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pose3d_ros.engines.spec.engine_folder import EngineFolder
from pose3d_ros.engines.spec.entry import ManifestEntry, Parameter
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.lift_sources import check_sources
from pose3d_training.importing.checkpoint_import import (
    MARTINEZ,
    SEMGCN,
    VIDEOPOSE3D,
    Imported,
    ImportOptions,
    OfficialWeights,
    chosen_skeleton,
    official_entry,
    read_official,
)
from pose3d_training.nets.checkpoint_file import loaded
from pose3d_training.nets.exported_graphs import export_frame_lifter, export_temporal_step, export_temporal_windows
from pose3d_training.nets.lifter_nets import FrameLifter, ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN, neighbors
from pose3d_training.nets.temporal_net import TemporalModel

UNITS_M = {"metres": 1.0, "millimetres": 1e-3}
"""Unit that a lifter was trained in → metres."""
_SKELETON = "h36m16"
_GROUPS = ((2, 3), (5, 6), (1, 4), (0, 7), (8, 9), (14, 15), (11, 12), (10, 13))
"""Of the non-local blocks, in that skeleton (their common/h36m_dataset.py, `h36m_skeleton_joints_group`)."""
_MOST_FRAMES = 4096
_FOCAL = 2.29
"""Of Human3.6M's cameras, in half widths of the image."""


def import_videopose3d(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """VideoPose3D in metres, decoder `videopose3d`, or `videopose3d_step` if causal; see `Importer`."""
    folder, weights = EngineFolder(directory), read_official(VIDEOPOSE3D, checkpoint)
    net, parameters = _temporal_net(weights, options)
    order = chosen_skeleton(weights, net.num_joints_out, options.skeleton).name
    name = f"{VIDEOPOSE3D}-{net.receptive_field}f{'-causal' if options.causal else ''}-{order}"
    about = (
        f"{'causal' if options.causal else 'symmetric'}, filters {','.join(map(str, net.filter_widths))}"
        f" ({net.receptive_field} frames), {net.channels} channels, {parameters['input_skeleton']} → {order}"
    )
    export = export_temporal_step if options.causal else export_temporal_windows
    decoder = "videopose3d_step" if options.causal else "videopose3d"
    entry = _lifter_entry(weights, folder, options, name, decoder, order, parameters)
    return Imported(about, folder.put(entry, partial(export, net)))


def _temporal_net(weights: OfficialWeights, options: ImportOptions) -> tuple[TemporalModel, dict[str, Parameter]]:
    channels, values_in, first = weights.shape("expand_conv.weight", 3)
    joints_out = weights.rows("shrink.weight", 3, 3)
    blocks = sum(key.startswith("layers_conv.") and key.endswith(".weight") for key in weights.state) // 2
    widths = (first, *(weights.shape(f"layers_conv.{2 * i}.weight", 3)[2] for i in range(blocks)))
    if blocks and all(width == (first - 1) * first**i + 1 for i, width in enumerate(widths[1:], start=1)):
        raise EngineError(
            f"checkpoint {weights.source}",
            expected="dilated convolutions",
            got=f"widths {', '.join(map(str, widths))}: a model trained with --dense",
            fix="Train it without --dense, which is an experiment of the authors.",
        )
    joints_in, features = _input_joints(weights, values_in, options.input_skeleton)
    if math.prod(widths) > _MOST_FRAMES:
        raise EngineError(
            f"checkpoint {weights.source}",
            expected=f"a receptive field of up to {_MOST_FRAMES} frames",
            got=f"filter widths {', '.join(map(str, widths))}",
            fix="Give a checkpoint of the authors' own configuration.",
        )
    make = partial(TemporalModel, joints_in, features, joints_out, widths, causal=options.causal, channels=channels)
    net = loaded(make, weights.state, weights.source)
    with torch.no_grad():
        for parameter in net.shrink.parameters():
            parameter.mul_(UNITS_M[options.units])
    parameters: dict[str, Parameter] = {
        "input_skeleton": str(options.input_skeleton),
        "input_features": features,
        "receptive_field": net.receptive_field,
    }
    return net, parameters


def _input_joints(weights: OfficialWeights, values: int, name: str | None) -> tuple[int, int]:
    """Joints of a frame and values of each: x and y, or with their score. Raises EngineError for what does not fit."""
    joints = len(get_skeleton(name)) if name else 0
    if values not in (2 * joints, 3 * joints):
        raise EngineError(
            "option --input-skeleton",
            expected=f"the order of the 2D joints that {weights.source.name} reads, {values} values a frame",
            got=f"{name}, {joints} joints" if name else "none",
            fix="The authors' *_cpn.bin reads h36m17, *_detectron_coco.bin reads coco17.",
        )
    return joints, values // joints


def import_semgcn(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """SemGCN, decoder `lifter_frame`; see `Importer`. The skeleton is that of its 2D and its 3D joints."""
    folder, weights = EngineFolder(directory), read_official(SEMGCN, checkpoint)
    # A tree of J joints has J − 1 edges: as many weights from either end, and one for each joint itself.
    order = chosen_skeleton(weights, (weights.shape("gconv_output.e", 2)[1] + 2) // 3, options.skeleton or _SKELETON)
    _, features, channels = weights.shape("gconv_input.0.gconv.W", 3)
    non_local = any(".nonlocal." in key for key in weights.state)
    layers = sum(key.endswith(".gconv1.gconv.W") for key in weights.state)
    groups = _groups(weights, order) if non_local else None
    adjacent = neighbors(len(order), order.edges)
    make = partial(SemGCN, adjacent, features, channels=channels, layers=layers, groups=groups)
    net = loaded(make, weights.state, checkpoint)
    name = f"{SEMGCN}{'-nonlocal' if non_local else ''}-{order.name}"
    about = f"{layers} residual blocks of {channels} channels{', non-local' if non_local else ''}, {order.name}"
    return _placed(folder, weights, net, order, name, about, options)


def import_martinez(checkpoint: Path, directory: Path, options: ImportOptions) -> Imported:
    """The net of Martinez et al. in SemGCN's release, decoder `lifter_frame`; see `Importer`.

    The skeleton is that of its 2D and its 3D joints. Raises EngineError as well for another port's checkpoint, whose
    values need statistics that are not in the file.
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
    order = chosen_skeleton(weights, joints, options.skeleton or _SKELETON)
    blocks = sum(key.startswith("linear_stages.") and key.endswith(".w1.weight") for key in weights.state)
    make = partial(ResidualLifter, joints, 2, joints, channels=channels, blocks=blocks)
    net = loaded(make, _with_root(weights), checkpoint)
    about = f"{blocks} residual blocks of {channels} channels, {order.name}"
    return _placed(folder, weights, net, order, f"{MARTINEZ}-{order.name}", about, options)


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
    options: ImportOptions,
) -> Imported:
    parameters: dict[str, Parameter] = {
        "input_skeleton": order.name,
        "input_features": net.in_features,
        "receptive_field": 1,
        "input": "screen",
        "focal": _FOCAL,
        "ahead": "camera",
    }
    entry = _lifter_entry(weights, folder, options, name, "lifter_frame", order.name, parameters)
    return Imported(about, folder.put(entry, partial(export_frame_lifter, net, root=order.root)))


def _lifter_entry(
    weights: OfficialWeights,
    folder: EngineFolder,
    options: ImportOptions,
    name: str,
    decoder: str,
    skeleton: str,
    parameters: dict[str, Parameter],
) -> ManifestEntry:
    entry = official_entry(
        weights,
        name,
        "lifter",
        folder.directory,
        options,
        decoder=decoder,
        skeleton=skeleton,
        units="metres, relative to the root",
        parameters=parameters,
    )
    check_sources(entry, folder.manifest)
    return entry
