"""What tests of terms share: people before a camera, as a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.loss_term import Lifted

H36M = get_skeleton("h36m17")


def people(labeled: list[float], frames: int = 1, seed: int = 0) -> Lifted:
    """People (N, T), float64, whose lifted joints are the true ones and whose keypoints are exact; all in h36m17."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(labeled), frames)
    joints = 0.4 * torch.randn(*shape, 17, 3, generator=generator, dtype=torch.float64)
    joints = joints - joints[:, :, :1]
    root = torch.tensor([0.2, -0.1, 4.0], dtype=torch.float64) + 0.1 * torch.randn(
        *shape, 3, generator=generator, dtype=torch.float64
    )
    placed = joints + root[..., None, :]
    keypoints = placed[..., :2] / placed[..., 2:]
    center = keypoints.mean(dim=2)
    away = keypoints - center[:, :, None]
    spread = away.square().sum(dim=-1).mean(dim=-1).sqrt()
    features = torch.cat([away / spread[..., None, None], torch.ones_like(away[..., :1])], dim=-1)
    batch = {
        "features": features,
        "target_m": joints,
        "root_m": root,
        "center": center,
        "spread": spread,
        "labeled": torch.tensor(labeled, dtype=torch.float64),
        "cam_from_person": torch.eye(3, dtype=torch.float64).expand(*shape, 3, 3),
        "prior_m": joints.flip(0),
        "prior_root_m": root.flip(0),
    }
    return Lifted(joints.clone(), batch, H36M, H36M)


def changed(lifted: Lifted, joints_m: Tensor) -> Lifted:
    """The same people with other lifted joints."""
    return Lifted(joints_m, lifted.batch, lifted.input_skeleton, lifted.skeleton, lifted.progress)
