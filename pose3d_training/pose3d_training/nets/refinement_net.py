"""Refinement unit of EpipolarPose (Kocabas 2019, section 3.3): a noisy 3D pose → a better one.

State-dict keys and shapes are those of github.com/mkocabas/EpipolarPose (refiner/model.py): two residual blocks of
four fully connected layers, with a first estimate between them that is fed back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RefinementUnit(nn.Module):
    """3D joints (N, J_in, 3), relative to the root → two estimates (N, J_out, 3) of the refined ones, the later better.

    The authors train both with the squared distance from ground truth.
    """

    def __init__(self, num_joints_in: int, num_joints_out: int, *, channels: int = 1024, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_joints_out = num_joints_out
        self.linear_stages = nn.ModuleList(_Block(channels, dropout) for _ in range(2))
        self.w1, self.w2 = nn.Linear(3 * num_joints_in, channels), nn.Linear(channels, 3 * num_joints_out)
        self.w3, self.w4 = nn.Linear(3 * num_joints_out, channels), nn.Linear(channels, 3 * num_joints_out)
        self.batch_norm1, self.batch_norm3 = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)
        self.drop = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Both estimates."""
        read = self.drop(torch.relu(self.batch_norm1(self.w1(joints.flatten(1)))))
        first = self.linear_stages[0](read)
        early = self.w2(first)
        again = self.drop(torch.relu(self.batch_norm3(self.w3(early))))
        late = self.w4(read + self.linear_stages[1](first + again + read))
        return early.reshape(-1, self.num_joints_out, 3), late.reshape(-1, self.num_joints_out, 3)


class _Block(nn.Module):
    """Four layers, two to a residual connection."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.w1, self.w2, self.w3, self.w4 = (nn.Linear(channels, channels) for _ in range(4))
        norms = (nn.BatchNorm1d(channels) for _ in range(4))
        self.batch_norm1, self.batch_norm2, self.batch_norm3, self.batch_norm4 = norms
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(torch.relu(self.batch_norm1(self.w1(x))))
        out: Tensor = x + self.drop(torch.relu(self.batch_norm2(self.w2(y))))
        y = self.drop(torch.relu(self.batch_norm3(self.w3(out))))
        changed = self.drop(torch.relu(self.batch_norm4(self.w4(y))))
        total: Tensor = out + changed
        return total
