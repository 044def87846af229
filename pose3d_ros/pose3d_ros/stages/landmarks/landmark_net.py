"""The landmark net on regions of a frame: all of them in one batch."""

from __future__ import annotations

import numpy as np

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.region_views import RegionViews
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.entry_checks import LANDMARK_NET, check_decoder, crop_size_px, normalization_of
from pose3d_ros.stages.io_matching import BoundEngine, image_port
from pose3d_ros.stages.landmarks.landmark_decoding import (
    OUTPUTS,
    SKELETON,
    Landmarks,
    decode_landmarks,
    next_regions,
)

_SAME = np.array([[0.0, 0.0], [0.0, -0.4]])
"""Points of an upright region, in its sides from its center, that give the same region again."""


class LandmarkNet:
    """model: of the decoder `mediapipe_landmarks`. Raises EngineError for another one, or one that does not fit it."""

    def __init__(self, model: RoleEngine) -> None:
        check_decoder(model.entry, (LANDMARK_NET,))
        self.size_px = crop_size_px(model.entry, square=True)[0]
        self._normalization = normalization_of(model.entry)
        self._bound = BoundEngine(model, [image_port(model.entry)], OUTPUTS)

    def __call__(self, camera: Camera, image: FrameImage, regions: Regions, *, mirrored: bool = False) -> Landmarks:
        """What the net says of one or more regions of the camera's image. Raises EngineError.

        mirrored: read from mirror images, in which the net errs otherwise; the result is that of the image itself.
        """
        views = RegionViews.of(camera, regions, self.size_px)
        views = views.mirrored() if mirrored else views
        raw = self._bound.infer({"image": image.views(views, self._normalization)})
        found = decode_landmarks(raw, self.size_px)
        found = found.in_order(list(SKELETON.flip_order)) if mirrored else found
        # What a bent view shows of places that the camera does not see has no pixel: the region itself is the next one.
        same_px = regions.centers_px[:, None] + _SAME * regions.sides_px[:, None, None]
        next_px = views.crop2img(found.next_crop_px)
        return Landmarks(
            views.crop2img(found.points_crop_px),
            next_regions(np.where(np.isfinite(next_px), next_px, same_px)),
            found.world_m @ views.view2cam.transpose(0, 2, 1),
            found.visibility,
            found.certainty,
            found.person,
            views.view2cam,
            found.points_crop_px,
        )
