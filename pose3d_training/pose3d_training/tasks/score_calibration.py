"""Calibration of scores and standard deviations on composed scenes, after training.

A score should be the share of equal scores that are right (Guo 2017). The detector's focal loss and the averaged
weights leave it far from that, so its logits are scaled and shifted (Platt 1999), the joints' likewise, and the stated
error of the root's depth is scaled to the one observed. All three are folded into the last layers: the graphs stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import nn

from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.engines.spec.entry import Normalization
from pose3d_ros.errors import EngineError
from pose3d_ros.evaluation.metrics.box_precision import Outcome, match_boxes
from pose3d_ros.geometry.boxes import suppress
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.records import Detection
from pose3d_ros.stages.detect.detector_decoders import decode_center_ltrb
from pose3d_ros.types import Array
from pose3d_training.loop.training_loop import collate
from pose3d_training.nets.detector_net import STRIDE_PX, PersonDetector
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.synthetic.augment import photograph
from pose3d_training.synthetic.compose import Scene, SceneComposer
from pose3d_training.tasks.datasets import PoseSamples
from pose3d_training.tasks.image_tasks import normalize
from pose3d_training.tasks.losses import CLOSE_M, joint_error_m

SCENES, CROPS = 400, 2048
_SEED = 424_242
_MIN_SEEN, _MIN_SCALE = 50, 0.05
_MIN_SCORE, _MAX_IOU, _MAX_PEOPLE = 0.03, 0.6, 20
_MIN_HEIGHT_PX, _MIN_VISIBLE = 40, 0.5
"""Who must be found, as in the held-out evaluation."""
_BATCH = 64


@dataclass(frozen=True)
class Platt:
    """logit → scale · logit + offset."""

    scale: float
    offset: float


def fit_platt(logits: Array, right: npt.NDArray[np.bool_]) -> Platt:
    """The scale and offset that make sigmoid(scale · logit + offset) most likely (Platt 1999), logits (N,), right (N,).

    With Platt's targets, (n + 1) / (n + 2) and 1 / (n + 2) for n of a kind, so that a clean cut stays finite.
    """
    count = int(right.sum())
    target = np.where(right, (count + 1) / (count + 2), 1 / (len(right) - count + 2))

    def loss(parameters: Array) -> tuple[float, Array]:
        z = parameters[0] * logits + parameters[1]
        p = 1 / (1 + np.exp(-np.clip(z, -50, 50)))
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.array([np.mean((p - target) * logits), np.mean(p - target)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    return Platt(float(found.x[0]), float(found.x[1]))


def usable_platt(what: str, logits: Array, right: npt.NDArray[np.bool_]) -> Platt:
    """`fit_platt`; raises EngineError when too little was seen, or when higher scores are not more often right."""
    platt = fit_platt(logits, right) if len(logits) >= _MIN_SEEN and 0 < right.mean() < 1 else Platt(0.0, 0.0)
    if not _MIN_SCALE < platt.scale < 1 / _MIN_SCALE:
        raise EngineError(
            f"calibration of {what}",
            expected=f"at least {_MIN_SEEN} scores, some of them right, and right ones with higher scores",
            got=f"{len(logits)} scores, {int(right.sum())} right, scale {platt.scale:.3g}",
            fix="Train longer, or deliver without --bank.",
        )
    return platt


@torch.no_grad()
def calibrate_detector(
    net: PersonDetector, composer: SceneComposer, normalization: Normalization, long_side_px: int
) -> Platt:
    """Make the scores of a detector in eval mode the precision of equal scores, in place. Returns what was folded."""
    rng = np.random.default_rng(_SEED)
    scores, right = [], []
    for _ in range(SCENES):
        scene = composer.draw(rng)
        for score, is_right in _judged(net, scene, normalization, long_side_px, rng):
            scores.append(score)
            right.append(is_right)
    share = np.clip(np.array(scores), 1e-6, 1 - 1e-6)
    platt = usable_platt("the detector's scores", np.log(share / (1 - share)), np.array(right))
    _fold(net.heat_layer, platt)
    return platt


def _judged(
    net: PersonDetector, scene: Scene, normalization: Normalization, long_side_px: int, rng: np.random.Generator
) -> Iterator[tuple[float, bool]]:
    """Score and verdict of each box that counts."""
    image = photograph(scene.image_bgr, rng)
    letterbox = Letterbox.fit_long_side(image.shape[1], image.shape[0], long_side_px)
    out = net(torch.from_numpy(HostImage(image).letterboxed(letterbox, normalization)))
    raw = {"heat": out.heat_logits.sigmoid().numpy(), "ltrb": out.ltrb_px.numpy()}
    boxes, scores = decode_center_ltrb(raw, letterbox, STRIDE_PX, _MIN_SCORE)
    boxes = letterbox.input2img(boxes)
    high = np.array([image.shape[1], image.shape[0]] * 2) - 0.5
    boxes = np.clip(boxes, -0.5, high)
    kept = suppress(boxes, scores, _MAX_IOU, _MAX_PEOPLE)
    heights = scene.boxes_xyxy_px[:, 3] - scene.boxes_xyxy_px[:, 1]
    counts = (heights >= _MIN_HEIGHT_PX) & (scene.visible >= _MIN_VISIBLE)
    found = [Detection(boxes[i], float(scores[i])) for i in kept if np.ptp(boxes[i][[0, 2]]) > 0]
    for box in match_boxes(found, scene.boxes_xyxy_px, counts)[0]:
        if box.outcome is not Outcome.IGNORED:
            yield box.score, box.outcome is Outcome.TRUE_POSITIVE


@torch.no_grad()
def calibrate_root_pose(net: RootPoseNet, composer: SceneComposer) -> tuple[Platt, float]:
    """Calibrate joint scores and the root's standard deviation, in place, in eval mode.

    Scores become the share of joints within CLOSE_M, the standard deviation sqrt(2) times the observed mean error, as
    of a Laplace distribution. Returns what was folded, sigma's factor last.
    """
    logits, right, ratios = [], [], []
    for batch in _crops(composer, net):
        out = net(normalize(batch["image"]), batch["k_m"])
        error = joint_error_m(
            out.joints_crop_px, batch["joints_crop_px"], out.relative_depth_m, batch["relative_depth_m"],
            batch["root_depth_m"], batch["k_m"], net.input_size_px,
        )  # fmt: skip
        clear = (batch["inside"] > 0) & (batch["seen"] >= _MIN_VISIBLE)[:, None]
        logits.append(out.score_logits[clear].numpy())
        right.append((error < CLOSE_M)[clear].numpy())
        off = (out.root_depth_m.log() - batch["root_depth_m"].log()).abs()
        ratios.append((off / out.root_log_sigma.exp())[batch["seen"] >= _MIN_VISIBLE].numpy())
    platt = usable_platt("the joints' scores", np.concatenate(logits).astype(np.float64), np.concatenate(right))
    factor = float(np.sqrt(2) * np.mean(np.concatenate(ratios)))
    _fold(net.score_layer, platt)
    bias = net.root_layer.bias
    bias[1] += float(np.log(factor))
    return platt, factor


def _crops(composer: SceneComposer, net: RootPoseNet) -> Iterator[dict[str, torch.Tensor]]:
    samples = iter(PoseSamples(composer, net.skeleton, net.input_size_px, _SEED))
    for _ in range(CROPS // _BATCH):
        yield collate([next(samples) for _ in range(_BATCH)])


def _fold(layer: nn.Conv2d | nn.Linear, platt: Platt) -> None:
    """Scale and shift the outputs of a layer that gives logits."""
    layer.weight *= platt.scale
    layer.get_parameter("bias").mul_(platt.scale).add_(platt.offset)
