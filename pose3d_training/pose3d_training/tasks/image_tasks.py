"""Training tasks of the nets that take images: samples, loss and logged errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Batch, Loss, Task, loaded
from pose3d_training.nets.detector_net import STRIDE_PX, PersonDetector
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.synthetic.compose import SceneComposer
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.sprites import SpriteBank
from pose3d_training.tasks import losses
from pose3d_training.tasks.datasets import DetectionSamples, PoseSamples

MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""ImageNet's statistics of RGB in 0–1; they go into the manifest with the engine."""


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
    """Root depth and pose of composed people (Moon 2019, eq. 5 and 6), with scores and a stated depth error."""

    def __init__(self, recipe: Recipe, scenes: SceneComposer) -> None:
        self.recipe, self.scenes = recipe, scenes
        self.module: RootPoseNet = build_root_pose(recipe)

    def batches(self, seed: int) -> Iterator[Batch]:
        """See `Task.batches`."""
        samples = PoseSamples(self.scenes, get_skeleton(self.recipe.skeleton), self.recipe.input_width_px, seed)
        return loaded(samples, self.recipe)

    def loss(self, batch: Batch) -> Loss:
        """See `Task.loss`."""
        out = self.module(normalize(batch["image"]), batch["k_m"])
        size, inside = self.recipe.input_width_px, batch["inside"]
        true_px, true_z = batch["joints_crop_px"], batch["relative_depth_m"]
        coordinates = losses.coordinate_loss(out.joints_crop_px, true_px, out.relative_depth_m, true_z, inside, size)
        root = losses.root_depth_loss(out.root_depth_m, out.root_log_sigma, batch["root_depth_m"])
        error = losses.joint_error_m(
            out.joints_crop_px, true_px, out.relative_depth_m, true_z, batch["root_depth_m"], batch["k_m"], size
        )
        score = losses.joint_score_loss(out.score_logits, error, inside)
        relative = (out.root_depth_m / batch["root_depth_m"] - 1).abs().median()
        joint_mm = (error * inside).sum() / inside.sum() * 1000
        net = self.module
        slices = (true_z / net.depth_range_m + 0.5) * net.depth_bins - 0.5
        cells = (true_px + 0.5) / net.stride_px - 0.5
        maps = losses.heat_map_loss(out.planar, out.depth, cells, slices, inside)
        logged = {"maps": maps, "coords": coordinates, "root": root, "score": score}
        logged |= {"joint_mm": joint_mm, "depth_rel": relative}
        return 0.5 * coordinates + maps + 0.3 * root + 0.3 * score, {k: v.detach() for k, v in logged.items()}


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
