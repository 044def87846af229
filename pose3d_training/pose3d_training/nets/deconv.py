"""The upsampling head that RootNet and PoseNet share (Xiao et al. 2018, "Simple Baselines", as 3DMPPE uses it)."""

from __future__ import annotations

from torch import nn

HEAD_CHANNELS = 256
HEAD_STRIDE_PX = 4
"""Three doublings from the backbone's stride of 32."""

_INITIAL_STD = 0.001


def deconv_layers(in_channels: int) -> nn.Sequential:
    """Three 4x4 transposed convolutions of stride 2, each normalized and rectified; (N, C, h, w) → (N, 256, 8h, 8w)."""
    layers: list[nn.Module] = []
    for channels in (in_channels, HEAD_CHANNELS, HEAD_CHANNELS):
        deconv = nn.ConvTranspose2d(channels, HEAD_CHANNELS, 4, 2, 1, bias=False)
        nn.init.normal_(deconv.weight, std=_INITIAL_STD)
        layers += [deconv, nn.BatchNorm2d(HEAD_CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers)


def pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 1x1 convolution with 3DMPPE's initial values."""
    layer = nn.Conv2d(in_channels, out_channels, 1)
    nn.init.normal_(layer.weight, std=_INITIAL_STD)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
