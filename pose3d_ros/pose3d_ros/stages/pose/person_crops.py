"""What a pose net reads of each person: flat crops of the image, or views of cameras that are turned to the people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.assemble import moon_k_m
from pose3d_ros.geometry.crop import CropTransforms, apply_affine, invert_affine
from pose3d_ros.geometry.region_views import RegionViews, lens_bends
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.keypoints import DecodedRoots, ahead2camera
from pose3d_ros.types import Array

REAL_SIDE_M = 2.0
MOST_BENT_BY_LENS = 0.02
"""See `lens_bends`: from here on a net that knows the focal length alone is wrong about the distance by 4%."""
MOST_BENT = 0.2
"""See `RegionViews.of`: that far nets are used to the perspective of wide images."""


@dataclass(frozen=True, eq=False)
class PersonCrops:
    """The crops of a frame's people. transforms: of flat ones. views: None where all crops are flat.

    A net that sees crops only can't know where in the image they are. At the border of a wide image it gets what a
    camera sees that looks at the person, and its joints and depths are in that camera's axes.
    """

    camera: Camera
    transforms: CropTransforms
    views: RegionViews | None = None

    @classmethod
    def of(cls, camera: Camera, transforms: CropTransforms, *, may_bend: bool) -> PersonCrops:
        """may_bend: whether the net's crops are square and its input can be a view."""
        if not may_bend or not len(transforms):
            return cls(camera, transforms)
        boxes = transforms.boxes_xyxy_px
        regions = Regions((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2] - boxes[:, 0], np.zeros(len(boxes)))
        most_bent = np.where(lens_bends(camera, regions) > MOST_BENT_BY_LENS, 0.0, MOST_BENT)
        views = RegionViews.of(camera, regions, transforms.size_px[0], most_bent)
        return cls(camera, transforms, views if views.bent.any() else None)

    def __len__(self) -> int:
        return len(self.transforms)

    def mirrored(self, at: npt.NDArray[np.intp]) -> PersonCrops:
        """The mirror images of some crops."""
        views = None if self.views is None else self.views.chosen(at).mirrored()
        return replace(self, transforms=self.transforms.mirrored(at), views=views)

    @property
    def k_m(self) -> Array:
        """(N,), at what distance a square of 2 m would fill the crops, see `moon_k_m`."""
        k_m = moon_k_m(self.transforms.boxes_xyxy_px, self.camera.fx_px, self.camera.fy_px, REAL_SIDE_M)
        if self.views is not None:
            bent = self.views.bent
            k_m[bent] = REAL_SIDE_M * self.views.focals_px[bent] / self.views.size_px
        return k_m

    def crop2img(self, points_crop_px: Array) -> Array:
        """Points (N, J, 2) of the crops in the image."""
        if self.views is not None:
            return self.views.crop2img(points_crop_px)
        return apply_affine(invert_affine(self.transforms.img2crop), points_crop_px)

    def in_camera(self, relative_m: Array, *, ahead: str) -> Array:
        """Metric joints (N, J, 3) in the camera's axes. ahead: where their z points in flat crops, see PoseSettings."""
        bent = np.zeros(len(self), dtype=np.bool_) if self.views is None else self.views.bent
        turn = ahead2camera(self.camera, self.transforms.boxes_xyxy_px) if ahead == "crop" else np.eye(3)
        turn = np.broadcast_to(turn, (len(self), 3, 3))
        if self.views is not None:
            turn = np.where(bent[:, None, None], self.views.view2cam, turn)
        return np.asarray(relative_m @ turn.transpose(0, 2, 1))

    def depths_in_camera(
        self, points_crop_px: Array, relative_m: Array, roots: DecodedRoots, root: int
    ) -> tuple[Array, DecodedRoots]:
        """Depths (N, J) from the root, and the roots', along the camera's axis instead of the views'.

        points_crop_px: (N, J, 2). root: the joint that is the root.
        """
        if self.views is None:
            return relative_m, roots
        views = self.views
        across = (points_crop_px - (views.size_px - 1) / 2) / np.where(views.bent, views.focals_px, 1.0)[:, None, None]
        # The z of the camera per metre of the view's z, on each joint's ray.
        z = np.einsum("njc,nc->nj", across, views.view2cam[:, 2, :2]) + views.view2cam[:, 2, 2:]
        z = np.where(views.bent[:, None], z, 1.0)
        root_m = roots.depth_m * z[:, root]
        depth_m = (roots.depth_m[:, None] + relative_m) * z - root_m[:, None]
        return depth_m, replace(roots, depth_m=root_m)
