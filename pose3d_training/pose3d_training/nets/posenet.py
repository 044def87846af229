"""PoseNet: the root-relative pose of the person in a crop (Moon et al. 2019, section 6), for 3DMPPE's checkpoints."""

from __future__ import annotations

from torch import Tensor, nn

from pose3d_training.nets.backbone import build_backbone, check_input_size
from pose3d_training.nets.deconv import HEAD_CHANNELS, HEAD_STRIDE_PX, deconv_layers, pointwise
from pose3d_training.nets.soft_argmax import SoftArgmax3d

DEPTH_BINS = 64


class PoseHead(nn.Module):
    """Deconvolutions and a 1x1 convolution to num_joints·64 channels: one volume a joint."""

    def __init__(self, in_channels: int, num_joints: int) -> None:
        super().__init__()
        self.deconv_layers = deconv_layers(in_channels)
        self.final_layer = pointwise(HEAD_CHANNELS, num_joints * DEPTH_BINS)

    def forward(self, features: Tensor) -> Tensor:
        """features (N, C, h, w) → (N, J·64, 8h, 8w); channel j·64 + d is depth slice d of joint j."""
        volume: Tensor = self.final_layer(self.deconv_layers(features))
        return volume


class PoseNet(nn.Module):
    """State-dict keys `backbone.*`, `head.deconv_layers.*`, `head.final_layer.*`, as published.

    num_joints: 18 for the published Human3.6M checkpoint (h36m18), 21 for MuCo (muco21). backbone: a name for
    `build_backbone`; the published checkpoints are `resnet50`. input_size_px: side of the crop.
    """

    def __init__(self, num_joints: int, backbone: str = "resnet50", input_size_px: int = 256) -> None:
        super().__init__()
        check_input_size("PoseNet", input_size_px)
        side = input_size_px // HEAD_STRIDE_PX
        self.input_size_px = input_size_px
        self.num_joints = num_joints
        self.backbone = build_backbone(backbone)
        self.head = PoseHead(self.backbone.channels[3], num_joints)
        self.soft_argmax = SoftArgmax3d(num_joints, DEPTH_BINS, side, side)

    def forward(self, image: Tensor) -> Tensor:
        """image (N, 3, S, S) float32, prepared as for RootNet → (N, J, 3) float32 bins.

        By the authors' convention crop x = bin · 4, and the depth to the root is (bin / 64 · 2 − 1) · 1000 mm.
        """
        coords: Tensor = self.soft_argmax(self.head(self.backbone(image)[3]))
        return coords
