"""Training tasks of the nets that take images: samples, loss and logged errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.image_registry import DEFAULT_WEIGHTS, make_image_terms
from pose3d_training.learning.image_terms import PoseSeen
from pose3d_training.learning.loss_term import weight_at
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Loss, Task, loaded
from pose3d_training.nets.detector_net import STRIDE_PX, PersonDetector
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.synthetic.augment import Occlusion
from pose3d_training.synthetic.compose import SceneComposer
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.sprites import SpriteBank
from pose3d_training.tasks import losses
from pose3d_training.tasks.datasets import DetectionSamples, PoseSamples
from pose3d_training.tasks.photograph_samples import MixedSamples, PhotographSamples
from pose3d_training.tasks.photographed_people import PhotographedPerson

MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""ImageNet's statistics of RGB in 0–1; they go into the manifest with the engine."""


_LOGGED = {"coordinates": "coords"}
"""Losses whose name in logs is shorter."""


def normalize(images_bgr: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 BGR → (N, 3, H, W) float32 RGB, channels last in memory."""
    rgb = images_bgr.flip(-1).permute(0, 3, 1, 2).to(torch.float32)
    mean = torch.tensor(MEAN_RGB, device=rgb.device)[:, None, None] * 255
    std = torch.tensor(STD_RGB, device=rgb.device)[:, None, None] * 255
    return ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)


def build_detector(recipe: Recipe) -> PersonDetector:
    """The untrained PersonDetector of a recipe."""
    return PersonDetector(recipe.backbone, recipe.channels)


def build_root_pose(recipe: Recipe) -> RootPoseNet:
    """The untrained RootPoseNet of a recipe."""
    return RootPoseNet(
        recipe.backbone,
        get_skeleton(recipe.skeleton),
        recipe.input_width_px,
        num_deconv=recipe.num_deconv,
        deconv_channels=recipe.deconv_channels,
        depth_bins=recipe.depth_bins,
        refine_channels=recipe.refine_channels,
    )


def composer(bank: Path, backgrounds: Sequence[Path]) -> SceneComposer:
    """Scenes from a folder of sprites and folders of images without people."""
    return SceneComposer(SpriteBank(bank), Backgrounds(backgrounds))


class RootPoseTask(Task):
    """Root depth and pose of composed people (Moon 2019, eq. 5 and 6), with scores and a stated depth error.

    photographs: people whose depths are unknown, mixed with the composed ones; see `learning.image_terms` for losses.
    """

    def __init__(self, recipe: Recipe, scenes: SceneComposer, photographs: Sequence[PhotographedPerson] = ()) -> None:
        self.recipe, self.scenes, self.photographs = recipe, scenes, photographs
        self.module: RootPoseNet = build_root_pose(recipe)
        terms = make_image_terms(recipe.losses, self.module)
        self.auxiliary = terms if len(terms) else None

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        skeleton, size = get_skeleton(self.recipe.skeleton), self.recipe.input_width_px
        recipe = self.recipe
        shares = recipe.occluded_share, recipe.round_occluder_share, recipe.patch_occluder_share
        occlusion = Occlusion(*shares)
        samples = PoseSamples(self.scenes, skeleton, size, seed, occlusion=occlusion)
        if not self.photographs:
            return loaded(samples, self.recipe)
        photographs = PhotographSamples(self.photographs, skeleton, size, seed, occlusion=occlusion)
        return loaded(MixedSamples(samples, photographs, self.recipe.photographs_share), self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        out = self.module(normalize(batch["image"]), batch["k_m"])
        seen = PoseSeen(out, batch, self.module.skeleton, self.recipe.input_width_px)
        error = self._error_m(seen)
        named = self._own(seen, error)
        total = torch.stack([self._weight(name) * value for name, value in named.items()]).sum()
        if isinstance(self.auxiliary, nn.ModuleDict):
            more = {name: term(seen) for name, term in self.auxiliary.items()}
            total = total + torch.stack([self._weight(name) * value for name, value in more.items()]).sum()
            named |= more
        counted = batch["inside"] * seen.has_depth[:, None]
        relative = (out.root_depth_m / batch["root_depth_m"] - 1).abs()[seen.has_depth > 0]
        named["joint_mm"] = (error * counted).sum() / counted.sum().clamp(min=1) * 1000
        named["depth_rel"] = relative.median() if len(relative) else relative.sum()
        return total, {_LOGGED.get(name, name): value.detach() for name, value in named.items()}

    def _own(self, seen: PoseSeen, error_m: Tensor) -> dict[str, Tensor]:
        """The losses of every root_pose."""
        out, batch, net, inside = seen.out, seen.batch, self.module, seen.batch["inside"]
        true_px, true_z = batch["joints_crop_px"], batch["relative_depth_m"]
        depth = self._weight("depth") * seen.has_depth[:, None]
        slices = (true_z / net.depth_range_m + 0.5) * net.depth_bins - 0.5
        cells = (true_px + 0.5) / net.stride_px - 0.5
        found = out.joints_crop_px, true_px, out.relative_depth_m, true_z
        return {
            "coordinates": losses.coordinate_loss(*found, inside, seen.size_px, depth),
            "maps": losses.heat_map_loss(out.planar, out.depth, cells, slices, inside, depth),
            "root": losses.root_depth_loss(out.root_depth_m, out.root_log_sigma, batch["root_depth_m"], seen.has_depth),
            "score": losses.joint_score_loss(out.score_logits, error_m, inside, batch.get("known")),
        }

    def _error_m(self, seen: PoseSeen) -> Tensor:
        """(N, J), root-relative; of photographs in the image alone, at the depth that the net says."""
        planar = (seen.out.joints_crop_px - seen.batch["joints_crop_px"]) * seen.metres_per_px[:, None, None]
        z = (seen.out.relative_depth_m - seen.batch["relative_depth_m"]) * seen.has_depth[:, None]
        error: Tensor = torch.cat([planar, z[..., None]], dim=-1).norm(dim=-1)
        return error

    def _weight(self, name: str) -> float:
        return weight_at(self.recipe.losses.get(name, DEFAULT_WEIGHTS.get(name, 0.0)), self.progress)


class DetectorTask(Task):
    """Centers and boxes of composed people (Zhou 2019) with generalized-IoU boxes."""

    def __init__(self, recipe: Recipe, scenes: SceneComposer) -> None:
        self.recipe, self.scenes = recipe, scenes
        self.module: nn.Module = build_detector(recipe)

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        size = self.recipe.input_width_px, self.recipe.input_height_px
        samples = DetectionSamples(self.scenes, *size, STRIDE_PX, seed)
        return loaded(samples, self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        out = self.module(normalize(batch["image"]))
        heat = losses.heat_loss(out.heat_logits, batch["heat"], batch["heat_weight"])
        box = losses.box_loss(out.ltrb_px, batch["ltrb_px"], batch["box_weight"])
        return heat + box, {"heat": heat.detach(), "box": box.detach()}
