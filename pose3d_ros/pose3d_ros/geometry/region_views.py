"""Regions as a network sees them: flat crops, and where lens or perspective bend people, views of a turned camera.

At the border of a fisheye or a wide image people lean and are stretched. The crop is then what a pinhole sees that
looks along the ray of the region's center (the perspective crop of Yu 2021, "PCLs"), rolled so that the person's up
stays up, and as large in the middle as the flat crop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import apply_affine, invert_affine
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.types import Array, ImageArray

GRID_STEP_PX = 16
"""Between the pixels of a bent view that are worked out; those between them are interpolated."""
MOST_BENT = 0.1
"""Of a region's side: a view is bent where a flat crop would put a point further off."""
_REACH = 0.4
"""Of a region's side, from its middle: where a person is, who fills 1 / 1.25 of it."""
_WHERE_PEOPLE_ARE = _REACH * np.array([[x, y] for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)])
_UNSEEN_PX = -1000.0


@dataclass(frozen=True, eq=False)
class RegionViews:
    """Square crops of regions, `size_px` wide and high, and the ways from them to the image and the camera.

    `RegionViews.of` makes them. img2crop: (N, 2, 3), exact for views that are not bent. bent: (N,) bool. view2cam:
    (N, 3, 3), from a crop's axes (x right, y down, z along the ray of its middle) to the camera's optical frame.
    focals_px: (N,), of the turned cameras, in crop pixels.
    """

    regions: Regions
    camera: Camera
    size_px: int
    img2crop: Array
    bent: npt.NDArray[np.bool_]
    view2cam: Array
    focals_px: Array

    @classmethod
    def of(cls, camera: Camera, regions: Regions, size_px: int, most_bent: float | Array = MOST_BENT) -> RegionViews:
        """The views of regions in the camera's image; a region whose middle the camera does not see gets a flat one.

        most_bent: of a region's side, how far a point of a flat crop may lie from its place in the turned camera's; one
        number, or one for each region.
        """
        up = np.stack([np.sin(regions.angles_rad), -np.cos(regions.angles_rad)], axis=-1)
        ends_px = _REACH / 2 * regions.sides_px[:, None, None] * up[:, None] * np.array([[0.0], [1.0], [-1.0]])
        rays = camera.rays(regions.centers_px[:, None] + ends_px)
        turn = rotation_to_rays(np.where(np.isfinite(rays[:, 0]), rays[:, 0], [0.0, 0.0, 1.0]))
        flat = np.zeros(len(regions), dtype=bool)
        view2cam = turn @ _roll(regions.angles_rad)
        views = cls(regions, camera, size_px, regions.img2crop(size_px), flat, view2cam, np.full(len(regions), np.nan))
        if _is_narrow(camera, float(np.min(np.asarray(most_bent, dtype=np.float64), initial=np.inf))):
            return views
        focals_px, rolls_rad = _turned_cameras(rays[:, 1:] @ turn, size_px)
        seen = np.isfinite(rays[:, 0]).all(axis=1) & np.isfinite(focals_px)
        turned = replace(views, bent=seen, view2cam=turn @ _roll(np.where(seen, rolls_rad, 0.0)), focals_px=focals_px)
        bent = seen & (turned._bend_px() > most_bent * size_px)
        return replace(turned, bent=bent, view2cam=np.where(bent[:, None, None], turned.view2cam, view2cam))

    def __len__(self) -> int:
        return len(self.regions)

    def crop2img(self, points_crop_px: Array) -> Array:
        """Points (N, J, 2) of the crops in the image; NaN where a bent view shows what the camera can't see."""
        points_img_px = apply_affine(invert_affine(self.img2crop), points_crop_px)
        at = np.flatnonzero(self.bent)
        if len(at):
            across = (points_crop_px[at] - (self.size_px - 1) / 2) / self.focals_px[at, None, None]
            ahead = np.concatenate([across, np.ones((*across.shape[:-1], 1))], axis=-1)
            points_img_px[at] = self.camera.project(ahead @ self.view2cam[at].transpose(0, 2, 1))
        return points_img_px

    @property
    def reductions(self) -> npt.NDArray[np.intp]:
        """(N,), by how much the image is averaged down before a view is interpolated, which skips pixels from 2 on."""
        most = min(self.camera.width_px, self.camera.height_px)
        return np.clip(self.regions.sides_px / self.size_px, 1, most).astype(np.intp)

    def grids_px(self) -> Array:
        """(B, G, G, 2), where pixels of the bent views lie in the image, x and y: GRID_STEP_PX apart.

        The first is at -(GRID_STEP_PX + 1) / 2, so a map of them enlarged by GRID_STEP_PX has its middle for the crop.
        """
        line = (np.arange(-(-self.size_px // GRID_STEP_PX) + 2) - 0.5) * GRID_STEP_PX - 0.5
        grid = np.stack(np.meshgrid(line, line), axis=-1)
        bent = self.chosen(np.flatnonzero(self.bent))
        points = np.broadcast_to(grid.reshape(1, -1, 2), (len(bent), grid.size // 2, 2))
        return bent.crop2img(points).reshape(len(bent), *grid.shape)

    def chosen(self, index: npt.NDArray[np.intp]) -> RegionViews:
        """Those views, by their indices."""
        return replace(
            self,
            regions=self.regions.chosen(index),
            img2crop=self.img2crop[index],
            bent=self.bent[index],
            view2cam=self.view2cam[index],
            focals_px=self.focals_px[index],
        )

    def mirrored(self) -> RegionViews:
        """Views whose crops are the mirror images, with all that leads back from them."""
        img2crop, view2cam = self.img2crop.copy(), self.view2cam.copy()
        img2crop[:, 0] *= -1.0
        img2crop[:, 0, 2] += self.size_px - 1
        view2cam[:, :, 0] *= -1.0
        return replace(self, img2crop=img2crop, view2cam=view2cam)

    def _bend_px(self) -> Array:
        """(N,), how far at most a flat crop puts a point of the views from its place; infinite where one is unseen."""
        points = np.broadcast_to(self.size_px * _WHERE_PEOPLE_ARE + (self.size_px - 1) / 2, (len(self), 9, 2))
        off = np.linalg.norm(apply_affine(self.img2crop, self.crop2img(points)) - points, axis=-1)
        most: Array = np.nan_to_num(off, nan=np.inf).max(axis=1, initial=0.0)
        return most


def lens_bends(camera: Camera, regions: Regions) -> Array:
    """How far the camera's lens bends what is in regions, (N,), of their sides: 0 for a pinhole.

    The largest distance between a point and where a pinhole of the same matrix would see it, both from the region's
    middle; infinite where the camera sees nothing. A scale that is wrong by 10% is 0.06.
    """
    if camera.model == "pinhole":
        return np.zeros(len(regions))
    points_px = regions.centers_px[:, None] + regions.sides_px[:, None, None] * _WHERE_PEOPLE_ARE
    straight_px = camera.rays(points_px) @ camera.K_px[:2].T
    middle = len(_WHERE_PEOPLE_ARE) // 2
    off_px = (straight_px - straight_px[:, middle, None]) - (points_px - points_px[:, middle, None])
    bends: Array = np.nan_to_num(np.linalg.norm(off_px, axis=-1), nan=np.inf).max(axis=1, initial=0.0)
    return bends / regions.sides_px


def cut_views(image_bgr: ImageArray, views: RegionViews) -> ImageArray:
    """The views' crops, (N, S, S, 3) uint8 BGR; averaged and bilinear, black where they reach over the image.

    image_bgr: (H, W, 3) uint8.
    """
    size_px = views.size_px
    crops = np.empty((len(views), size_px, size_px, 3), dtype=np.uint8)
    at = np.flatnonzero(views.bent).tolist()
    grids = dict(zip(at, views.grids_px(), strict=True)) if at else {}
    for i, reduction in enumerate(views.reductions.tolist()):
        if reduction == 1 and i not in grids:
            cv2.warpAffine(image_bgr, views.img2crop[i], (size_px, size_px), dst=crops[i], flags=cv2.INTER_LINEAR)
            continue
        places = grids[i].reshape(-1, 2) if i in grids else views.regions.chosen([i]).corners_px()[0]
        part, start_px = _reduced(image_bgr, places, reduction)
        if i in grids:
            map_px = _enlarged((grids[i] + 0.5) / reduction - 0.5 - start_px, size_px)
            cv2.remap(part, map_px, None, cv2.INTER_LINEAR, dst=crops[i])  # type: ignore[call-overload]
        else:
            affine = views.img2crop[i].copy()
            affine[:, 2] += affine[:, :2] @ (reduction * (start_px + 0.5) - 0.5)
            affine[:, :2] *= reduction
            cv2.warpAffine(part, affine, (size_px, size_px), dst=crops[i], flags=cv2.INTER_LINEAR)
    return crops


def _enlarged(grid_px: Array, size_px: int) -> npt.NDArray[np.float32]:
    """(S, S, 2), where each pixel of a bent view lies; see `RegionViews.grids_px`."""
    side = len(grid_px) * GRID_STEP_PX
    enlarged = cv2.resize(grid_px.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    inner = slice(GRID_STEP_PX, GRID_STEP_PX + size_px)
    map_px = np.asarray(enlarged[inner, inner], dtype=np.float32)
    return map_px if np.isfinite(grid_px).all() else np.nan_to_num(map_px, nan=_UNSEEN_PX)


def _reduced(image_bgr: ImageArray, points_px: Array, reduction: int) -> tuple[ImageArray, Array]:
    """The part of an image that holds the points, averaged over blocks; its first pixel (x, y), counted in blocks.

    The blocks are those of the whole image from its first pixel on. Nothing is averaged for a reduction of 1.
    """
    if reduction == 1:
        return image_bgr, np.zeros(2)
    blocks = np.array([image_bgr.shape[1], image_bgr.shape[0]]) // reduction
    seen = points_px[np.isfinite(points_px).all(axis=1)] / reduction
    first = np.clip(np.floor(seen.min(axis=0, initial=blocks.max())) - 1, 0, blocks - 1).astype(int)
    last = np.clip(np.ceil(seen.max(axis=0, initial=0.0)) + 2, first + 1, blocks).astype(int)
    (x0, y0), (x1, y1) = first * reduction, last * reduction
    part = cv2.resize(image_bgr[y0:y1, x0:x1], (last - first).tolist(), interpolation=cv2.INTER_AREA)
    return np.asarray(part, dtype=np.uint8), first.astype(np.float64)


def _turned_cameras(ends: Array, size_px: int) -> tuple[Array, Array]:
    """Focal lengths (N,), crop pixels, and rolls (N,) of pinholes that see the regions' up and size as the image does.

    ends: (N, 2, 3), rays to _REACH / 2 of the regions' sides above and below their middles, in the turned cameras'
    frames. NaN where neither is seen.
    """
    seen = np.where(ends[..., 2:] > 0, ends[..., :2], np.nan) / ends[..., 2:]
    along = np.where(np.isfinite(seen[:, 1]), seen[:, 0] - seen[:, 1], 2 * seen[:, 0])
    along = np.where(np.isfinite(along), along, -2 * seen[:, 1])
    focals_px = _REACH * size_px / np.linalg.norm(along, axis=-1)
    return focals_px, np.arctan2(along[:, 0], -along[:, 1])


def _is_narrow(camera: Camera, most_bent: float) -> bool:
    """Whether no person who fills half of the image's height would be bent, wherever in the image."""
    matrix, lens = tuple(camera.K_px.ravel().tolist()), tuple(camera.distortion.tolist())
    return most_bent > 0 and _bend_of_camera(matrix, camera.width_px, camera.height_px, lens, camera.model) <= most_bent


@lru_cache(maxsize=64)
def _bend_of_camera(
    matrix: tuple[float, ...], width_px: int, height_px: int, lens: tuple[float, ...], model: str
) -> float:
    camera = Camera(np.reshape(matrix, (3, 3)), width_px, height_px, np.array(lens), model)
    x, y = np.meshgrid(np.linspace(0, width_px - 1, 5), np.linspace(0, height_px - 1, 5))
    centers_px = np.stack([x.ravel(), y.ravel()], axis=-1)
    regions = Regions(centers_px, np.full(len(centers_px), height_px / 2), np.zeros(len(centers_px)))
    turned = RegionViews.of(camera, regions, 1, most_bent=0.0)
    return float(np.where(turned.bent, turned._bend_px(), 0.0).max())


def _roll(angles_rad: Array) -> Array:
    """(N, 3, 3), the rotations about z that take a crop's axes to those of an unrolled view."""
    cosine, sine, zero = np.cos(angles_rad), np.sin(angles_rad), np.zeros_like(angles_rad)
    rows = [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, zero + 1]]
    return np.moveaxis(np.array(rows), -1, 0)
