"""Finds people who are not followed yet, with two detectors that complement each other.

The embedded detector reads the whole image and finds small upright people; MediaPipe's finds people of any pose who
fill a view, and says how large they are and how they lie. Thresholds are low: the landmark net has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions, region_distances
from pose3d_ros.records import STILL, Frame
from pose3d_ros.stages.association import assign
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.detect.region_detector import RegionDetector
from pose3d_ros.stages.detect.scan_plan import ScanPlan, closer_looks, tiles, unfilled, whole_view
from pose3d_ros.stages.proposals import Mask, Proposals, far_from, merged
from pose3d_ros.types import Array

_REGION_SCORE = 0.3
"""MediaPipe's own 0.5 loses people; below, tiles propose five places more an image where no person is."""
_VIDEO_SCORE = 0.5
"""In a video what is not sure in this frame is in another."""
_HINT = 0.05
"""Score from which on a place that is not proposed gets a closer look."""
_SURE = 0.5
_ALIKE = 0.3
"""Distance of regions from several views, or of a region and a box, that are of one person."""
_FOLLOWED = 0.6
"""Distance of a proposal from a person who is followed, up to which the nearest one is that person."""
_MAX_GAP_S = 0.5
_SEARCH_S = 0.2
"""How long more is looked at after a person was lost."""
_DENIED_S, _DENIED = 1.0, 0.35
"""How long, and how near, a place is not proposed again where no person was."""
_MOST_NEW = 4
"""Proposals of a video's frame: the rest come with the next."""


