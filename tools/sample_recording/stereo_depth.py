"""What a stereo camera makes of exact depth: noise that grows with the square of the distance, and holes at edges."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_training.synthetic import Array32

STEP_PX = 4
"""A depth pixel is this many pixels of the image wide."""
_BASE_M = 0.05
_NOISE_PX = 0.08
"""Standard deviation of the disparity: of Intel's D400 in its own white paper on tuning, on walls with texture."""
_NOISE_BLUR_PX = 1.5
"""In depth pixels: neighbors are matched by windows that overlap, so that they err alike."""
_DISPARITY_STEP_PX = 1 / 16
_LEAST_M, _MOST_M = 0.3, 10.0
_EDGE = 1.06
"""Farthest over nearest depth within a pixel from which it lies on an edge, where matching mostly fails."""
_EDGE_HOLES = 0.7


def stereo_depth_mm(depth_m: Array32, focal_px: float, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Depth as from a stereo camera beside the color camera, aligned with its image.

    depth_m: (H, W), exact. focal_px: of that image. Returns (H / STEP_PX, W / STEP_PX) millimetres, 0 where there is
    no measurement.
    """
    height, width = (size // STEP_PX for size in depth_m.shape)
    blocks = depth_m[: height * STEP_PX, : width * STEP_PX].reshape(height, STEP_PX, width, STEP_PX)
    samples = np.sort(blocks.transpose(0, 2, 1, 3).reshape(height, width, -1), axis=2)
    disparity_px = focal_px * _BASE_M / samples[:, :, STEP_PX**2 // 2]
    noise = cv2.GaussianBlur(rng.normal(size=disparity_px.shape), (0, 0), _NOISE_BLUR_PX)
    noisy_px = disparity_px + _NOISE_PX * noise / noise.std()
    edge = samples[:, :, -1] > _EDGE * samples[:, :, 0]
    mixed_px = focal_px * _BASE_M / (samples[:, :, 0] + rng.random(edge.shape) * np.ptp(samples, axis=2))
    noisy_px = np.where(edge, mixed_px, noisy_px)
    holes = (edge & (rng.random(edge.shape) < _EDGE_HOLES)) | _hidden(disparity_px)
    steps = np.maximum(np.rint(noisy_px / _DISPARITY_STEP_PX), 1)
    measured_m = focal_px * _BASE_M / (steps * _DISPARITY_STEP_PX)
    holes |= (measured_m < _LEAST_M) | (measured_m > _MOST_M)
    return np.where(holes, 0, np.rint(measured_m * 1e3)).astype(np.uint16)


def _hidden(disparity_px: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """What only one of both cameras sees: pixels (H, W) left of something nearer."""
    hidden = np.zeros(disparity_px.shape, dtype=bool)
    for away in range(1, 12):
        nearer = disparity_px[:, away:] - disparity_px[:, :-away] >= away * STEP_PX
        hidden[:, :-away] |= nearer
    return hidden
