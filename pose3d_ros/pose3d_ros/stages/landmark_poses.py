"""Poses from MediaPipe's nets: people are found once, then followed from landmarks to landmarks, as the nets were made.

The regions of people who are followed and of places where a person may be new are one batch of the landmark net, and
those of who seems to be new a second one: the first reading gives a better region than a box does, unless it gives
the same again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import STILL, Detection, Frame, Pose
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.detect.finder import PeopleFinder
from pose3d_ros.stages.detect.region_detector import RegionDetector
from pose3d_ros.stages.entry_checks import LANDMARK_NET
from pose3d_ros.stages.landmarks.body_joints import BODY, MUCO, RegionLifter, is_region_lifter
from pose3d_ros.stages.landmarks.followed_people import FollowedPeople
from pose3d_ros.stages.landmarks.landmark_calibration import LandmarkCalibration
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_net import LandmarkNet
from pose3d_ros.stages.landmarks.landmark_placing import PlacedPeople, place, poses_of, whole_boxes
from pose3d_ros.stages.landmarks.landmark_selection import (
    Indices,
    best_in_boxes,
    certainties,
    doubtful,
    mean_with,
    merged,
    person_scores,
    select,
    settled,
    worth_reading_again,
)
from pose3d_ros.stages.landmarks.learned_distance import LearnedDistances
from pose3d_ros.stages.pose_source import FramePoses, timed
from pose3d_ros.stages.second_opinion import Doubts, next_regions, second_opinion, unread, without_doubles
from pose3d_ros.types import Array

_WIDE = 0.75
"""Width of a box by its height, from which on its person may not be upright."""
_VIEW_SCALE = 1.2
_MIDDLE = 0.3
"""Distance from a box's middle, in sides of the view of it, at which a proposal counts e times less."""
_UNLIKELY = 0.05
_MOST_DOUBTFUL = 4
"""Readings of a frame that get a second opinion."""


def is_landmark_chain(engines: EngineSet) -> bool:
    """Whether the engine of the role pose is a landmark net."""
    return engines.manifest.has_role("pose") and engines.manifest.for_role("pose").decoder == LANDMARK_NET


