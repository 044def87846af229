"""Compares imported engines with the authors' own code: the same weights, the same images, both whole paths.

    python tools/check_official_nets.py --rootnet 3DMPPE_ROOTNET_RELEASE --posenet 3DMPPE_POSENET_RELEASE \
        --videopose3d VideoPose3D

takes clones of the authors' repositories (docs/models.md), builds their nets with random weights, saves checkpoints as
they do, imports them with `pose3d import`, and prints how far the results are apart. Their part is theirs: boxes,
crops, k, nets, flip test and back-projection run in their files, unchanged, on the CPU. Needs torchvision and tqdm
besides. The exit code is 1 when a difference, relative to max(1, |value|), exceeds 1e-4.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from official_code import BOXES, FOCAL_PX, Array, Crops, OfficialNet, authors_modules, randomize_weights

from pose3d_ros.cli.main import main as pose3d
from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import crop_transforms, cut_crops
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.stages.pose.pose_decoders import ROOT_DECODERS
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import ImageArray

LIMIT = 1e-4


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    ours: Array
    theirs: Array

    @property
    def difference(self) -> float:
        """Largest difference, infinite for other shapes."""
        if self.ours.shape != self.theirs.shape:
            return float("inf")
        return float(np.max(np.abs(self.ours - self.theirs) / np.maximum(1.0, np.abs(self.theirs))))

    @property
    def good(self) -> bool:
        """Whether the difference is below the limit."""
        return self.difference <= LIMIT

    def __str__(self) -> str:
        spread = f"{self.theirs.min():.6g} … {self.theirs.max():.6g}"
        return f"{self.what:<52} {spread:>24} {self.difference:>10.1e}  {'ok' if self.good else 'DIFFERS'}"


def check_3dmppe(rootnet: Path, posenet: Path, folder: Path) -> Iterator[Row]:
    """Rows for RootNet, then for PoseNet with the joints of both published checkpoints."""
    image_path = rootnet / "demo" / "input.jpg"
    image: ImageArray = np.asarray(cv2.imread(str(image_path)), dtype=np.uint8)
    center = np.array([image.shape[1] / 2, image.shape[0] / 2])
    with authors_modules(rootnet) as load:
        theirs = OfficialNet(rootnet, load, image_path, 0)
        import_checkpoint("3dmppe-rootnet", theirs.save(folder / "rootnet.pth.tar"), folder)
        crops, roots = theirs.crops(), theirs.predictions(False)
    yield from root_rows(image, folder, crops, roots)
    for joints in (18, 21):
        with authors_modules(posenet) as load:
            theirs = OfficialNet(posenet, load, image_path, joints)
            import_checkpoint("3dmppe-posenet", theirs.save(folder / "posenet.pth.tar"), folder)
            for flip in (False, True):
                bins = theirs.predictions(flip)
                pixels = bins[..., :2] / 64 * theirs.boxes[:, None, 2:] + theirs.boxes[:, None, :2]
                depth = (bins[..., 2:] / 64 * 2 - 1) * 1000 + roots[:, None, 2:]
                people = np.concatenate((pixels, depth), axis=-1)
                cam = np.array([theirs.pose_utils.pixel2cam(p, (FOCAL_PX, FOCAL_PX), center) for p in people])
                poses, about = our_poses(image, center, folder, flip), f"PoseNet, {joints} joints, flip {int(flip)}"
                yield Row(f"{about}: joints in the image, px", np.array([p.joints_img_px for p in poses]), pixels)
                yield Row(f"{about}: joints, m", np.array([p.joints_cam_m for p in poses]), cam / 1000)
        if joints == 18:
            yield Row("RootNet: depth of the root, mm", np.array([p.root_cam_m[2] for p in poses]) * 1000, roots[:, 2])


def our_boxes() -> Array:
    """The same pixels from edge to edge."""
    boxes = np.array(BOXES)
    edges: Array = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1) - 0.5
    return edges


def root_rows(image: ImageArray, folder: Path, crops: Crops, roots: Array) -> Iterator[Row]:
    """Compare the imported RootNet with the authors' roots."""
    entry = load_manifest(folder).for_role("root")
    assert entry.normalization is not None
    inset_px = ROOT_DECODERS[entry.decoder].box_inset_px
    height_px, width_px = image.shape[:2]
    ours = crop_transforms(our_boxes(), width_px, height_px, 256, half_pixel_centers=False, inset_px=inset_px)
    processed = np.concatenate((ours.boxes_xyxy_px[:, :2], ours.boxes_xyxy_px[:, 2:] - ours.boxes_xyxy_px[:, :2]), 1)
    yield Row("processed boxes, px", processed, crops.boxes_xywh)
    ours_cut = entry.normalization.apply(cut_crops(image, ours.img2crop, ours.size_px))
    feeds = {"image": ours_cut, "k": crops.k_mm.astype(np.float32)}
    yield Row("crops, as the nets read them", feeds["image"], crops.images)
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        answer = np.asarray(engine.infer(feeds)["root"], dtype=np.float64)
    yield Row("RootNet: x and y of the root, bins", answer[:, :2], roots[:, :2])


def our_poses(image: ImageArray, center: Array, folder: Path, flip: bool) -> tuple[Pose, ...]:
    """The poses of the five people by the imported engines."""
    intrinsics = np.array([[FOCAL_PX, 0, center[0]], [0, FOCAL_PX, center[1]], [0, 0, 1]])
    frame = Frame(image, Camera(intrinsics, image.shape[1], image.shape[0]), 0)
    manifest, backend = load_manifest(folder), choose_backend("onnxruntime")
    pose, root = manifest.for_role("pose"), manifest.for_role("root")
    with open_engine(pose, backend) as pose_engine, open_engine(root, backend) as root_engine:
        models = RoleEngine(pose_engine, pose), RoleEngine(root_engine, root)
        estimator = RootPoseEstimator(*models, config=PoseConfig(flip_test=flip))
        return estimator.localize(
            frame, estimator.estimate_keypoints(frame, [Detection(box, 1.0) for box in our_boxes()])
        )


