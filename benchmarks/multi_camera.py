"""What several cameras know of people beside each one of them: recall, root and joint errors, identities.

    python tools/make_multi_camera_bag.py --assets assets --output out/two_cameras.mcap
    python benchmarks/multi_camera.py out/two_cameras.mcap

The bag has a namespace for each camera, with images, camera_info and ground truth, and all cameras in /tf_static. The
pipeline runs on every camera's images; then each camera alone, and all of them fused as `fusion_node` does it, are
scored in the common frame against everyone who is at least 30% visible to any camera. A person counts as found within
1 m. Root error is MRPE, absolute joint error MPJPE without alignment, relative that with the roots on each other.
"""

from __future__ import annotations

import argparse
import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import report

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.bags.transforms import TransformTree, read_transforms
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.metrics.identity import IdentityFrame, has_trackeval, score_identities
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.metrics.pose_metrics import aligned_errors_mm, joint_errors_mm
from pose3d_ros.evaluation.recording.prediction import open_predictor
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames, RecordingChoice
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.association import assign
from pose3d_ros.stages.multiview.camera_fusion import CameraFusion
from pose3d_ros.stages.multiview.camera_view import CameraView
from pose3d_ros.stages.multiview.frame_sets import FrameSets
from pose3d_ros.types import Array

_TRUTH = "/ground_truth/people"
_FARTHEST_M = 1.0
_GAP_NS = 150_000_000
"""Longest time between two images over which ground truth is interpolated."""
_WINDOW_S, _WAIT_S = 0.2, 0.1


@dataclass(frozen=True, eq=False)
class Placed:
    """A person in the common frame. visible: of ground truth, the share of the silhouette that an image shows.

    triangulated: whether the person is from several cameras.
    """

    track_id: int
    root_m: Array
    joints_m: Array
    visible: float = 1.0
    triangulated: bool = False


Scene = dict[int, list[Placed]]
"""Stamp, nanoseconds → people."""


@dataclass(frozen=True, eq=False)
class Found:
    """What one camera, or all, made of a recording."""

    name: str
    people: Scene


def cameras_of(bag: BagReader) -> list[str]:
    """The namespaces of the cameras, those with ground truth."""
    names = [name.removesuffix(_TRUTH) for name in bag.topics_of((PEOPLE_TYPE,), f"*{_TRUTH}")]
    if not all(names) or not names:
        raise BagError(
            f"bag {bag.path}",
            expected=f"topics /CAMERA{_TRUTH}",
            got=", ".join(bag.topics),
            fix="Make one with tools/make_multi_camera_bag.py.",
        )
    return names


def views_of(
    path: Path, camera: str, tree: TransformTree, common: str, config: PipelineConfig
) -> tuple[list[CameraView], Skeleton]:
    """What the pipeline finds in each image of a camera."""
    frames = RecordedFrames(path, config.scene, RecordingChoice(f"{camera}/image_raw", f"{camera}/camera_info"))
    views = []
    with open_predictor(config, smooth=False) as predictor:
        for frame in frames:
            if isinstance(frame, UnusableImage):
                continue
            cam2common = tree.lookup(common, frame.frame_id, frame.stamp_ns)
            if cam2common is None:
                raise BagError(f"bag {path}", expected=f"{frame.frame_id} in {common}", got="none", fix="Record /tf.")
            people = predictor(frame).people
            views.append(CameraView(camera, frame.camera, cam2common, frame.stamp_ns, people))
        return views, predictor.skeleton


class Truth:
    """Everyone whom a camera sees, each over time, in the common frame."""

    def __init__(self) -> None:
        self._people: dict[int, dict[int, Placed]] = {}

    def add(self, stamp_ns: int, person: Placed) -> None:
        """Of a person in several images of one time, that in which most of them is visible counts."""
        known = self._people.setdefault(person.track_id, {}).get(stamp_ns)
        if known is None or known.visible < person.visible:
            self._people[person.track_id][stamp_ns] = person

    def at(self, stamp_ns: int) -> list[Placed]:
        """Who is there at a time, between two images interpolated."""
        found = [_interpolated(images, stamp_ns) for images in self._people.values()]
        return [person for person in found if person is not None]


def _interpolated(images: Mapping[int, Placed], stamp_ns: int) -> Placed | None:
    if stamp_ns in images:
        return images[stamp_ns]
    stamps = sorted(images)
    after = bisect.bisect(stamps, stamp_ns)
    if not 0 < after < len(stamps) or stamps[after] - stamps[after - 1] > _GAP_NS:
        return None
    one, other = images[stamps[after - 1]], images[stamps[after]]
    share = (stamp_ns - stamps[after - 1]) / (stamps[after] - stamps[after - 1])
    root_m = one.root_m + share * (other.root_m - one.root_m)
    joints_m = one.joints_m + share * (other.joints_m - one.joints_m)
    return Placed(one.track_id, root_m, joints_m, max(one.visible, other.visible))


def truth_of(path: Path, cameras: Sequence[str], tree: TransformTree, common: str, skeleton: Skeleton) -> Truth:
    """The ground truth of all cameras."""
    truth = Truth()
    for camera in cameras:
        with BagReader(path) as bag:
            for message in bag.people(f"{camera}{_TRUTH}"):
                cam2common = tree.lookup(common, message.frame_id, message.stamp_ns)
                for person in message.people:
                    truth.add(message.stamp_ns, placed_person(person.converted(skeleton), cam2common, person.score))
    return truth


