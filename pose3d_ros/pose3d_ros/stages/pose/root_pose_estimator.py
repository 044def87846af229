"""Root depth and root-relative joints of every person, as skeletons in camera space (Moon 2019: RootNet, PoseNet)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage, HostImage
from pose3d_ros.errors import EngineError
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import check_decoder, skeleton_of
from pose3d_ros.stages.io_matching import RawOutputs
from pose3d_ros.stages.keypoints import DecodedRoots, Keypoints
from pose3d_ros.stages.pose.crop_net import CropNet
from pose3d_ros.stages.pose.person_crops import PersonCrops
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS, ROOT_DECODERS
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, read_pose_settings
from pose3d_ros.stages.pose.pose_localizer import PoseLocalizer
from pose3d_ros.stages.pose.root_localization import root_solver
from pose3d_ros.types import Array

_SURE = 0.8
"""Mean score of the best third of a followed person's joints from which one reading serves: 95% of the sample's."""
_REFUSAL_MARGIN = 0.1
"""By how much a second reading could still raise a score over the threshold of a person."""


class RootPoseEstimator(PoseLocalizer):
    """Poses from boxes: all people of a frame in one call of each net.

    `config` and `root_config` may be replaced between frames.

    pose: a decoder of `POSE_DECODERS`. root: one of `ROOT_DECODERS`; leave it out when the pose engine fills both
    roles, or its joints are metric, so that the root follows in closed form (`geometry.solve_root`). lifted: whether a
    lifter comes between `read` and `place`, which a pose engine needs whose joints are in the image alone. rooted:
    whether it says where the root is, too, so that no other net is asked.
    Raises EngineError for an unknown decoder, an entry that lacks what its role needs, an engine that does not fit its
    entry, and a pose net that says too little of its joints without a root net or a lifter.
    """

    def __init__(
        self,
        pose: RoleEngine,
        root: RoleEngine | None = None,
        *,
        lifted: bool = False,
        rooted: bool = False,
        config: PoseConfig | None = None,
    ) -> None:
        self.config = config or PoseConfig()
        self._decoder = POSE_DECODERS[check_decoder(pose.entry, POSE_DECODERS)]
        if root is None and "root" in pose.entry.roles:
            root = pose
        self._name = pose.entry.name
        self._skeleton = skeleton_of(pose.entry)
        solver = root_solver(pose.entry, self._decoder, root.entry if root else None, lifted=lifted)
        super().__init__(solver, hip_centered=self._decoder.hip_centered)
        self._solver, root = (None, None) if rooted else (solver, root)
        self._rooted = rooted
        self._net = CropNet(pose, self._decoder, square=self._decoder.square)
        self._settings = read_pose_settings(pose.entry, self._decoder, self._net.size_px)
        self._root_net: CropNet | None = None
        if self._solver is None and root is not None:
            self._root_decoder = ROOT_DECODERS[check_decoder(root.entry, ROOT_DECODERS)]
            if root.engine is not pose.engine:
                self._root_net = CropNet(root, self._root_decoder, square=True)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the keypoints."""
        return self._skeleton

    def estimate_keypoints(
        self,
        frame: Frame,
        detections: Sequence[Detection],
        image: FrameImage | None = None,
        known: npt.NDArray[np.bool_] | None = None,
    ) -> Keypoints:
        """The joints of one or more detected people, in their order, where they are seen.

        image: the frame's image where the engines read it, in the host's memory unless given. known: (N,), who was
        seen in the last frame; with it the flip test is made only of those who were not, or whose joints have low
        confidence, and of no box without a person. Raises InputError for a box without an area in the image,
        EngineError for an answer that does not fit.
        """
        image = image or HostImage(frame.image_bgr)
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64)
        crops = self._net.person_crops(frame.camera, boxes)
        flipped = self.config.flip_test
        joints, roots = self._read(frame, image, boxes, crops, mirrored=flipped and known is None)
        if flipped and known is not None:
            again = np.flatnonzero(self._needs_mirrored(joints, known))
            if again.size:
                joints, roots = self._with_mirrored(frame, image, crops, (joints, roots), again)
        return self._keypoints(frame, detections, crops, joints, roots)

    def _read(
        self, frame: Frame, image: FrameImage, boxes: Array, crops: PersonCrops, *, mirrored: bool
    ) -> tuple[DecodedJoints, DecodedRoots | None]:
        """What the nets say of the crops; mirrored: the mean with their mirror images."""
        raw = self._net.bound.infer(self._net.feeds(image, crops, mirrored=mirrored))
        joints = self._decoder.decode(raw, self._settings).chosen(self._settings.joints)
        roots = self._roots(frame, image, boxes, crops, raw)
        self._check_counts(joints, roots, len(crops), mirrored)
        if mirrored:
            joints = joints.mean_with_mirrored(self._skeleton, self._settings.width_px)
            roots = roots if roots is None or self._root_net is not None else roots.mean_of_halves()
        return joints, roots

    def _needs_mirrored(self, joints: DecodedJoints, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        person = best_third(joints.scores)
        sure = known & (person >= _SURE)
        needs: npt.NDArray[np.bool_] = ~sure & (person >= self.config.person_score_threshold - _REFUSAL_MARGIN)
        return needs

    def _with_mirrored(
        self,
        frame: Frame,
        image: FrameImage,
        crops: PersonCrops,
        read: tuple[DecodedJoints, DecodedRoots | None],
        at: npt.NDArray[np.intp],
    ) -> tuple[DecodedJoints, DecodedRoots | None]:
        """What was read of the crops, at some of them the mean with what the net says of their mirror images."""
        joints, roots = read
        raw = self._net.bound.infer(self._net.feeds(image, crops.mirrored(at)))
        mirrored = self._decoder.decode(raw, self._settings).chosen(self._settings.joints)
        means = joints.of_people(at).followed_by(mirrored).mean_with_mirrored(self._skeleton, self._settings.width_px)
        if roots is not None and self._root_net is None:
            roots = roots.with_mirrored(at, self._root_decoder.decode(raw))
        return joints.with_people(at, means), roots

    def _roots(
        self, frame: Frame, image: FrameImage, boxes: Array, pose_crops: PersonCrops, raw: RawOutputs
    ) -> DecodedRoots | None:
        """What a net says of the roots; None where they are to be solved. raw: the pose net's outputs."""
        if self._solver is not None or self._rooted:
            return None
        net = self._root_net
        if net is None:
            return self._root_decoder.decode(raw)
        crops = pose_crops if net.crops == self._net.crops else net.person_crops(frame.camera, boxes)
        return self._root_decoder.decode(net.bound.infer(net.feeds(image, crops)))

    def _check_counts(self, joints: DecodedJoints, roots: DecodedRoots | None, people: int, flipped: bool) -> None:
        skeleton = self._skeleton
        expected = (people * (1 + flipped), len(skeleton))
        root_count = people if self._root_net is not None else expected[0]
        shapes = joints.scores.shape, joints.relative_depth_m.shape
        if shapes != (expected, expected) or (roots is not None and len(roots.depth_m) != root_count):
            raise EngineError(
                f"outputs of {self._name}",
                expected=f"{people} people with the {len(skeleton)} joints of {skeleton.name}",
                got=f"joints {joints.joints_crop_px.shape}, roots {'solved' if roots is None else roots.depth_m.shape}",
                fix="The manifest's skeleton must be the engine's; its parameter joints chooses some of the joints.",
            )

    def _keypoints(
        self,
        frame: Frame,
        detections: Sequence[Detection],
        crops: PersonCrops,
        joints: DecodedJoints,
        roots: DecodedRoots | None,
    ) -> Keypoints:
        depth_m, relative_m = joints.relative_depth_m, joints.relative_m
        if roots is not None:
            depth_m, roots = crops.depths_in_camera(joints.joints_crop_px, depth_m, roots, self._skeleton.root)
        if relative_m is not None:
            relative_m = crops.in_camera(relative_m, ahead=self._settings.ahead)
            depth_m = relative_m[..., 2]
        return Keypoints(
            self._skeleton,
            detections,
            crops.crop2img(joints.joints_crop_px),
            joints.scores,
            self._valid(joints),
            best_third(joints.scores) >= self.config.person_score_threshold,
            depth_m,
            relative_m,
            roots,
        )

    def _valid(self, joints: DecodedJoints) -> npt.NDArray[np.bool_]:
        """Joints (N, J) in their crop whose scores reach the threshold."""
        at = joints.joints_crop_px
        inside = ((at >= -0.5) & (at <= np.array(self._net.size_px) - 0.5)).all(axis=-1)
        valid: npt.NDArray[np.bool_] = inside & (joints.scores >= self.config.joint_score_threshold)
        return valid


def best_third(scores: Array) -> Array:
    """Mean score of the best third of the joints (..., J): a person may be cut by the image, but not all of it."""
    best: Array = np.sort(scores, axis=-1)[..., -max(scores.shape[-1] // 3, 1) :].mean(axis=-1)
    return best
