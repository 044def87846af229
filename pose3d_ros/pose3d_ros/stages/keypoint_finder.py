"""Nets that find people and their 2D joints in the whole image at once: torchvision's Keypoint R-CNN (He 2017)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import DetectorConfig, PoseConfig
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage, HostImage
from pose3d_ros.engines.tensors import on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.association import assign
from pose3d_ros.stages.detect.box_decoding import GRAY, from_edges, likely, ranked, read_settings
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS
from pose3d_ros.stages.entry_checks import KEYPOINT_NET, check_decoder, integer_parameter, normalization_of, skeleton_of
from pose3d_ros.stages.io_matching import INTEGERS, BoundEngine, RawOutputs, image_port, output, port
from pose3d_ros.stages.keypoints import Keypoints
from pose3d_ros.stages.pose.root_pose_estimator import best_third
from pose3d_ros.types import Array

_LEAST_IOU = 0.5
"""Of a given box and the person that is read in it."""


class KeypointFinder:
    """Boxes and 2D joints of a frame's people in one run. `config` and `pose_config` may be replaced between frames.

    model: boxes (M, 4), labels (M,), scores (M,), keypoints (M, J, 3), keypoints_scores (M, J), logits, of
    `torchvision/models/detection/keypoint_rcnn.py`. Parameters as a detector of torchvision has. Raises EngineError
    for an engine that does not fit.
    """

    def __init__(
        self, model: RoleEngine, config: DetectorConfig | None = None, pose_config: PoseConfig | None = None
    ) -> None:
        entry, decoder = model.entry, DETECTOR_DECODERS[check_decoder(model.entry, (KEYPOINT_NET,))]
        self.config, self.pose_config = config or DetectorConfig(), pose_config or PoseConfig()
        self._input_size_px, self._normalization = entry.input_size_px, normalization_of(entry)
        self._skeleton, self._person_class = skeleton_of(entry), read_settings(entry, decoder).person_class
        self._long_side_px = integer_parameter(entry, "long_side_px", 0, least=0) or None
        outputs = [
            port("boxes", None, 4),
            port("labels", None, dtypes=INTEGERS),
            ranked("scores", 1),
            port("keypoints", None, len(self._skeleton), 3),
            port("keypoints_scores", None, len(self._skeleton)),
        ]
        self._bound = BoundEngine(model, [image_port(entry, batchless=True)], outputs)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the keypoints."""
        return self._skeleton

    def __call__(
        self, frame: Frame, image: FrameImage | None = None, given: tuple[Detection, ...] | None = None
    ) -> Keypoints:
        """The people, best score first, or those in the given boxes; a box in which no person was read has none.

        Raises EngineError when the engine fails or its answer does not fit.
        """
        height_px, width_px = frame.image_bgr.shape[:2]
        letterbox = LetterboxMode(padding=GRAY).letterbox(width_px, height_px, self._input_size_px, self._long_side_px)
        tensor = (image or HostImage(frame.image_bgr)).letterboxed(letterbox, self._normalization)
        feed = on_host(tensor)[0] if len(self._bound.inputs["image"].shape) == 3 else tensor
        raw = self._bound.infer({"image": feed})
        boxes, box_scores, joints, scores = self._people(raw, letterbox, threshold=given is None)
        high = np.array([width_px, height_px] * 2) - 0.5
        boxes = np.clip(boxes, -0.5, high)
        if given is None:
            found = tuple(Detection(box, float(score)) for box, score in zip(boxes, box_scores, strict=True))
            return self._keypoints(found, joints, scores)
        return self._keypoints(given, *self._in_boxes(given, boxes, joints, scores))

    def _people(self, raw: RawOutputs, letterbox: Letterbox, *, threshold: bool) -> tuple[Array, Array, Array, Array]:
        """Boxes (N, 4) and joints (N, J, 2) in the image, and their scores, best first."""
        boxes, scores = output(raw, "boxes", (None, 4)), output(raw, "scores", (None,))
        labels = output(raw, "labels", (len(boxes),))
        keypoints = output(raw, "keypoints", (len(boxes), len(self._skeleton), 3))
        logits = output(raw, "keypoints_scores", (len(boxes), len(self._skeleton)))
        if len(scores) != len(boxes):
            raise EngineError(
                "output scores",
                expected=f"one for each of {len(boxes)} boxes",
                got=str(len(scores)),
                fix="Export anew.",
            )
        least = self.config.score_threshold if threshold else 0.0
        kept = likely(KEYPOINT_NET, np.where(labels == self._person_class, scores, -1.0), least)
        kept = kept[np.isfinite(boxes[kept]).all(axis=1) & (boxes[kept, 2:] > boxes[kept, :2]).all(axis=1)]
        kept = kept[np.argsort(-scores[kept], kind="stable")][: self.config.max_people if threshold else None]
        edges, box_scores = from_edges(boxes[kept], scores[kept])
        # Keypoints are counted from the left edge, as boxes are: `heatmaps_to_keypoints` adds half a cell.
        points = keypoints[kept, :, :2] - 0.5
        joints = letterbox.input2img(np.concatenate([points, points], axis=-1).reshape(-1, 4))[:, :2]
        sure = 0.5 + 0.5 * np.tanh(logits[kept] / 2)
        return letterbox.input2img(edges), box_scores, joints.reshape(points.shape), sure

    def _in_boxes(
        self, given: tuple[Detection, ...], boxes: Array, joints: Array, scores: Array
    ) -> tuple[Array, Array]:
        """Joints and scores of who is in each given box, NaN and 0 where none is."""
        at = np.full((len(given), *joints.shape[1:]), np.nan)
        sure = np.zeros((len(given), scores.shape[1]))
        wanted = np.array([d.box_xyxy_px for d in given]).reshape(-1, 4)
        for box, person in assign(1.0 - iou_matrix(wanted, boxes), 1.0 - _LEAST_IOU):
            at[box], sure[box] = joints[person], scores[person]
        return at, sure

    def _keypoints(self, found: tuple[Detection, ...], joints: Array, scores: Array) -> Keypoints:
        config = self.pose_config
        valid: npt.NDArray[np.bool_] = (scores >= config.joint_score_threshold) & np.isfinite(joints).all(axis=-1)
        is_person = best_third(scores) >= config.person_score_threshold if len(found) else np.zeros(0, dtype=np.bool_)
        return Keypoints(self._skeleton, found, joints, scores, valid, is_person, np.full(scores.shape, np.nan))
