"""The official layout of Moon 2019 in plain eager PyTorch: RootNet, then PoseNet, on crops that the CPU cuts.

What `demo/demo.py` of 3DMPPE_ROOTNET_RELEASE and of 3DMPPE_POSENET_RELEASE do one after the other, in one process: for
each person, a crop of 256 px by `cv2.warpAffine`, RGB in 0–255 less the mean over the deviation, a copy to the device,
one call of the net with a batch of 1, a copy back, and the joints on their rays. float32, `model.eval()`,
`torch.no_grad()`, `cudnn.benchmark` as in both demos; nothing is mirrored, no frame is tracked. Two things cost less
here than there: the demos copy the whole image before every crop, and each of them cuts and uploads its own crops.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from pose3d_ros.engines import Normalization
from pose3d_ros.geometry import assemble
from pose3d_ros.geometry.assemble import moon_k_m
from pose3d_ros.geometry.crop import apply_affine, crop_transforms, cut_crops, invert_affine
from pose3d_ros.records import Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.nets.mppe_nets import DEPTH_BINS, PoseNet, RootNet

_MM_PER_M = 1000.0
_NORMALIZATION = Normalization(scale=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), channel_order="rgb")
"""`pixel_mean` and `pixel_std` of both repositories' main/config.py, on pixels that `ToTensor` leaves in 0–255."""
_BIN_PX = 4
"""`input_shape` over `output_shape` there."""
_INSET_PX = 0.5
"""Their boxes reach from the first pixel's center to the last one's (`process_bbox`)."""


class TwoNets:
    """Both nets on one device. From pixels on the host to joints on the host, in metres."""

    def __init__(self, root: RootNet, pose: PoseNet, skeleton: Skeleton, device: str) -> None:
        self._root, self._pose = root.eval().to(device), pose.eval().to(device)
        self._skeleton, self._device = skeleton, device

    def one_by_one(self, frame: Frame, boxes_xyxy_px: Array) -> Array:
        """Person by person, as the demos do. boxes_xyxy_px: (N, 4). Returns joints_cam_m, (N, J, 3)."""
        return np.concatenate([self.batched(frame, box[None]) for box in boxes_xyxy_px])

    def batched(self, frame: Frame, boxes_xyxy_px: Array) -> Array:
        """All people in one call of each net, which the demos do not do; the same otherwise."""
        camera, size_px = frame.camera, self._pose.input_size_px
        transforms = crop_transforms(
            boxes_xyxy_px,
            camera.width_px,
            camera.height_px,
            size_px,
            half_pixel_centers=False,
            inset_px=_INSET_PX,
        )
        images = cut_crops(frame.image_bgr, transforms.img2crop, transforms.size_px)
        k_mm = moon_k_m(transforms.boxes_xyxy_px, camera.fx_px, camera.fy_px) * _MM_PER_M
        roots, coords = self._called(_NORMALIZATION.apply(images), k_mm.astype(np.float32))
        joints_img_px = apply_affine(invert_affine(transforms.img2crop), coords[..., :2] * _BIN_PX)
        relative_depth_m = coords[..., 2] / DEPTH_BINS * 2.0 - 1.0
        return assemble(camera, joints_img_px, relative_depth_m, roots[:, 2] / _MM_PER_M, self._skeleton.root)[1]

    def _called(self, images: npt.NDArray[np.float32], k_mm: npt.NDArray[np.float32]) -> tuple[Array, Array]:
        with torch.no_grad(), _chosen_kernels():
            image = torch.from_numpy(images).to(self._device)
            roots = self._root(image, torch.from_numpy(k_mm).to(self._device)).cpu().numpy()
            coords = self._pose(image).cpu().numpy()
        return roots.astype(np.float64), coords.astype(np.float64)


@contextlib.contextmanager
def _chosen_kernels() -> Iterator[None]:
    """`cudnn.benchmark` for these nets alone: what else PyTorch runs in this process keeps its own setting."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