def placed_person(person: Person, cam2common: RigidTransform | None = None, visible: float = 1.0) -> Placed:
    """A person of a camera's, or of the common frame."""
    root_m, joints_m = person.pose.root_cam_m, person.pose.joints_cam_m
    if cam2common is not None:
        root_m, joints_m = cam2common.apply(root_m), cam2common.apply(joints_m)
    return Placed(person.track_id, root_m, joints_m, visible, "triangulated" in person.pose.root_solvers)


def alone(name: str, views: Iterable[CameraView]) -> Found:
    """One camera's people in the common frame."""
    return Found(name, {v.stamp_ns: [placed_person(p, v.cam2common) for p in detected(v.people)] for v in views})


def fused(views: Iterable[CameraView], skeleton: Skeleton) -> Found:
    """All cameras' people, in the order in which they would come."""
    sets, fusion, scene = FrameSets(_WINDOW_S, _WAIT_S), CameraFusion(), Scene()
    for view in sorted(views, key=lambda view: (view.stamp_ns, view.camera_name)):
        for complete in sets.add(view, view.stamp_ns * 1e-9):
            people = fusion.update(complete.views, complete.time_ns, skeleton).people
            scene[complete.time_ns] = [placed_person(person) for person in detected(people)]
    return Found("fused", scene)


def score(found: Found, truth: Truth) -> dict[str, object]:
    """A row of the table."""
    frames, pairs, hits, counted, wrong = [], [], 0, 0, 0
    for stamp, people in sorted(found.people.items()):
        there = truth.at(stamp)
        apart = np.array([[np.linalg.norm(p.root_m - t.root_m) for p in people] for t in there])
        apart = apart.reshape(len(there), len(people))
        matched = assign(apart, _FARTHEST_M)
        counts = [person.visible >= MIN_VISIBLE for person in there]
        counted += sum(counts)
        hits += sum(counts[row] for row, _ in matched)
        wrong += len(people) - len(matched)
        pairs += [(people[column], there[row]) for row, column in matched if counts[row]]
        spare = {column for row, column in matched if not counts[row]}
        rows = np.flatnonzero(counts)
        columns = np.array([at for at in range(len(people)) if at not in spare], dtype=int)
        similarity = np.clip(1.0 - 0.5 * apart[np.ix_(rows, columns)] / _FARTHEST_M, 0.0, 1.0)
        ids = tuple(there[at].track_id for at in rows), tuple(people[at].track_id for at in columns)
        frames.append(IdentityFrame(*ids, similarity))
    return {"people from": found.name, **_recall(hits, counted, wrong), **_errors(pairs), **_identities(frames)}


def _recall(hits: int, counted: int, wrong: int) -> dict[str, object]:
    return {"recall": f"{hits / max(counted, 1):.1%}", "false positives": wrong}


def _errors(pairs: Sequence[tuple[Placed, Placed]]) -> Mapping[str, object]:
    roots = np.array([np.linalg.norm(p.root_m - t.root_m) for p, t in pairs]) * 1e3
    joints, true = (np.array([person.joints_m for person in side]) for side in zip(*pairs, strict=True))
    relative = (
        joints - np.array([p.root_m for p, _ in pairs])[:, None],
        true - np.array([t.root_m for _, t in pairs])[:, None],
    )
    of_several = roots[[person.triangulated for person, _ in pairs]]
    return {
        "MRPE": round(float(roots.mean())),
        "seen by several": round(float(of_several.mean())) if of_several.size else "-",
        "root median": round(float(np.median(roots))),
        "root 95%": round(float(np.percentile(roots, 95))),
        "abs. MPJPE": round(float(np.nanmean(joint_errors_mm(joints, true)))),
        "MPJPE": round(float(np.nanmean(joint_errors_mm(*relative)))),
        "PA-MPJPE": round(float(np.nanmean(aligned_errors_mm(*relative)))),
    }


def _roots(people: Iterable[Placed]) -> Array:
    return np.array([person.root_m for person in people])[:, None]


def _identities(frames: Sequence[IdentityFrame]) -> dict[str, object]:
    if not has_trackeval():
        return {"IDF1": "-", "id switches": "-"}
    scores = score_identities(frames)
    return {"IDF1": f"{scores.idf1:.1%}", "id switches": scores.id_switches}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bags", nargs="+", type=Path, help="recordings of several cameras")
    parser.add_argument("--frame", default="map", help="the common frame")
    parser.add_argument("--engines", default="auto", help="the models: auto, embedded, mediapipe-full …")
    parser.add_argument("--floor", action="store_true", help="the plane z = 0 of the common frame is the floor")
    a = parser.parse_args()
    values = {"engines": a.engines, "floor_frame": a.frame if a.floor else ""}
    config = PipelineConfig.from_parameters(values)
    rows: list[dict[str, object]] = []
    for path in a.bags:
        with BagReader(path) as bag:
            cameras, tree = cameras_of(bag), read_transforms(bag)
        views, skeleton = {}, None
        for camera in cameras:
            views[camera], skeleton = views_of(path, camera, tree, a.frame, config)
        assert skeleton is not None  # there is at least one camera
        truth = truth_of(path, cameras, tree, a.frame, skeleton)
        found = [alone(camera, views[camera]) for camera in cameras]
        found.append(fused([view for camera in cameras for view in views[camera]], skeleton))
        rows += [{"recording": path.stem, **score(one, truth)} for one in found]
    report("multi_camera", rows, {"errors": "millimetres", "engines": a.engines, "floor known": a.floor})


if __name__ == "__main__":
    main()
