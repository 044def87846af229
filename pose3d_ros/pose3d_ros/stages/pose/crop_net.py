"""A network whose input is person crops, and the arrays it is fed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.engines.tensors import Feed
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import crop_transforms
from pose3d_ros.stages.entry_checks import crop_size_px, normalization_of, real_parameter
from pose3d_ros.stages.io_matching import BoundEngine, Kind, Port, image_port
from pose3d_ros.stages.pose.person_crops import PersonCrops
from pose3d_ros.stages.pose.pose_decoding import PoseDecoder, RootDecoder

_BOX_SCALE = 1.25
"""Margin around a box before it is cropped (Moon 2019, sec. 6.1)."""
_IDENTITY = (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class CropNet:
    """bound: the engine behind its decoder's names. crops: size, margin and convention; nets with the same share them.

    square: whether its crops must be. Raises EngineError for an engine that does not fit its entry or decoder.
    """

    def __init__(self, model: RoleEngine, decoder: PoseDecoder | RootDecoder, *, square: bool) -> None:
        entry, self._decoder = model.entry, decoder
        self.size_px = crop_size_px(entry, square=square)
        self._scale = real_parameter(entry, "box_scale", _BOX_SCALE)
        centers = decoder.half_pixel_centers, decoder.corner_centers
        self.crops = (self.size_px, self._scale, *centers, decoder.box_inset_px)
        self._normalization = normalization_of(entry)
        k = [] if decoder.k_input is None else [Port(decoder.k_input, (Kind((None,)),))]
        self.bound = BoundEngine(model, [image_port(entry, whole=True), *k], _output_ports(model, decoder))
        self._whole = self.bound.inputs["image"].dtype == "uint8"
        norm = self._normalization
        if self._whole and (norm.scale, norm.mean, norm.std) != _IDENTITY:
            raise EngineError(
                f"normalization of {entry.name}",
                expected="scale 1, mean 0 and std 1 for uint8",
                got=str(norm),
                fix="Correct the manifest, or export the network for float images.",
            )

    def person_crops(self, camera: Camera, boxes_xyxy_px: npt.ArrayLike) -> PersonCrops:
        """The crops of boxes (N, 4) in the camera's image. Raises InputError for one without an area."""
        size_px, scale, half_pixel_centers, corner_centers, inset_px = self.crops
        transforms = crop_transforms(
            boxes_xyxy_px,
            camera.width_px,
            camera.height_px,
            size_px,
            scale,
            half_pixel_centers=half_pixel_centers,
            corner_centers=corner_centers,
            inset_px=inset_px,
        )
        return PersonCrops.of(camera, transforms, may_bend=size_px[0] == size_px[1] and not self._whole)

    def feeds(self, image: FrameImage, people: PersonCrops, *, mirrored: bool = False) -> dict[str, Feed]:
        """What `bound` is given for N crops, or for them and their mirror images: 2N."""
        at, size_px, norm = people.transforms.img2crop, people.transforms.size_px, self._normalization
        crops: Feed
        if people.views is not None:
            crops = image.views(people.views, norm, mirrored=mirrored)
        elif self._whole:
            crops = image.raw_crops(at, size_px, rgb=norm.channel_order == "rgb", mirrored=mirrored)
        else:
            crops = image.crops(at, size_px, norm, mirrored=mirrored)
        if self._decoder.k_input is None:
            return {"image": crops}
        k = np.tile(people.k_m * self._decoder.k_per_m, 1 + mirrored)
        return {"image": crops, self._decoder.k_input: k.astype(np.float32)}


def _output_ports(model: RoleEngine, decoder: PoseDecoder | RootDecoder) -> list[Port]:
    """The decoder's outputs by name; the only one of a net by any name."""
    outputs = model.engine.outputs
    only = len(outputs) == len(decoder.outputs) == 1
    kinds = (Kind((None,) * len(outputs[0].shape)),) if only else ()
    return [Port(name, kinds) for name in decoder.outputs]