class PeopleFinder:
    """Works with either of the roles detector and region_detector. `config` may be replaced between frames.

    An image that is independent, and the first of a video, is searched at once: the whole by both detectors, then
    tiles, and closer looks at places where one of them suspects a person. Later frames of a video look at what is due.
    Raises EngineError when neither role has a model, or an engine can't be opened or does not fit its decoder.
    """

    def __init__(self, engines: EngineSet, config: DetectorConfig | None = None) -> None:
        self.config = config or DetectorConfig()
        has_regions = engines.manifest.has_role("region_detector")
        self._regions = RegionDetector(engines.for_role("region_detector")) if has_regions else None
        # Called where it is needed, and not through a method: a frame passes few calls.
        self._look: Callable[[Camera, FrameImage, Regions, float], Proposals] = self._regions or _sees_nobody
        has_boxes = engines.manifest.has_role("detector") or not has_regions
        self._boxes = Detector(engines.for_role("detector")) if has_boxes else None
        self._plan, self._stamp_ns = ScanPlan(), STILL
        self._given, self._followed, self._search_s = Regions.empty(), 0, 0.0
        self._denied = Regions.empty()
        self._denied_s: Array = np.zeros(0)
        self.boxes = Proposals.none()
        """Of the last frame, as far as the embedded detector read it: followed people's too, best score first."""

    def __call__(self, frame: Frame, image: FrameImage, followed: Regions) -> Proposals:
        """Where people may be who are not followed, best score first.

        followed: where those are who are followed, in this frame. Raises EngineError.
        """
        elapsed_s = (frame.stamp_ns - self._stamp_ns) * 1e-9
        begins = STILL in (frame.stamp_ns, self._stamp_ns) or not 0 <= elapsed_s <= _MAX_GAP_S
        self._stamp_ns, self.boxes = frame.stamp_ns, Proposals.none()
        if begins:
            self._forget()
            found = self._search(frame, image, followed)
        else:
            self._notice(followed, elapsed_s)
            found = self._turn(frame, image, followed, elapsed_s)
        self._given, self._followed = found.regions, len(followed)
        if not len(found):
            return found
        found = found.chosen(_not_followed(found, followed))
        if not begins:
            found = found.chosen(found.far_from(self._denied, _DENIED))
            self.boxes = self.boxes.chosen(self.boxes.far_from(self._denied, _DENIED))
        found = found.chosen(np.argsort(-found.scores, kind="stable")[: self._limit(found, len(followed), begins)])
        self._given = Regions.concatenated([found.regions, self.boxes.regions])
        return found

    def reset(self) -> None:
        """Forget the frames so far."""
        self._stamp_ns = STILL
        self._forget()

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: tuple[int, ...]) -> None:
        """Run both detectors, MediaPipe's on so many views. Raises EngineError."""
        view = whole_view(frame.camera.width_px, frame.camera.height_px)
        if self._boxes is not None:
            self._boxes(frame, image)
        for count in batch_sizes if self._regions is not None else ():
            self._look(frame.camera, image, Regions.concatenated([view] * count), _SURE)

    def _forget(self) -> None:
        self._plan.reset()
        self._given, self._followed, self._search_s = Regions.empty(), 0, 0.0
        self._denied, self._denied_s = Regions.empty(), np.zeros(0)

    def _notice(self, followed: Regions, elapsed_s: float) -> None:
        """Who of the last frame's people is lost, and which of its proposals held no person."""
        self._search_s = _SEARCH_S if len(followed) < self._followed else max(self._search_s - elapsed_s, 0.0)
        if not len(self._given) and not len(self._denied):
            return
        nobody = far_from(self._given, followed, _FOLLOWED)
        ages = self._denied_s + elapsed_s
        kept = ages < _DENIED_S
        self._denied = Regions.concatenated([self._denied.chosen(kept), self._given.chosen(nobody)])
        self._denied_s = np.append(ages[kept], np.zeros(int(nobody.sum())))

    def _turn(self, frame: Frame, image: FrameImage, followed: Regions, elapsed_s: float) -> Proposals:
        """What a video's frame shows where it is due to look."""
        if len(followed) >= self.config.max_people:
            return Proposals.none()
        searching = not len(followed) or self._search_s > 0
        size_px = frame.camera.width_px, frame.camera.height_px
        interval_s = self.config.interval_s
        looks = self._plan.turn(*size_px, elapsed_s, followed, searching=searching, interval_s=interval_s)
        if not looks.boxes and not len(looks.views):
            return Proposals.none()
        detector = self._box_detector(self.config.score_threshold) if looks.boxes else None
        boxes = Proposals.none() if detector is None else Proposals.of_detections(detector(frame, image))
        return self._joined(self._look(frame.camera, image, looks.views, _VIDEO_SCORE), boxes)

    def _search(self, frame: Frame, image: FrameImage, followed: Regions) -> Proposals:
        """All that both detectors find in an image, or as many sure people as are wanted."""
        size_px = frame.camera.width_px, frame.camera.height_px
        wanted = self.config.max_people - len(followed)
        seen = self._look(frame.camera, image, whole_view(*size_px), _HINT)
        found = self._joined(seen, Proposals.none())
        if (found.scores >= _SURE).sum() >= wanted:
            return found
        detector = self._box_detector(_HINT)
        boxes = Proposals.none() if detector is None else Proposals.of_detections(detector(frame, image))
        found = self._joined(seen, boxes)
        sure = found.chosen(found.scores >= _SURE).regions
        if self._regions is None or len(sure) >= wanted:
            return found
        hints = merged(Proposals.concatenated([seen.chosen(seen.scores < _REGION_SCORE), boxes]), _ALIKE)
        close = closer_looks(hints.chosen(hints.far_from(found.chosen(found.measured).regions, _ALIKE)))
        all_tiles = tiles(*size_px)
        left = all_tiles.chosen(unfilled(all_tiles, *size_px, Regions.concatenated([sure, followed])))
        more = self._look(frame.camera, image, Regions.concatenated([close, left]), _REGION_SCORE)
        return self._joined(Proposals.concatenated([seen, more]), boxes)

    def _box_detector(self, threshold: float) -> Detector | None:
        """The detector of boxes from that score on."""
        if self._boxes is not None:
            least = min(threshold, self.config.score_threshold)
            self._boxes.config = replace(self.config, score_threshold=least, max_people=2 * self.config.max_people)
        return self._boxes

    def _joined(self, seen: Proposals, boxes: Proposals) -> Proposals:
        """One proposal a person: the best region, or a box where there is none. Who has both is surer."""
        people = merged(seen.chosen(seen.scores >= _REGION_SCORE), _ALIKE)
        self.boxes = boxes = boxes.chosen(boxes.scores >= self.config.score_threshold)
        near = region_distances(people.regions, boxes.regions) < _ALIKE
        doubt = np.where(near, 1.0 - boxes.scores, 1.0).min(axis=1, initial=1.0)
        surer = replace(people, scores=1.0 - (1.0 - people.scores) * doubt)
        return Proposals.concatenated([surer, boxes.chosen(far_from(boxes.regions, people.regions, _ALIKE))])

    def _limit(self, found: Proposals, followed: int, begins: bool) -> int:
        """How many proposals are worth a reading: more than the wanted people only where too few of them are sure."""
        wanted = max(self.config.max_people - followed, 0)
        most = 2 * wanted if (found.scores >= _SURE).sum() < wanted else wanted
        return most if begins else min(most, _MOST_NEW)


def _sees_nobody(camera: Camera, image: FrameImage, views: Regions, threshold: float) -> Proposals:
    """Without a region detector."""
    return Proposals.none()


def _not_followed(found: Proposals, followed: Regions) -> Mask:
    """(N,), which proposals are of none of the people who are followed: each of those explains the one nearest to it.

    Two people who cross are nearer to each other than the place where one is expected is to where that one is.
    """
    distances = region_distances(followed, found.regions)
    left = np.asarray((distances >= _ALIKE).all(axis=0), dtype=np.bool_)
    left[[column for _, column in assign(distances, _FOLLOWED)]] = False
    return left
