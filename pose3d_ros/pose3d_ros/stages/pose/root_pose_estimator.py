"""Root depth and root-relative joints of every person, as skeletons in camera space (Moon 2019: RootNet, PoseNet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.images.frame_image import FrameImage, HostImage
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera, CropPlaces, apply_affine, crop_places, invert_affine, moon_k_m
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.appearance import clothes_lab
from pose3d_ros.stages.decoding import (
    DecodedJoints,
    DecodedRoots,
    PoseDecoder,
    RawOutputs,
    RootDecoder,
    read_pose_settings,
)
from pose3d_ros.stages.entry_checks import check_decoder, crop_size_px, real_parameter, skeleton_of
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.crop_engine import CropEngine, crop_engine
from pose3d_ros.stages.pose.flip_test import mean_of_halves, mean_with_mirrored
from pose3d_ros.stages.pose.placement import (
    Placed,
    needs_lifter,
    place_by_net,
    place_by_solver,
    place_lifted,
    root_solver,
    turned_to_camera,
)
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS, ROOT_DECODERS
from pose3d_ros.types import Array

_BOX_SCALE = 1.25
"""Margin around a box before it is cropped (Moon 2019, sec. 6.1)."""


@dataclass(frozen=True)
class _CropSpec:
    """What a net's crops are; nets of the same spec share them. size_px: width and height."""

    size_px: tuple[int, int]
    box_scale: float
    half_pixel_centres: bool
    inset_px: float

    def places(self, camera: Camera, boxes_xyxy_px: Array) -> CropPlaces:
        return crop_places(
            boxes_xyxy_px,
            camera.width_px,
            camera.height_px,
            self.size_px,
            self.box_scale,
            half_pixel_centres=self.half_pixel_centres,
            inset_px=self.inset_px,
        )


@dataclass(frozen=True, eq=False)
class _SeenJoints:
    """joints_img_px (N, J, 2), scores (N, J), trusted (N, J): which of them are to be given out. decoded: the same with
    depths or metres; its pixels count for nothing."""

    joints_img_px: Array
    scores: Array
    trusted: npt.NDArray[np.bool_]
    decoded: DecodedJoints


