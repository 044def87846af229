"""Root depth and root-relative joints of every person, as skeletons in camera space (Moon 2019: RootNet, PoseNet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.config import PoseConfig
from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import CropBatch, apply_affine, assemble, crop_people, invert_affine, moon_k_m
from pose3d_ros.records import Array, Detection, Frame, ImageArray, Pose
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.appearance import clothes_lab
from pose3d_ros.stages.decoders import POSE_DECODERS, ROOT_DECODERS, DecodedJoints, DecodedRoots, RawOutputs
from pose3d_ros.stages.entries import check_decoder, crop_size_px, normalisation_of, real_parameter, skeleton_of
from pose3d_ros.stages.flip import mean_of_halves, mean_with_mirrored

_BOX_SCALE = 1.25
"""Margin around a box before it is cropped (Moon 2019, sec. 6.1)."""


@dataclass(frozen=True)
class _CropSpec:
    """What a net's crops are; nets of the same spec share them."""

    size_px: int
    box_scale: float
    half_pixel_centres: bool

    def cut(self, frame: Frame, boxes_xyxy_px: Array) -> CropBatch:
        return crop_people(
            frame.image_bgr,
            boxes_xyxy_px,
            self.size_px,
            self.box_scale,
            half_pixel_centres=self.half_pixel_centres,
        )


