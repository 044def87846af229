"""RootPoseNet: absolute root depth and root-relative pose of one person from one crop, with one shared backbone.

The pose half is PoseNet's volumetric head with integral regression (Moon et al. 2019, section 6; Sun et al. 2018); the
depth half is RootNet's correction γ of the camera-distance measure k (Moon et al. 2019, eq. 3 and section 5).
Sharing the backbone saves about a third of the two networks' arithmetic.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import Skeleton
from pose3d_training.nets.backbone import build_backbone, check_input_size
from pose3d_training.nets.soft_argmax import LocationMaps, SoftArgmax3d

_INITIAL_SIGMA = 0.2
_LOG_SIGMA_RANGE = (-5.0, 2.0)
_ROOT_HIDDEN = 128


class RootPoseOutput(NamedTuple):
    """Outputs of RootPoseNet for N crops; all float32.

    joints_crop_px (N, J, 2): pixel-center coordinates in the crop. relative_depth_m (N, J): joint depth less the root
    joint's. joint_scores (N, J) in 0–1. root_depth_m (N,): γ·k. root_log_sigma (N,): standard deviation of
    ln root_depth_m, as a natural logarithm. For the losses only: score_logits (N, J), joint_scores before the sigmoid;
    planar (N, J, cells, row by row) and depth (N, J, depth_bins), the heat maps whose expectations the joints are;
    without depth_bins depth has no values; features, the backbone's maps at strides 4 to 32, and the last one before
    the heat maps.
    """

    joints_crop_px: Tensor
    relative_depth_m: Tensor
    joint_scores: Tensor
    root_depth_m: Tensor
    root_log_sigma: Tensor
    score_logits: Tensor
    planar: Tensor
    depth: Tensor
    features: tuple[Tensor, ...] = ()


class UpStage(nn.Module):
    """Doubles the resolution: a 4x4 transposed convolution plus a 1x1 of the backbone's map of that resolution."""

    def __init__(self, in_channels: int, lateral_channels: int, out_channels: int) -> None:
        super().__init__()
        self.deconv = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.lateral = nn.Sequential(
            nn.Conv2d(lateral_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        )

    def forward(self, x: Tensor, lateral: Tensor) -> Tensor:
        """Map (N, C, h, w) and the lateral map (N, C', 2h, 2w) to (N, out_channels, 2h, 2w)."""
        return torch.relu(self.deconv(x) + self.lateral(lateral))


class RootPoseNet(nn.Module):
    """Crop and k → joints, root-relative depths, scores and absolute root depth.

    backbone: a name for `build_backbone`. input_size_px: side S of the square crop, a multiple of 32.
    num_deconv 0–3: the volume has stride 32 / 2^num_deconv. depth_range_m: metres that the depth bins span together,
    centered on the volume's middle: joints are at most half of it before or behind each other. depth_bins 0: instead of
    a volume one heat map and one map of depths in metres for each joint, and the joint's depth is the map's mean under
    the heat map (location maps, Mehta 2017, section 4.1; read as Iqbal 2018's 2.5D): 8 times fewer values than a volume
    of 16 slices, so that maps of twice the resolution cost less. refine_channels above 0: two fully connected layers of
    that width see the pooled features and the whole pose and correct every joint, since which way a person faces, and
    with it most depths, shows in no joint alone.
    Raises EngineError for sizes that do not fit.
    """

    def __init__(
        self,
        backbone: str,
        skeleton: Skeleton,
        input_size_px: int = 256,
        *,
        num_deconv: int = 1,
        deconv_channels: int = 128,
        depth_bins: int = 16,
        depth_range_m: float = 2.4,
        refine_channels: int = 0,
    ) -> None:
        super().__init__()
        check_input_size("RootPoseNet", input_size_px)
        _check_volume(num_deconv, depth_bins, depth_range_m)
        self.backbone = build_backbone(backbone)
        self.skeleton = skeleton
        self.input_size_px = input_size_px
        self.depth_bins = depth_bins
        self.depth_range_m = depth_range_m
        self.stride_px = 32 >> num_deconv
        channels = self.backbone.channels
        inputs = [channels[3], *[deconv_channels] * num_deconv]
        self.up_stages = nn.ModuleList(UpStage(inputs[i], channels[2 - i], deconv_channels) for i in range(num_deconv))
        self.volume_layer = nn.Conv2d(inputs[-1], len(skeleton) * (depth_bins or 2), 1)
        side = input_size_px // self.stride_px
        self.soft_argmax: SoftArgmax3d | LocationMaps = (
            SoftArgmax3d(len(skeleton), depth_bins, side, side) if depth_bins else LocationMaps(side, side)
        )
        self.refiner = _refiner(channels[3] + 3 * len(skeleton), refine_channels, 3 * len(skeleton))
        self.score_layer = nn.Linear(channels[3], len(skeleton))
        self.root_hidden = nn.Linear(channels[3] + 3 * len(skeleton), _ROOT_HIDDEN)
        self.root_layer = nn.Linear(_ROOT_HIDDEN, 2)
        self._init_heads()

    def forward(self, image: Tensor, k_m: Tensor) -> RootPoseOutput:
        """Map images (N, 3, S, S), normalized, and k_m (N,) = sqrt(fx·fy·4 m² / box area in px²), all float32."""
        features = self.backbone(image)
        last = self._raised(features)
        planar, depth, bins = self.soft_argmax.read(self.volume_layer(last))
        joints_crop_px = (bins[..., :2] + 0.5) * self.stride_px - 0.5
        depth_m = bins[..., 2] * (self.depth_range_m / self.depth_bins if self.depth_bins else 1.0)
        root = self.skeleton.root
        relative_depth_m = depth_m - depth_m[:, root : root + 1]
        with torch.autocast(image.device.type, enabled=False):
            pooled = features[3].float().mean(dim=(2, 3))
            if self.refiner is not None:
                change = self.refiner(self._seen(pooled, joints_crop_px, relative_depth_m))
                change = change.reshape(-1, len(self.skeleton), 3)
                joints_crop_px = joints_crop_px + change[..., :2] * (self.input_size_px / 2)
                relative_depth_m = relative_depth_m + change[..., 2] - change[:, root : root + 1, 2]
            score_logits = self.score_layer(pooled)
            log_gamma, log_sigma = self._root(pooled, joints_crop_px, relative_depth_m)
        return RootPoseOutput(
            joints_crop_px,
            relative_depth_m,
            torch.sigmoid(score_logits),
            torch.exp(log_gamma) * k_m,
            log_sigma,
            score_logits,
            planar,
            depth,
            (*features, last),
        )

    def _raised(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[3]
        for i, stage in enumerate(self.up_stages):
            x = stage(x, features[2 - i])
        return x

    def _root(self, pooled: Tensor, joints_crop_px: Tensor, relative_depth_m: Tensor) -> tuple[Tensor, Tensor]:
        """Regress ln γ and ln σ from pooled features and the pose, whose bone lengths in the crop show the distance.

        The pose enters detached: the depth loss must not bend the joints.
        """
        hidden = torch.relu(self.root_hidden(self._seen(pooled, joints_crop_px, relative_depth_m)))
        raw: Tensor = self.root_layer(hidden)
        return raw[:, 0], raw[:, 1].clamp(*_LOG_SIGMA_RANGE)

    def _seen(self, pooled: Tensor, joints_crop_px: Tensor, relative_depth_m: Tensor) -> Tensor:
        """Pooled features and the pose, detached, in units near 1."""
        xy = (joints_crop_px.detach() + 0.5) * (2.0 / self.input_size_px) - 1.0
        return torch.cat((pooled, xy.flatten(1), relative_depth_m.detach()), dim=1)

    def _init_heads(self) -> None:
        """Start from γ = 1 and the middle of the volume, so that the first losses are those of the average person."""
        for stage in self.up_stages.modules():
            if isinstance(stage, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.kaiming_normal_(stage.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.volume_layer.weight, std=0.001)
        nn.init.zeros_(self.volume_layer.get_parameter("bias"))
        nn.init.zeros_(self.root_layer.weight)
        with torch.no_grad():
            self.root_layer.get_parameter("bias").copy_(torch.tensor([0.0, math.log(_INITIAL_SIGMA)]))


def _refiner(inputs: int, width: int, outputs: int) -> nn.Sequential | None:
    """Three layers whose output is 0 at first."""
    if not width:
        return None
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.get_parameter("bias"))
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)


def _check_volume(num_deconv: int, depth_bins: int, depth_range_m: float) -> None:
    if not 0 <= num_deconv <= 3 or depth_bins < 0 or depth_range_m <= 0:
        raise EngineError(
            "RootPoseNet volume",
            expected="num_deconv in 0–3, depth_bins ≥ 0 and depth_range_m > 0",
            got=f"{num_deconv}, {depth_bins} and {depth_range_m}",
            fix="Correct the net's configuration.",
        )
