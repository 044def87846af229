"""Training losses, in the order of the papers: coordinates, root depth, confidence, heat maps and boxes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CLOSE_M = 0.10
"""A joint counts as right when it is nearer than this to the ground truth, root-relative; its score predicts that."""


def coordinate_loss(
    predicted_px: Tensor,
    true_px: Tensor,
    predicted_z_m: Tensor,
    true_z_m: Tensor,
    inside: Tensor,
    size_px: int,
    depth_weight: Tensor | float = 1.0,
) -> Tensor:
    """L1 on image and depth coordinates in units of 1/64 of the crop and of 2 m (Sun 2018; Moon 2019, eq. 5).

    (N, J, 2), (N, J, 2), (N, J), (N, J), mask (N, J) → scalar. depth_weight: of the depths, (N, 1) or one for all; 0
    where they are unknown.
    """
    planar = (predicted_px - true_px).abs().sum(dim=-1) * (64 / size_px)
    depth = (predicted_z_m - true_z_m).abs() * 32 * depth_weight
    return ((planar + depth) * inside).sum() / inside.sum().clamp(min=1) / 3


def heat_map_loss(
    planar: Tensor,
    depth: Tensor,
    true_cells: Tensor,
    true_slices: Tensor,
    inside: Tensor,
    depth_weight: Tensor | float = 1.0,
) -> Tensor:
    """Cross entropy of the joints' heat maps against Gaussians (sigma 0.7 cells) about the ground truth.

    Beside the integral loss it gives every cell a gradient from the first step (Sun 2018, section 3, "joint
    training"); alone, the expectation of a flat map learns slowly. planar (N, J, side²) and depth (N, J, D):
    probabilities, D 0 for a net without a volume; true_cells (N, J, 2) and true_slices (N, J): the ground truth in
    cells; inside (N, J) → scalar. depth_weight: as of `coordinate_loss`.
    """
    target = gaussian_maps(true_cells, math.isqrt(planar.shape[-1]))
    entropy = -(target * planar.clamp(min=1e-9).log()).sum(-1)
    if depth.shape[-1]:
        target_z = _gaussian(true_slices, torch.arange(depth.shape[-1], device=depth.device))
        entropy = entropy - (target_z * depth.clamp(min=1e-9).log()).sum(-1) * depth_weight
    return (entropy * inside).sum() / inside.sum().clamp(min=1)


def gaussian_maps(cells: Tensor, side: int) -> Tensor:
    """Maps (..., side²), row by row, that sum to 1: Gaussians (sigma 0.7 cells) about the points `cells` (..., 2)."""
    across = torch.arange(side, device=cells.device)
    x, y = (_gaussian(cells[..., i], across) for i in range(2))
    return (y[..., :, None] * x[..., None, :]).flatten(-2)


def _gaussian(center: Tensor, bins: Tensor) -> Tensor:
    """Weights (..., B) that sum to 1; centers off the grid are those at its edge."""
    at = center.clamp(0, bins.shape[0] - 1)[..., None]
    return torch.softmax(-((bins - at) ** 2), dim=-1)


def root_depth_loss(
    depth_m: Tensor, log_sigma: Tensor, true_depth_m: Tensor, has_depth: Tensor | None = None
) -> Tensor:
    """L1 of ln(depth), and the likelihood of that error under a Laplace distribution whose scale the net states itself.

    Relative error is what a camera can see of depth (a scale error), hence the logarithm. sigma = sqrt(2)·b. The
    likelihood (Kendall & Gal 2017, eq. 8, with Laplace for L1) trains the stated scale only: through the depth its
    gradient grows as 1/b and would drown every other loss in the shared backbone. All (N,) → scalar.
    has_depth (N,): 0 where the depth is unknown.
    """
    log_scale = log_sigma.clamp(-5, 1) - math.log(math.sqrt(2))
    error = (depth_m.clamp(min=1e-3).log() - true_depth_m.log()).abs()
    each = error.detach() * torch.exp(-log_scale) + log_scale + 10 * error
    return each.mean() if has_depth is None else (each * has_depth).sum() / has_depth.sum().clamp(min=1)


def joint_score_loss(logits: Tensor, error_m: Tensor, inside: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross entropy against "this joint is within CLOSE_M of the ground truth", so that a score is that probability.

    logits (N, J), error_m (N, J) of the same forward pass (detached), inside (N, J) → scalar. known (N, J): 0 for
    joints whose place is unknown.
    """
    right = ((error_m.detach() < CLOSE_M) & (inside > 0)).to(logits.dtype)
    each = F.binary_cross_entropy_with_logits(logits, right, reduction="none")
    return each.mean() if known is None else (each * known).sum() / known.sum().clamp(min=1)


def joint_error_m(
    predicted_px: Tensor,
    true_px: Tensor,
    predicted_z_m: Tensor,
    true_z_m: Tensor,
    root_depth_m: Tensor,
    k_m: Tensor,
    size_px: int,
) -> Tensor:
    """Root-relative joint error (N, J) in metres, at the true root depth.

    k_m = sqrt(fx·fy)·2 m / side_px, so a crop pixel at depth Z is side_px/size_px·Z/f = 2·Z/(k·size_px) metres.
    """
    metres_per_px = (2 * root_depth_m / (k_m * size_px))[:, None, None]
    planar = (predicted_px - true_px) * metres_per_px
    error: Tensor = torch.linalg.vector_norm(torch.cat([planar, (predicted_z_m - true_z_m)[..., None]], dim=-1), dim=-1)
    return error


def heat_loss(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """Penalty-reduced focal loss of center maps (CenterNet, Zhou 2019, eq. 1; alpha 2, beta 4). All (N, 1, h, w)."""
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)
    p = logits.sigmoid()
    center = (heat >= 1).to(logits.dtype)
    positive = (1 - p) ** 2 * log_p * center
    negative = p**2 * log_q * (1 - heat) ** 4 * (1 - center)
    total: Tensor = ((positive + negative) * weight).sum()
    return -total / center.sum().clamp(min=1)


def box_loss(ltrb_px: Tensor, true_ltrb_px: Tensor, weight: Tensor) -> Tensor:
    """Generalized IoU of boxes given as distances from the same cell (Rezatofighi 2019).

    (N, 4, h, w), (N, 4, h, w), weight (N, 1, h, w) → scalar.
    """
    left, top, right, bottom = ltrb_px.unbind(1)
    t_left, t_top, t_right, t_bottom = true_ltrb_px.unbind(1)
    overlap = (torch.minimum(left, t_left) + torch.minimum(right, t_right)).clamp(min=0) * (
        torch.minimum(top, t_top) + torch.minimum(bottom, t_bottom)
    ).clamp(min=0)
    area, true_area = (left + right) * (top + bottom), (t_left + t_right) * (t_top + t_bottom)
    union = area + true_area - overlap
    hull = (torch.maximum(left, t_left) + torch.maximum(right, t_right)) * (
        torch.maximum(top, t_top) + torch.maximum(bottom, t_bottom)
    )
    giou = overlap / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    mask = weight[:, 0]
    return ((1 - giou) * mask).sum() / mask.sum().clamp(min=1)