class LandmarkPoses:
    """A `PoseSource` of the roles detector, region_detector and pose, and of lifter where there is one for landmarks.

    Raises EngineError when a role has no model, or an engine can't be opened or does not fit its decoder.
    """

    def __init__(self, engines: EngineSet, config: PipelineConfig) -> None:
        self._config, manifest = config, engines.manifest
        self._finder = PeopleFinder(engines, config.detector)
        found = manifest.has_role("region_detector")
        self._region_detector = RegionDetector(engines.for_role("region_detector")) if found else None
        self._net = LandmarkNet(engines.for_role("pose"))
        lifts = manifest.has_role("lifter") and is_region_lifter(manifest.for_role("lifter"))
        self._lifter = RegionLifter(engines.for_role("lifter")) if lifts else None
        self._calibration = LandmarkCalibration.of(manifest.for_role("lifter")) if lifts else None
        self._second = second_opinion(engines, config.pose)
        self._followed = FollowedPeople()

    @property
    def skeleton(self) -> Skeleton:
        """See PoseSource."""
        return BODY

    @property
    def usual_skeleton(self) -> Skeleton:
        """See PoseSource."""
        return MUCO

    def __call__(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...] | None) -> FramePoses:
        """See PoseSource. Without given boxes the detections are those of the people."""
        timings_ms: dict[str, float] = {}
        if given is not None:
            with timed(timings_ms, "detect"):
                self._finder.reset()
            with timed(timings_ms, "pose"):
                poses = self._in_boxes(frame, image, given)
            return FramePoses(given, poses, timings_ms)
        followed = self._followed.regions(frame.stamp_ns)
        with timed(timings_ms, "detect"):
            new = self._finder(frame, image, self._followed.present).regions
        with timed(timings_ms, "pose"):
            people, certainty = self._read(frame, image, followed, new)
            least, limit = self._config.pose.person_score_threshold, self._config.detector.max_people
            kept, scores = select(people, certainty, least, limit)
            sure = merged(people, certainty, kept)
            if frame.stamp_ns == STILL and self._config.pose.flip_test and len(sure):
                sure = mean_with(sure, self._net(frame.camera, image, sure.next_regions, mirrored=True))
            seen = people.next_regions.chosen(kept)
            learned = self._followed.learned_of(seen, kept, len(followed), frame.stamp_ns)
            poses, learned = self._posed(frame, image, sure, scores, learned)
            doubts, owners = self._doubts(frame, people, certainty, kept, followed, poses)
            at, more = self._confirmed(frame, image, doubts, poses)
            besides = next_regions(doubts, at, more)
            of_these = self._followed.learned_of(besides, owners[at], len(followed), frame.stamp_ns)
            self._followed.update(
                Regions.concatenated([seen, besides]),
                np.append(kept, owners[at]),
                len(followed),
                frame.stamp_ns,
                frame.camera,
                LearnedDistances.concatenated([learned, of_these]),
            )
            poses = (*poses, *more)
        return FramePoses(tuple(pose.detection for pose in poses), poses, timings_ms)

    def configure(self, config: PipelineConfig) -> None:
        """See PoseSource."""
        self._config = config
        self._finder.config = config.detector
        if self._second is not None:
            self._second.estimator.config = config.pose

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: Sequence[int]) -> None:
        """See PoseSource."""
        height_px, width_px = frame.image_bgr.shape[:2]
        self._finder.warm_up(frame, image, tuple(batch_sizes))
        for people in batch_sizes:
            boxes = np.array([[-0.5, -0.5, width_px - 0.5, height_px - 0.5]] * people)
            read = self._net(frame.camera, image, Regions.from_boxes(boxes))
            if self._lifter is not None:
                self._lifter(read)
            self._confirmed(frame, image, Doubts(read, boxes), ())
        self.reset()

    def reset(self) -> None:
        """See PoseSource."""
        self._followed.forget()
        self._finder.reset()

    def _read(self, frame: Frame, image: FrameImage, followed: Regions, new: Regions) -> tuple[Landmarks, Array]:
        """Readings of the people who are followed, then of new ones at their second reading, and how sure they are."""
        size_px, before = (frame.camera.width_px, frame.camera.height_px), len(followed)
        if not before + len(new):
            return Landmarks.none(), np.zeros(0)
        first = self._net(frame.camera, image, Regions.concatenated([followed, new]))
        certainty = certainties(first, *size_px)
        likely = before + np.flatnonzero(worth_reading_again(certainty[before:]))
        known = first.chosen(np.arange(before))
        if not len(likely):
            return known, certainty[:before]
        again = self._read_again(frame, image, new.chosen(likely - before), first.chosen(likely))
        return Landmarks.concatenated([known, again]), np.append(certainty[:before], certainties(again, *size_px))

    def _read_again(self, frame: Frame, image: FrameImage, places: Regions, first: Landmarks) -> Landmarks:
        """Second readings of places, in the regions that the first give, where these are not settled."""
        certainty = certainties(first, frame.camera.width_px, frame.camera.height_px)
        moving = np.flatnonzero(~settled(places, first, certainty))
        if not len(moving):
            return first
        again = self._net(frame.camera, image, first.next_regions.chosen(moving))
        order = np.arange(len(first))
        order[moving] = len(first) + np.arange(len(moving))
        return Landmarks.concatenated([first, again]).chosen(order)

    def _in_boxes(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...]) -> tuple[Pose, ...]:
        """The people in given boxes, one at most in each; what is known of their distances goes on with them."""
        followed = len(self._followed.regions(frame.stamp_ns))
        boxes = np.array([d.box_xyxy_px for d in given]).reshape(-1, 4)
        if not len(boxes):
            self._followed.update(Regions.empty(), np.zeros(0, np.intp), followed, frame.stamp_ns, frame.camera)
            return ()
        places, owners = self._places_in_boxes(frame, image, boxes)
        people = self._read_again(frame, image, places, self._net(frame.camera, image, places))
        certainty = certainties(people, frame.camera.width_px, frame.camera.height_px)
        best = best_in_boxes(people, certainty, owners, boxes)
        sure = person_scores(certainty[best]) >= self._config.pose.person_score_threshold
        chosen, unsure = best[sure], best[~sure & worth_reading_again(certainty[best])]
        doubts = Doubts(people.chosen(unsure), boxes[owners[unsure]])
        at, more = self._confirmed(frame, image, doubts, ())
        seen = Regions.concatenated([people.chosen(chosen).next_regions, next_regions(doubts, at, more)])
        kept = self._followed.known(seen, followed)
        learned = self._followed.learned_of(seen, kept, followed, frame.stamp_ns)
        first, rest = np.split(np.arange(len(seen)), [len(chosen)])
        poses, of_first = self._posed(
            frame, image, people.chosen(chosen), tuple(given[i] for i in owners[chosen]), learned.chosen(first)
        )
        learned = LearnedDistances.concatenated([of_first, learned.chosen(rest)])
        self._followed.update(seen, kept, followed, frame.stamp_ns, frame.camera, learned)
        return (*poses, *more)

    def _doubts(
        self,
        frame: Frame,
        people: Landmarks,
        certainty: Array,
        kept: Indices,
        followed: Regions,
        poses: tuple[Pose, ...],
    ) -> tuple[Doubts, Indices]:
        """Where more people than those of the poses may be; of each the index among those who are followed, or more."""
        left = self._config.detector.max_people - len(kept)
        if left <= 0:
            return Doubts(Landmarks.none(), np.zeros((0, 4))), np.zeros(0, dtype=np.intp)
        unsure = doubtful(people, certainty, kept, min(left, _MOST_DOUBTFUL))
        lost = self._followed.lost(people.next_regions.chosen(np.append(kept, unsure)))
        places, chances = unread(self._finder.boxes, followed.chosen(lost), frame.camera, poses)
        boxes = np.concatenate([whole_boxes(frame, people.points_img_px[unsure]), places])
        owners = np.concatenate([unsure, lost, np.full(len(places) - len(lost), len(people))])
        return Doubts(people.chosen(unsure), boxes, chances), owners

    def _confirmed(
        self, frame: Frame, image: FrameImage, doubts: Doubts, poses: tuple[Pose, ...]
    ) -> tuple[list[int], list[Pose]]:
        """Where people are besides those of the poses by a second opinion, and these."""
        if self._second is None or not len(doubts.boxes_xyxy_px):
            return [], []
        others = self._second(frame, image, doubts)
        at = without_doubles(poses, others)[: max(self._config.detector.max_people - len(poses), 0)]
        return at, [pose for i in at if (pose := others[i]) is not None]

    def _places_in_boxes(self, frame: Frame, image: FrameImage, boxes: Array) -> tuple[Regions, Indices]:
        """Regions to read for boxes (N, 4), and the box of each: of wide boxes also what the region detector sees.

        People who bend, lie or sit are not upright in their box, and it does not say how they lie.
        """
        upright, owners = Regions.from_boxes(boxes), np.arange(len(boxes))
        wide = np.flatnonzero(boxes[:, 2] - boxes[:, 0] > _WIDE * (boxes[:, 3] - boxes[:, 1]))
        if self._region_detector is None or not len(wide):
            return upright, owners
        views = Regions.from_boxes(boxes[wide], _VIEW_SCALE)
        seen = self._region_detector(frame.camera, image, views, self._config.detector.score_threshold)
        if not len(seen):
            return upright, owners
        away = np.linalg.norm(views.centers_px[:, None] - seen.regions.centers_px, axis=-1) / views.sides_px[:, None]
        likely = seen.ranks * np.exp(-((away / _MIDDLE) ** 2))
        best = likely.argmax(axis=1)
        good = likely[np.arange(len(wide)), best] > _UNLIKELY
        return Regions.concatenated([upright, seen.regions.chosen(best[good])]), np.append(owners, wide[good])

    def _posed(
        self,
        frame: Frame,
        image: FrameImage,
        people: Landmarks,
        found: Array | tuple[Detection, ...],
        learned: LearnedDistances,
    ) -> tuple[tuple[Pose, ...], LearnedDistances]:
        """The poses, and what is known of the people's distances after this frame.

        found: the scores of the people, or the boxes that they were found in.
        """
        if not len(people):
            return (), learned
        lifted_m = None if self._lifter is None else self._lifter(people)
        placed = place(frame, people, lifted_m, self._calibration, self._config.root.similarity)
        learned = self._learned(frame, image, placed, learned)
        detections = (
            found
            if isinstance(found, tuple)
            else tuple(Detection(box, float(score)) for box, score in zip(placed.boxes_xyxy_px, found, strict=True))
        )
        return poses_of(frame, placed, learned, detections, self._config.pose), learned

    def _learned(
        self, frame: Frame, image: FrameImage, placed: PlacedPeople, learned: LearnedDistances
    ) -> LearnedDistances:
        """With what the other net says of all people of a single image, or of one of a video's who is due."""
        if self._second is None:
            return learned
        due = np.arange(len(learned.counts)) if frame.stamp_ns == STILL else learned.due(frame.stamp_ns)
        due = due[np.isfinite(placed.distances_m[due])]
        if not len(due):
            return learned
        distances_m, sigmas = self._second.distances(frame, image, placed.boxes_xyxy_px[due])
        return learned.with_readings(due, np.log(distances_m / placed.distances_m[due]), sigmas, frame.stamp_ns)