class RootPoseEstimator:
    """Poses from boxes: all people of a frame in one call of each net. `config` may be replaced between frames.

    pose_engine, pose_entry: a decoder of `decoders.POSE_DECODERS`. root_engine, root_entry: one of
    `decoders.ROOT_DECODERS`; leave both out when the pose engine fills both roles, or gives metres, so that the root
    follows in closed form (`geometry.solve_root`). lift_engine, lift_entry: a lifter, see `lift.Lifter`, for a pose
    engine that gives joints in the image alone; others do without.
    Raises EngineError for an unknown decoder, an entry that lacks what its role needs, an engine that does not fit its
    entry, and a pose net that says too little of its joints without a root net or a lifter.
    """

    def __init__(
        self,
        pose_engine: Engine,
        pose_entry: ManifestEntry,
        root_engine: Engine | None = None,
        root_entry: ManifestEntry | None = None,
        lift_engine: Engine | None = None,
        lift_entry: ManifestEntry | None = None,
        *,
        config: PoseConfig | None = None,
    ) -> None:
        self.config = config or PoseConfig()
        decoder = POSE_DECODERS[check_decoder(pose_entry, POSE_DECODERS)]
        if root_entry is None and "root" in pose_entry.roles:
            root_entry = pose_entry
        self._pose_name = pose_entry.name
        self._pose_decoder = decoder
        self._image_skeleton = self._skeleton = skeleton_of(pose_entry)
        self._lifter: Lifter | None = None
        if needs_lifter(pose_entry) and lift_engine is not None and lift_entry is not None:
            self._lifter = Lifter(lift_engine, lift_entry, self._image_skeleton)
            self._skeleton = self._lifter.skeleton
        self._solver = root_solver(pose_entry, decoder, root_entry, lifted=self._lifter is not None)
        self._pose_crops = _crop_spec(pose_entry, decoder, square=decoder.square)
        self._settings = read_pose_settings(pose_entry, decoder, self._pose_crops.size_px)
        self._pose_net = crop_engine(pose_engine, pose_entry, decoder.outputs, decoder.k_input)
        self._root_net: CropEngine | None = None
        if self._solver is None and root_entry is not None:
            self._root_decoder = ROOT_DECODERS[check_decoder(root_entry, ROOT_DECODERS)]
            self._root_crops = _crop_spec(root_entry, self._root_decoder, square=True)
            if root_engine is not None:
                names, k_input = self._root_decoder.outputs, self._root_decoder.k_input
                self._root_net = crop_engine(root_engine, root_entry, names, k_input)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton the poses are in."""
        return self._skeleton

    def reset(self) -> None:
        """Forget everybody, as before another recording: a lifter may remember their past."""
        if self._lifter is not None:
            self._lifter.reset()

    def __call__(
        self, frame: Frame, detections: Sequence[Detection], image: FrameImage | None = None
    ) -> tuple[Pose, ...]:
        """The poses of the detected people, in their order.

        A joint below the score threshold or outside its crop is NaN. A box in which too few joints are sure of
        themselves holds no person, and a root without a depth above 0 no place: both are left out. image: the
        frame's image where the engines read it, in the host's memory unless given. Raises InputError for a box without
        an area in the image, EngineError for an answer that does not fit.
        """
        if not detections:
            return ()
        image = image or HostImage(frame.image_bgr)
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64)
        crops = self._pose_crops.places(frame.camera, boxes)
        k_m = moon_k_m(crops.boxes_xyxy_px, frame.camera.fx_px, frame.camera.fy_px)
        flipped = self.config.flip_test
        raw = self._pose_net.infer(image, crops, k_m, mirrored=flipped)
        joints = self._pose_decoder.decode(raw, self._settings).chosen(self._settings.joints)
        roots = self._roots(frame, image, boxes, crops, raw)
        self._check_counts(joints, roots, len(detections), flipped)
        if flipped:
            joints = mean_with_mirrored(joints, self._image_skeleton, self._settings.width_px)
            roots = roots if roots is None or self._root_net is not None else mean_of_halves(roots)
        return self._poses(frame, detections, crops, joints, roots)

    def _roots(
        self, frame: Frame, image: FrameImage, boxes: Array, pose_crops: CropPlaces, raw: RawOutputs
    ) -> DecodedRoots | None:
        """What a net says of the roots; None where they are to be solved. raw: the pose net's outputs."""
        if self._solver is not None:
            return None
        decoder = self._root_decoder
        if self._root_net is None:
            return decoder.decode(raw)
        same = self._root_crops == self._pose_crops
        crops = pose_crops if same else self._root_crops.places(frame.camera, boxes)
        k_m = moon_k_m(crops.boxes_xyxy_px, frame.camera.fx_px, frame.camera.fy_px)
        return decoder.decode(self._root_net.infer(image, crops, k_m * decoder.k_per_m))

    def _check_counts(self, joints: DecodedJoints, roots: DecodedRoots | None, people: int, flipped: bool) -> None:
        skeleton = self._image_skeleton
        expected = (people * (1 + flipped), len(skeleton))
        root_count = people if self._root_net is not None else expected[0]
        shapes = joints.scores.shape, joints.relative_depth_m.shape
        if shapes != (expected, expected) or (roots is not None and len(roots.depth_m) != root_count):
            raise EngineError(
                f"outputs of {self._pose_name}",
                expected=f"{people} people with the {len(skeleton)} joints of {skeleton.name}",
                got=f"joints {joints.joints_crop_px.shape}, roots {'solved' if roots is None else roots.depth_m.shape}",
                fix="The manifest's skeleton must be the engine's; its parameter joints chooses some of the joints.",
            )

    def _poses(
        self,
        frame: Frame,
        detections: Sequence[Detection],
        crops: CropPlaces,
        joints: DecodedJoints,
        roots: DecodedRoots | None,
    ) -> tuple[Pose, ...]:
        people = [self._is_person(scores) for scores in joints.scores]
        seen = self._seen(frame, detections, crops, joints)
        placed = self._placed(frame, crops, seen, roots)
        valid = np.isfinite(placed.joints_cam_m).all(axis=-1) & seen.trusted
        joints_cam_m = np.where(valid[..., None], placed.joints_cam_m, np.nan)
        measured_px = np.where(valid[..., None], seen.joints_img_px, np.nan)
        clothes = clothes_lab(frame.image_bgr, measured_px, self._skeleton)
        if self._lifter is not None:  # joints that the pose net does not know were not seen
            measured_px = np.where(np.isfinite(measured_px), measured_px, frame.camera.project(joints_cam_m))
        return tuple(
            Pose(
                placed.root_cam_m[i],
                joints_cam_m[i],
                measured_px[i],
                seen.scores[i],
                self._skeleton,
                detection,
                float(placed.root_sigma_m[i]),
                clothes[i],
            )
            for i, detection in enumerate(detections)
            if np.isfinite(placed.root_cam_m[i]).all() and people[i]
        )

    def _seen(
        self, frame: Frame, detections: Sequence[Detection], crops: CropPlaces, joints: DecodedJoints
    ) -> _SeenJoints:
        """The joints in the image, those of the pose net or what a lifter makes of them."""
        joints_img_px = apply_affine(invert_affine(crops.img2crop), joints.joints_crop_px)
        trusted = self._trusted(joints)
        if self._lifter is None:
            return _SeenJoints(joints_img_px, joints.scores, trusted, joints)
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64)
        scores = np.where(trusted, joints.scores, 0.0)
        lifted = self._lifter(frame.camera, frame.stamp_ns, boxes, joints_img_px, scores)
        metric = DecodedJoints(
            lifted.joints_img_px, lifted.relative_m[..., 2], lifted.scores, relative_m=lifted.relative_m
        )
        known = np.asarray(np.isfinite(lifted.relative_m).all(axis=-1), dtype=np.bool_)
        return _SeenJoints(lifted.joints_img_px, lifted.scores, known, metric)

    def _placed(self, frame: Frame, crops: CropPlaces, seen: _SeenJoints, roots: DecodedRoots | None) -> Placed:
        camera, root, joints = frame.camera, self._skeleton.root, seen.decoded
        lifted = self._lifter is not None
        weights = np.where(seen.trusted, seen.scores, 0.0)
        if joints.relative_m is not None and not lifted and self._settings.ahead == "crop":
            relative_m = turned_to_camera(camera, joints.relative_m, crops.boxes_xyxy_px)
            joints = replace(joints, relative_m=relative_m, relative_depth_m=relative_m[..., 2])
        if self._solver is not None and joints.relative_m is not None:
            origin = None if lifted else root
            return place_by_solver(camera, seen.joints_img_px, joints.relative_m, weights, self._solver, origin)
        if roots is None:
            raise EngineError(
                f"outputs of {self._pose_name}", expected="metric joints", got="depths", fix="Add a root net."
            )
        if joints.relative_m is not None and lifted:
            return place_lifted(camera, seen.joints_img_px, joints.relative_m, weights, roots)
        return place_by_net(camera, seen.joints_img_px, joints, roots, self._pose_decoder.hip_centred, root)

    def _is_person(self, scores: Array) -> bool:
        """Whether the best third of the joints is sure: a person may be cut by the image, but not be nowhere sure."""
        best = np.sort(scores)[-max(len(scores) // 3, 1) :]
        return bool(best.mean() >= self.config.person_score_threshold)

    def _trusted(self, joints: DecodedJoints) -> npt.NDArray[np.bool_]:
        at = joints.joints_crop_px
        inside = ((at >= -0.5) & (at <= np.array(self._pose_crops.size_px) - 0.5)).all(axis=-1)
        trusted: npt.NDArray[np.bool_] = inside & (joints.scores >= self.config.joint_score_threshold)
        return trusted


def _crop_spec(entry: ManifestEntry, decoder: PoseDecoder | RootDecoder, *, square: bool) -> _CropSpec:
    size_px = crop_size_px(entry, square=square)
    scale = real_parameter(entry, "box_scale", _BOX_SCALE)
    return _CropSpec(size_px, scale, decoder.half_pixel_centres, decoder.box_inset_px)
