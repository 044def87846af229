"""Photographs without depths beside a few rendered people: what 2D labels and bone ratios buy root_pose's depths.

The photographs are rendered as well, of other bodies and cameras, and their depths are withheld.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from learning_bench import Case, LearningBench

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.training_loop import Trainer, collate
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.compose import Scene
from pose3d_training.synthetic.sprites import render_bank
from pose3d_training.tasks.datasets import PoseSamples
from pose3d_training.tasks.image_tasks import RootPoseTask, composer, normalize
from pose3d_training.tasks.photographed_people import read_photographs

RECIPE = Recipe(
    net="root_pose", backbone="resnet10w16", input_width_px=64, num_deconv=2, deconv_channels=32, depth_bins=0,
    steps=1200, batch_size=32, learning_rate=2e-3, warmup_steps=50, ema_decay=0.99, bfloat16=False, workers=0,
    log_every=200, save_every=400,
)  # fmt: skip
"""Of every arm, but for what the case is about."""

_BANKS = {"labeled": (96, 2, "train"), "photographed": (720, 4, "train"), "held_out": (240, 2, "eval")}
"""Folder → rendered people, seed and split."""
_PHOTOGRAPHS, _HELD_OUT, _SEED = 400, 800, 5
_MARKED = [i for i, name in enumerate(SYNTH_JOINTS) if name in get_skeleton("coco17").joints]
_GEOMETRY = {"bone_ratios": [[0.0, 0.0], [0.5, 0.0], [0.6, 1.0], [1.0, 1.0]]}


def photographs(bank: Path, folder: Path) -> Path:
    """Composed scenes as a COCO file with the joints of COCO that a person can see, made once."""
    path, rng = folder / "people.json", np.random.default_rng(_SEED)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    scenes, images, people = composer(bank, []), [], []
    for number in range(_PHOTOGRAPHS):
        scene = scenes.draw(rng)
        height, width = scene.image_bgr.shape[:2]
        name = f"{number:04d}.jpg"
        cv2.imwrite(str(folder / name), scene.image_bgr)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        people += list(_annotations(scene, number))
    names = [SYNTH_JOINTS[i] for i in _MARKED]
    category = {"id": 1, "name": "person", "keypoints": names}
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    return path


def _annotations(scene: Scene, number: int) -> Iterator[dict[str, object]]:
    height, width = scene.image_bgr.shape[:2]
    for joints, box, visible in zip(scene.joints_cam_m, scene.boxes_xyxy_px, scene.visible, strict=True):
        px = np.nan_to_num(scene.camera.project(joints[_MARKED]), nan=-1.0)
        inside = np.all((px > -0.5) & (px < [width - 0.5, height - 0.5]), axis=1)
        if visible > 0.5:
            marked = np.column_stack([np.where(inside[:, None], px, 0), 2 * inside])
            x0, y0, x1, y1 = box + 0.5
            yield {
                "image_id": number, "category_id": 1, "iscrowd": 0, "num_keypoints": int(inside.sum()),
                "keypoints": marked.ravel().round(1).tolist(), "bbox": [x0, y0, x1 - x0, y1 - y0],
            }  # fmt: skip


def trained(bench: LearningBench, arm: str, seed: int, **changes: Any) -> torch.nn.Module:
    """The averaged net of an arm, in eval mode."""
    recipe = replace(RECIPE, seed=seed, steps=max(2, round(RECIPE.steps * bench.scale)), **changes)
    torch.manual_seed(seed)
    marked = photographs(_bank(bench, "photographed"), bench.output / "photographed_images")
    people = [] if arm == "rendered" else read_photographs(marked, get_skeleton(recipe.skeleton))
    task = RootPoseTask(recipe, composer(_bank(bench, "labeled"), []), people)
    return Trainer(task, recipe, bench.folder("photographs", arm, seed), open_fabric(False, "cpu")).run().eval()


def _bank(bench: LearningBench, name: str) -> Path:
    count, seed, split = _BANKS[name]
    folder = bench.output / name
    render_bank(bench.assets, folder, count, seed, split, shard=0, shards=1)
    return folder


def errors_mm(bench: LearningBench, net: torch.nn.Module) -> tuple[float, float]:
    """Mean depth error of held-out people's joints relative to the root, and mean error (MPJPE), of joints inside."""
    samples = PoseSamples(
        composer(_bank(bench, "held_out"), []), get_skeleton(RECIPE.skeleton), RECIPE.input_width_px, 9, augment=False
    )
    depth, whole, count = 0.0, 0.0, 0.0
    made = iter(samples)
    for _ in range(_HELD_OUT // 100):
        batch = collate(list(islice(made, 100)))
        with torch.no_grad():
            out = net(normalize(batch["image"]), batch["k_m"])
        z = out.relative_depth_m - batch["relative_depth_m"]
        scale = 2 * batch["root_depth_m"] / (batch["k_m"] * RECIPE.input_width_px)
        planar = (out.joints_crop_px - batch["joints_crop_px"]) * scale[:, None, None]
        error = torch.cat([planar, z[..., None]], dim=-1).norm(dim=-1)
        depth += float((z.abs() * batch["inside"]).sum())
        whole += float((error * batch["inside"]).sum())
        count += float(batch["inside"].sum())
    return 1000 * depth / count, 1000 * whole / count


def _run(bench: LearningBench, seed: int, *, which: int) -> Mapping[str, float]:
    arms: dict[str, tuple[str, dict[str, Any]]] = {
        "96 rendered people": ("rendered", {}),
        "and photographs": ("photographs", {}),
        "and bone ratios": ("bone_ratios", {"losses": _GEOMETRY}),
    }
    return {
        said: errors_mm(bench, trained(bench, arm, seed, **changes))[which] for said, (arm, changes) in arms.items()
    }


CASES = (
    Case(
        "photographs_depth",
        "Zhou 2017",
        "Do photographs with 2D joints, and bone ratios, lower the depth error?",
        "mm in depth",
        partial(_run, which=0),
    ),
    Case(
        "photographs",
        "Zhou 2017",
        "Do they lower the error of joints?",
        "mm MPJPE",
        partial(_run, which=1),
    ),
)