class RootPoseEstimator:
    """Poses from boxes: all people of a frame in one call of each net. `config` may be replaced between frames.

    pose_engine, pose_entry: a decoder of `decoders.POSE_DECODERS`. root_engine, root_entry: one of
    `decoders.ROOT_DECODERS`; leave both out when the pose engine fills both roles.
    Raises EngineError for an unknown decoder or an entry that lacks what its role needs.
    """

    def __init__(
        self,
        pose_engine: Engine,
        pose_entry: ManifestEntry,
        root_engine: Engine | None = None,
        root_entry: ManifestEntry | None = None,
        *,
        config: PoseConfig | None = None,
    ) -> None:
        root_entry = root_entry or pose_entry
        self.config = config or PoseConfig()
        self._pose_engine, self._pose_name = pose_engine, pose_entry.name
        self._root_engine = root_engine
        self._pose_decoder = POSE_DECODERS[check_decoder(pose_entry, POSE_DECODERS)]
        self._root_decoder = ROOT_DECODERS[check_decoder(root_entry, ROOT_DECODERS)]
        self._pose_normalisation = normalisation_of(pose_entry)
        self._root_normalisation = normalisation_of(root_entry)
        self._skeleton = skeleton_of(pose_entry)
        self._pose_crops = _crop_spec(pose_entry, self._pose_decoder.half_pixel_centres)
        self._root_crops = _crop_spec(root_entry, self._root_decoder.half_pixel_centres)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton the poses are in."""
        return self._skeleton

    def __call__(self, frame: Frame, detections: Sequence[Detection]) -> tuple[Pose, ...]:
        """The poses of the detected people, in their order.

        A joint below the score threshold or outside its crop is NaN. A box in which too few joints are sure of
        themselves holds no person, and a root without a depth above 0 no place: both are left out. Raises InputError
        for a box without an area in the image, EngineError for an answer that does not fit.
        """
        if not detections:
            return ()
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64)
        crops = self._pose_crops.cut(frame, boxes)
        k_m = moon_k_m(crops.boxes_xyxy_px, frame.camera.fx_px, frame.camera.fy_px)
        flipped = self.config.flip_test
        raw = self._infer_pose(crops.images, k_m, flipped)
        joints = self._pose_decoder.decode(raw, self._pose_crops.size_px)
        roots = self._roots(frame, boxes, crops, k_m, raw)
        self._check_counts(joints, roots, len(detections), flipped)
        if flipped:
            joints = mean_with_mirrored(joints, self._skeleton, self._pose_crops.size_px)
            roots = roots if self._root_engine is not None else mean_of_halves(roots)
        return self._poses(frame, detections, crops, joints, roots)

    def _infer_pose(self, images: ImageArray, k_m: Array, flipped: bool) -> RawOutputs:
        """The pose net's answer for N crops, or for them and then for their mirror images: 2N, still one call."""
        if flipped:
            images, k_m = np.concatenate([images, images[:, :, ::-1]]), np.concatenate([k_m, k_m])
        feeds: dict[str, npt.NDArray[np.float32]] = {"image": self._pose_normalisation.apply(images)}
        if self._pose_decoder.k_input is not None:
            feeds[self._pose_decoder.k_input] = k_m.astype(np.float32)
        return self._pose_engine.infer(feeds)

    def _roots(self, frame: Frame, boxes: Array, pose_crops: CropBatch, k_m: Array, raw: RawOutputs) -> DecodedRoots:
        decoder = self._root_decoder
        if self._root_engine is None:
            return decoder.decode(raw)
        crops = pose_crops
        if self._root_crops != self._pose_crops:
            crops = self._root_crops.cut(frame, boxes)
            k_m = moon_k_m(crops.boxes_xyxy_px, frame.camera.fx_px, frame.camera.fy_px)
        feeds = {
            "image": self._root_normalisation.apply(crops.images),
            decoder.k_input: (k_m * decoder.k_per_m).astype(np.float32),
        }
        return decoder.decode(self._root_engine.infer(feeds))

    def _check_counts(self, joints: DecodedJoints, roots: DecodedRoots, people: int, flipped: bool) -> None:
        expected = (people * (1 + flipped), len(self._skeleton))
        root_count = expected[0] if self._root_engine is None else people
        shapes = joints.scores.shape, joints.relative_depth_m.shape
        if shapes != (expected, expected) or len(roots.depth_m) != root_count:
            raise EngineError(
                f"outputs of {self._pose_name}",
                expected=f"{people} people with the {len(self._skeleton)} joints of {self._skeleton.name}",
                got=f"joints {joints.joints_crop_px.shape}, roots {roots.depth_m.shape}",
                fix="The manifest's skeleton must be the engine's.",
            )

    def _poses(
        self,
        frame: Frame,
        detections: Sequence[Detection],
        crops: CropBatch,
        joints: DecodedJoints,
        roots: DecodedRoots,
    ) -> tuple[Pose, ...]:
        joints_img_px = apply_affine(invert_affine(crops.img2crop), joints.joints_crop_px)
        root_cam_m, joints_cam_m = assemble(
            frame.camera, joints_img_px, joints.relative_depth_m, roots.depth_m, self._skeleton.root
        )
        valid = np.isfinite(joints_cam_m).all(axis=-1) & self._trusted(joints)
        joints_img_px[~valid] = np.nan
        joints_cam_m[~valid] = np.nan
        known_px = np.where(valid[..., None], joints.joints_crop_px, np.nan)
        clothes = clothes_lab(crops.images, known_px, self._skeleton)
        sigma_m = roots.relative_sigma * np.linalg.norm(root_cam_m, axis=-1)
        return tuple(
            Pose(
                root_cam_m[i],
                joints_cam_m[i],
                joints_img_px[i],
                joints.scores[i],
                self._skeleton,
                detection,
                float(sigma_m[i]),
                clothes[i],
            )
            for i, detection in enumerate(detections)
            if np.isfinite(root_cam_m[i]).all() and self._is_person(joints.scores[i])
        )

    def _is_person(self, scores: Array) -> bool:
        """Whether the best third of the joints is sure: a person may be cut by the image, but not be nowhere sure."""
        best = np.sort(scores)[-max(len(scores) // 3, 1) :]
        return bool(best.mean() >= self.config.person_score_threshold)

    def _trusted(self, joints: DecodedJoints) -> npt.NDArray[np.bool_]:
        at = joints.joints_crop_px
        inside = ((at >= -0.5) & (at <= self._pose_crops.size_px - 0.5)).all(axis=-1)
        trusted: npt.NDArray[np.bool_] = inside & (joints.scores >= self.config.joint_score_threshold)
        return trusted


def _crop_spec(entry: ManifestEntry, half_pixel_centres: bool) -> _CropSpec:
    return _CropSpec(crop_size_px(entry), real_parameter(entry, "box_scale", _BOX_SCALE), half_pixel_centres)
