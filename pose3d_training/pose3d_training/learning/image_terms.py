"""Losses of nets that read images, beside those that every root_pose has, and of photographs without depths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.loss_term import Lifted, LossTerm
from pose3d_training.nets.root_pose_net import RootPoseNet, RootPoseOutput


@dataclass(frozen=True)
class PoseSeen:
    """What root_pose said of a batch: fields of `PoseSample`, or of `WeakPoseSample`, N first."""

    out: RootPoseOutput
    batch: Mapping[str, Tensor]
    skeleton: Skeleton
    size_px: int

    @property
    def has_depth(self) -> Tensor:
        """(N,): 0 for photographs, whose depths are unknown."""
        found = self.batch.get("has_depth")
        return torch.ones_like(self.batch["k_m"]) if found is None else found

    @property
    def metres_per_px(self) -> Tensor:
        """(N,): of the crop at the root's depth, the true one, or of a photograph the one that the net says.

        It is 2·γ/size with γ = depth/k (Moon 2019, eq. 3), whatever the focal length is. Without gradient.
        """
        said = self.out.root_depth_m.detach()
        depth = torch.where(self.has_depth > 0, self.batch["root_depth_m"], said)
        return 2 * depth / (self.batch["k_m"] * self.size_px)

    def true_m(self) -> Tensor:
        """(N, J, 3), metres, relative to the root, as if the camera looked at the root: of samples with depths."""
        px, z, root = self.batch["joints_crop_px"], self.batch["relative_depth_m"], self.skeleton.root
        scale = self.metres_per_px[:, None] * (1 + z / self.batch["root_depth_m"][:, None])
        planar = (px - px[:, root : root + 1]) * scale[..., None]
        return torch.cat([planar, z[..., None]], dim=-1)

    def placed_m(self) -> Tensor:
        """(N, J, 3), metres: joints at their true places in the image and the net's depths, in weak perspective."""
        planar = self.batch["joints_crop_px"] * self.metres_per_px[:, None, None]
        return torch.cat([planar, self.out.relative_depth_m[..., None]], dim=-1)


class ImageTerm(nn.Module, ABC):
    """A part of the loss of a net that reads images. Its own parameters are trained, and delivered nowhere."""

    @abstractmethod
    def forward(self, seen: PoseSeen) -> Tensor:
        """The loss, a scalar."""


class OfPhotographs(ImageTerm):
    """A term of lifters on photographs: 2D joints are given, the depths are the net's (Zhou 2017, section 3.3)."""

    def __init__(self, net: RootPoseNet, kind: type[LossTerm]) -> None:
        super().__init__()
        self.term = kind(net.skeleton, net.skeleton)

    def forward(self, seen: PoseSeen) -> Tensor:
        """See `ImageTerm`."""
        joints = seen.placed_m()
        known = seen.batch.get("known", torch.ones_like(seen.batch["inside"]))
        batch = {"labeled": seen.has_depth, "target_m": seen.true_m()[:, None], "known": known[:, None]}
        batch |= {name: seen.batch[name][:, None] for name in ("order", "ordered") if name in seen.batch}
        loss: Tensor = self.term(Lifted(joints[:, None], batch, seen.skeleton, seen.skeleton))
        return loss


class RootCoordinates(ImageTerm):
    """L1 of the root's x, y and z, a third each (Moon 2019, eq. 5): pixels of a map of 64, and metres.

    z counts where it is known, x and y where the root is inside the crop.
    """

    def __init__(self, net: RootPoseNet) -> None:
        super().__init__()
        self.root = net.skeleton.root

    def forward(self, seen: PoseSeen) -> Tensor:
        """See `ImageTerm`."""
        off = (seen.out.joints_crop_px - seen.batch["joints_crop_px"])[:, self.root].abs().sum(dim=-1)
        planar = off * (64 / seen.size_px) * seen.batch["inside"][:, self.root]
        depth = (seen.out.root_depth_m - seen.batch["root_depth_m"]).abs() * seen.has_depth
        loss: Tensor = (planar + depth).mean() / 3
        return loss
