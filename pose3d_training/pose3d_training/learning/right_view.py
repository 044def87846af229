"""The 2D joints that a second camera, to the right of the first, would see of a person: labels of view synthesis.

After "Generalizing Monocular 3D Human Pose Estimation in the Wild" (Wang 2019, arXiv 1904.05512): its stereoscopic view
synthesis subnetwork (`nets.stereo_lifter`) learns from them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pose3d_training.learning.loss_term import Lifted, LossTerm

BASELINE = 0.5
"""Between the cameras, in distances of the person's root, since features do not tell how far away a person is. The
authors' code does not say theirs."""
_MIN_DEPTH_M, _MIN_SPREAD = 0.3, 1e-3


def right_view(joints_m: Tensor, root_m: Tensor, center: Tensor, spread: Tensor, baseline: float = BASELINE) -> Tensor:
    """Joints as the right camera sees them, in the units of `features`.

    The cameras' axes are parallel, so y is the left camera's; x is shifted by b·(1/z_root − 1/z) with b the baseline,
    so that the root is where it is in the left view, and farther joints lie to its right. (The authors subtract
    the root from both views.)
    joints_m (..., J, 3): relative to the root, in the person's frame. root_m (..., 3): there. center (..., 2),
    spread (...): see `WeakLiftSample`. baseline: in z_root. Returns (..., J, 2).
    """
    placed = joints_m + root_m[..., None, :]
    depth = placed[..., 2:].clamp(min=_MIN_DEPTH_M)
    nearness = root_m[..., None, 2:] / depth
    shift = torch.cat([baseline * (1 - nearness), torch.zeros_like(nearness)], dim=-1)
    left = placed[..., :2] / depth - center[..., None, :]
    return (left + shift) / spread[..., None, None].clamp(min=_MIN_SPREAD)


class RightView(LossTerm):
    """Mean distance of the synthesized right view from the true one, in spreads, of labeled joints.

    The authors take squared distances of coordinates over their standard deviations; of people who are cut off by the
    image a few joints would then outweigh all others. Only a lifter of architecture `stereo` has such a view.
    """

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        assert lifted.right_view is not None, "recipes name this term with architecture stereo only"
        batch = lifted.batch
        true = right_view(batch["target_m"], batch["root_m"], batch["center"], batch["spread"])
        shaped = (batch["spread"] > _MIN_SPREAD).to(true.dtype)
        weight = lifted.labeled_joints * shaped[..., None]
        mean: Tensor = ((lifted.right_view - true).norm(dim=-1) * weight).sum() / weight.sum().clamp(min=1)
        return mean
