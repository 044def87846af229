"""The authors' code of 3DMPPE and VideoPose3D, run from clones without a change, for check_official_nets.py."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pose3d_ros.skeletons import get_skeleton

Array = npt.NDArray[np.floating]

# The five people of the authors' demo/demo.py (x, y, width, height) in their demo/input.jpg, and its focal length. The
# second box is 166 high, not 165.61: there a row of the crop falls on the edge between two of OpenCV's steps of 1/32
# px, and their float32 affine, 4e-5 px from ours, tips it over: by up to 5 gray levels.
BOXES = (
    (139.41, 102.25, 222.39, 241.57),
    (287.17, 61.52, 74.88, 166.0),
    (540.04, 48.81, 99.96, 223.36),
    (372.58, 170.84, 266.63, 217.19),
    (0.5, 43.74, 90.1, 220.09),
)
FOCAL_PX = 1500.0


@dataclass(frozen=True)
class Crops:
    """What the authors' code makes of the image. boxes_xywh (N, 4): processed. images (N, 3, S, S), k_mm (N,)."""

    boxes_xywh: Array
    images: Array
    k_mm: Array


@contextmanager
def authors_modules(clone: Path) -> Iterator[Callable[[str], Any]]:
    """Inside, their modules can be imported by name; after it, they are unloaded: both clones use the same names."""
    paths = [str(clone / part) for part in (".", "main", "data", "common")]
    vars(importlib.import_module("torchvision.models.resnet")).setdefault("model_urls", {})  # gone since 0.13
    with (
        mock.patch.object(sys, "path", [*paths, *sys.path]),
        mock.patch.object(torch.Tensor, "cuda", lambda tensor: tensor),
        mock.patch.dict(os.environ),
    ):
        try:
            yield importlib.import_module
        finally:
            for name in [name for name, module in sys.modules.items() if _comes_from(module, clone)]:
                del sys.modules[name]


def _comes_from(module: ModuleType, clone: Path) -> bool:
    spec = getattr(module, "__spec__", None)
    paths = [spec.origin or "", *(spec.submodule_search_locations or ())] if spec is not None else []
    return any(Path(path).is_relative_to(clone) for path in paths)


class OfficialNet:
    """RootNet (joints 0) or PoseNet of a clone with random weights, with their data and test code around it."""

    def __init__(self, clone: Path, load: Callable[[str], Any], image_path: Path, joints: int) -> None:
        self.clone, self.joints, self.cfg = clone, joints, load("config").cfg
        self.pose_utils = load("utils.pose_utils")
        self.flip_pairs = get_skeleton({0: "h36m18", 18: "h36m18", 21: "muco21"}[joints]).flip_pairs
        height, width = cv2.imread(str(image_path)).shape[:2]  # type: ignore[union-attr]
        self.boxes = np.array([self.pose_utils.process_bbox(np.array(box), width, height) for box in BOXES])
        self.data = self._dataset(load("dataset"), image_path)
        get_pose_net = load("model").get_pose_net
        self.net: nn.Module = get_pose_net(self.cfg, False, *([joints] if joints else []))
        randomize_weights(self.net, lambda: self.net(*self._batch()))

    def _dataset(self, dataset: Any, image_path: Path) -> Any:
        transforms = importlib.import_module("torchvision.transforms")
        steps = [transforms.ToTensor(), transforms.Normalize(mean=self.cfg.pixel_mean, std=self.cfg.pixel_std)]
        count = max(self.joints, 1)
        people = [
            {
                "img_path": str(image_path), "bbox": box, "area": box[2] * box[3], "f": (FOCAL_PX, FOCAL_PX),
                "root_img": np.zeros(3), "root_vis": np.ones(1, dtype=int),
                "joint_img": np.zeros((count, 3)), "joint_vis": np.ones((count, 1), dtype=int),
            }
            for box in self.boxes
        ]  # fmt: skip
        about = SimpleNamespace(data=people, joint_num=count, root_idx=0, joints_have_depth=True, skeleton=(),
                                flip_pairs=self.flip_pairs, joints_name=())  # fmt: skip
        return dataset.DatasetLoader(about, *([None] if self.joints else []), False, transforms.Compose(steps))

    def _batch(self) -> list[torch.Tensor]:
        loader = torch.utils.data.DataLoader(self.data, batch_size=len(BOXES))
        batch = next(iter(loader))
        return [batch] if isinstance(batch, torch.Tensor) else list(batch)

    def save(self, path: Path) -> Path:
        """Save a checkpoint as the authors' training does."""
        parallel = nn.parallel.DataParallel(self.net)
        optimizer = torch.optim.Adam(parallel.parameters())
        torch.save({"epoch": 0, "network": parallel.state_dict(), "optimizer": optimizer.state_dict()}, path)
        return path

    def crops(self) -> Crops:
        """The authors' crops of the image."""
        image, *k = self._batch()
        return Crops(self.boxes, image.numpy(), k[0].numpy().ravel() if k else np.empty(0))

    def predictions(self, flip: bool) -> Array:
        """What their main/test.py gives to its evaluation: (N, 3), or (N, J, 3) for PoseNet, in bins."""
        self.cfg.flip_test, found = flip, []
        ours = self

        class Tester:
            model, flip_pairs, joint_num = ours.net, ours.flip_pairs, ours.joints
            batch_generator = torch.utils.data.DataLoader(ours.data, batch_size=2)

            def __init__(self, epoch: str) -> None: ...
            def _make_batch_generator(self) -> None: ...
            def _make_model(self) -> None: ...
            def _evaluate(self, predictions: Array, folder: str) -> None:
                found.append(predictions)

        base = ModuleType("base")
        vars(base)["Tester"] = Tester
        spec = importlib.util.spec_from_file_location("authors_test", self.clone / "main" / "test.py")
        assert spec is not None
        assert spec.loader is not None
        test = importlib.util.module_from_spec(spec)
        with (
            mock.patch.dict(sys.modules, {"base": base}),
            mock.patch.object(sys, "argv", ["test.py", "--gpu", "0", "--test_epoch", "0"]),
        ):
            spec.loader.exec_module(test)
            test.main()
        return np.asarray(found[0], dtype=np.float64)


def randomize_weights(net: nn.Module, run: Callable[[], object]) -> None:
    """Random weights whose outputs depend on the image: the authors' initial ones give flat maps.

    Maps with far apart peaks of like height, on the other hand, make much of float32's rounding.
    """
    torch.manual_seed(0)
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = None  # the statistics of the one run below
            nn.init.normal_(module.bias, std=0.1)
        if name.endswith(("xy_layer", "final_layer")):
            nn.init.normal_(module.weight, std=0.2)
        if name.endswith("depth_layer"):
            nn.init.normal_(module.weight, std=0.005)
            nn.init.ones_(module.bias)
    net.train()
    with torch.no_grad():
        run()
    net.eval()