def check_videopose3d(clone: Path, folder: Path) -> Iterator[Row]:
    """Rows for symmetric models of 27 and 243 frames and a causal one."""
    with authors_modules(clone) as load:
        models, camera, generators = load("common.model"), load("common.camera"), load("common.generators")
        walk = np.random.default_rng(0).normal(scale=3.0, size=(300, 17, 2)).cumsum(axis=0) + (500, 400)
        keypoints = camera.normalize_screen_coordinates(walk, w=1000, h=800)
        for widths, causal in (((3, 3, 3), False), ((3,) * 5, False), ((3, 3, 3), True)):
            net = models.TemporalModel(17, 2, 17, filter_widths=list(widths), causal=causal)
            pad = (net.receptive_field() - 1) // 2
            padded = next(
                generators.UnchunkedGenerator(None, None, [keypoints], pad, pad if causal else 0).next_epoch()
            )
            frames = torch.from_numpy(padded[2].astype("float32"))
            randomize_weights(net, lambda net=net, frames=frames: net(frames))  # type: ignore[misc]
            theirs = net(frames).detach().numpy()[0].astype(np.float64)
            checkpoint = folder / "epoch_80.bin"
            optimizer = torch.optim.Adam(net.parameters(), amsgrad=True)
            torch.save(
                {"epoch": 80, "lr": 1e-3, "random_state": np.random.RandomState(1234), "model_traj": None,
                 "optimizer": optimizer.state_dict(), "model_pos": net.state_dict(), "random_state_semi": None},
                checkpoint,
            )  # fmt: skip
            import_checkpoint("videopose3d", checkpoint, folder, "--input-skeleton", "h36m17", *["--causal"] * causal)
            # As docs of the decoder have it: x and y over half the width, from the center.
            ours = ((walk - (500, 400)) / 500).astype(np.float32)
            name = f"VideoPose3D, {2 * pad + 1} frames{', causal' if causal else ''}: joints, m"
            yield Row(name, lifted(ours, folder, pad, causal), theirs)


def lifted(frames: npt.NDArray[np.float32], folder: Path, pad: int, causal: bool) -> Array:
    """All frames (T, 17, 2) → joints (T, 17, 3) by the imported engine; the first and last frame are repeated."""
    entry = load_manifest(folder).for_role("lifter")
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        if not causal:
            padded = np.pad(frames, ((pad, pad), (0, 0), (0, 0)), "edge")
            return np.asarray(engine.infer({"keypoints": padded[None]})["joints"][0], dtype=np.float64)
        padded, answers = np.pad(frames, ((2 * pad, 0), (0, 0), (0, 0)), "edge"), []
        shapes = {spec.name: spec.shape[1:] for spec in engine.inputs if spec.name != "x"}
        states: dict[str, Any] = {name: np.zeros((1, *map(int, s)), np.float32) for name, s in shapes.items()}
        for frame in padded:
            raw = engine.infer({"x": frame.reshape(1, -1), **states})
            states = {name: np.asarray(raw[f"next_{name}"], dtype=np.float32) for name in states}
            answers.append(np.asarray(raw["y"], dtype=np.float64).reshape(17, 3))
    return np.array(answers[2 * pad :])


def import_checkpoint(kind: str, checkpoint: Path, folder: Path, *options: str) -> None:
    """Run `pose3d import`."""
    print(f"\npose3d import {kind} {checkpoint.name} {' '.join(options)}".rstrip())
    if pose3d(["import", kind, str(checkpoint), "--output", str(folder), *options]):
        raise SystemExit("the import failed")


def _require(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    files = ((args.rootnet, "main/model.py"), (args.posenet, "main/model.py"), (args.videopose3d, "common/model.py"))
    for clone, file in files:
        if clone is not None and not (clone / file).is_file():
            parser.error(f"{clone} is no clone of the authors' repository: it has no {file}")
    missing = [name for name in ("torchvision", "tqdm") if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"the authors' code needs {' and '.join(missing)}: pip install them")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table; exit code 1 for a difference above the limit."""
    parser = argparse.ArgumentParser(description="Compare imported engines with the authors' code.")
    parser.add_argument("--rootnet", type=Path, metavar="DIR", help="clone of mks0601/3DMPPE_ROOTNET_RELEASE")
    parser.add_argument("--posenet", type=Path, metavar="DIR", help="clone of mks0601/3DMPPE_POSENET_RELEASE")
    parser.add_argument("--videopose3d", type=Path, metavar="DIR", help="clone of facebookresearch/VideoPose3D")
    args = parser.parse_args(arguments)
    if (args.rootnet is None) != (args.posenet is None) or not (args.rootnet or args.videopose3d):
        parser.error("give --rootnet and --posenet, --videopose3d, or all three")
    _require(parser, args)
    torch.manual_seed(0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        if args.rootnet:
            rows += check_3dmppe(args.rootnet.resolve(), args.posenet.resolve(), Path(folder))
        if args.videopose3d:
            rows += check_videopose3d(args.videopose3d.resolve(), Path(folder))
    print(f"\n{'ours against theirs':<52} {'their values':>24} {'difference':>10}")
    print("\n".join(map(str, rows)))
    failed = sum(not row.good for row in rows)
    print(f"\n{len(rows) - failed} of {len(rows)} within {LIMIT:g}, relative to max(1, |value|)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
