"""Integral regression: the expectation of a coordinate under a softmax heatmap (Sun et al. 2018, eq. 2).

Always in FP32, whatever autocast is: a softmax over 64³ bins has probabilities below FP16's normal range. The sizes
are fixed at construction, so that an exported graph holds the bins as constants.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Grid(nn.Module):
    """Holds the coordinates of a map's cells."""

    grid_xy: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("grid_xy", _grid_xy(height, width), persistent=False)


class SoftArgmax2d(_Grid):
    """Expected x and y of each map, in bins: 0 … width − 1 and 0 … height − 1."""

    def forward(self, logits: Tensor) -> Tensor:
        """Map logits (N, J, H, W) of any float type → (N, J, 2) float32."""
        with torch.autocast(logits.device.type, enabled=False):
            probability = torch.softmax(logits.float().flatten(2), dim=-1)
            return probability @ self.grid_xy.float()


class SoftArgmax3d(_Grid):
    """Expected x, y and z of each volume, in bins.

    The marginals over (y, x) and over z come first, then one small matrix product each: the cost is that of two sums.
    """

    grid_z: Tensor

    def __init__(self, joints: int, depth: int, height: int, width: int) -> None:
        super().__init__(height, width)
        self.joints, self.depth, self.cells = joints, depth, height * width
        self.register_buffer("grid_z", torch.arange(depth, dtype=torch.float32)[:, None], persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Map logits (N, J·D, H, W), of which channel j·D + d is slice d of joint j, to (N, J, 3) float32."""
        return self.read(logits)[2]

    def marginals(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of each cell, (N, J, H·W), and of each slice, (N, J, D), float32; each sums to 1."""
        with torch.autocast(logits.device.type, enabled=False):
            flat = logits.float().reshape(-1, self.joints, self.depth * self.cells)
            volume = torch.softmax(flat, dim=-1).reshape(-1, self.joints, self.depth, self.cells)
            return volume.sum(dim=2), volume.sum(dim=3)

    def read(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map logits as in `forward` to the marginals and the expected bins (N, J, 3)."""
        planar, depth = self.marginals(logits)
        return planar, depth, self.expectation(planar, depth)

    def expectation(self, planar: Tensor, depth: Tensor) -> Tensor:
        """Marginals → expected bins (N, J, 3)."""
        with torch.autocast(planar.device.type, enabled=False):
            return torch.cat((planar @ self.grid_xy.float(), depth @ self.grid_z.float()), dim=-1)


class LocationMaps(_Grid):
    """Expected x and y of each heat map, in bins, and the mean of a map of depths under it, in metres.

    Location maps are Mehta et al. 2017's (VNect, section 4.1), their expectation under a softmax Iqbal et al. 2018's.
    """

    def read(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (N, 2·J, H, W), heat maps then depths, to planar (N, J, H·W), depth (N, J, 0), bins (N, J, 3)."""
        with torch.autocast(maps.device.type, enabled=False):
            heat, depth_m = maps.float().flatten(2).chunk(2, dim=1)
            planar = torch.softmax(heat, dim=-1)
            z = (planar * depth_m).sum(dim=-1, keepdim=True)
            return planar, planar[..., :0], torch.cat((planar @ self.grid_xy.float(), z), dim=-1)


def _grid_xy(height: int, width: int) -> Tensor:
    y = torch.arange(height, dtype=torch.float32)
    x = torch.arange(width, dtype=torch.float32)
    return torch.stack((x.repeat(height), y.repeat_interleave(width)), dim=1)
