"""People in annotated photographs, found by every set of engines and by MediaPipe's landmarker, in one run.

python benchmarks/real_people.py FOLDER [--engines auto embedded] [--video FILE --boxes GT.txt]

FOLDER/images holds photographs, FOLDER/gt.json their people: {"FILE": [{"box": [x, y, w, h], "joints": {"left_knee":
[x, y], …}, "kinds": ["bent", …]}, …], …}, in pixels whose centres are integers; box: the whole person as far as it is
in the image; joints: the known ones of shoulders, elbows, wrists, hips, knees and ankles; kinds may be left out, and
are then derived (people_scoring.py: kinds_of).

People who count have a box of at least 80 px in height. Found: the mean distance of the annotated joints is at most 0.2
of the box's larger side. Joints: the share of all annotated joints that lie within 0.1 of it; those of people who were
not found are wrong. Unmatched: skeletons without a counterpart; a few are people without annotation. Each photograph is
scored as it is, and darkened, over-exposed and of low contrast.

--video with --boxes (gt.txt of a MOT challenge sequence) adds recall and precision of the boxes at IoU 0.5.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from common import load, report
from peers.mediapipe_process import Peer, Setting, Skipped, box_of, limbs_px
from people_scoring import (
    ALL,
    KINDS,
    BoxTally,
    Joints,
    Tally,
    Truth,
    add_to,
    kinds_of,
    limbs_of,
    read_annotations,
    read_mot_boxes,
    score_image,
)

from pose3d_ros.errors import InputError, Pose3DError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import STILL, Frame, Person, TrackState
from pose3d_ros.types import Array, ImageArray

LANDMARKER = "MediaPipe's landmarker"
_STATIC, _VIDEO = "static", "video"
_PEER_PEOPLE = 10
_DEFAULT_RATE_HZ = 10.0


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found in an image: limb joints of every skeleton, boxes (N, 4), and its time."""

    people: Sequence[Joints]
    boxes_xyxy_px: Array
    ms: float


Method = Callable[[ImageArray, int], Found]
"""An image, and its time in a video in ns (STILL: it stands for itself) → what is in it."""


@dataclass
class Scores:
    """Of one method on one version of the photographs: sums by kind, and the time of each."""

    by_kind: dict[str, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})
    times_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Score and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="annotated photographs")
    parser.add_argument("--engines", nargs="+", default=["auto", "embedded"], help="sets of engines (%(default)s)")
    parser.add_argument("--hfov", type=float, default=55.0, help="of all images, degrees (%(default)s)")
    parser.add_argument("--as-taken", action="store_true", help="without darkened and other versions")
    parser.add_argument("--video", type=Path, help="video with boxes")
    parser.add_argument("--boxes", type=Path, help="its true boxes: gt.txt of a MOT challenge sequence")
    args = parser.parse_args()
    if args.folder is None and args.video is None:
        print("real_people: skipped, no folder of annotated photographs named (see --help)")
        return
    if (args.video is None) != (args.boxes is None):
        parser.error("--video and --boxes need each other")
    with ExitStack() as stack:
        methods, notes = open_methods(args.engines, args.hfov, stack)
        if args.folder is not None:
            changes = {"as taken": as_taken} if args.as_taken else CHANGES
            report_photographs(photographs(args.folder), changes, methods, notes)
        if args.video is not None:
            report_video(args.video, read_mot_boxes(args.boxes), methods, notes)


def open_methods(engines: Sequence[str], hfov_deg: float, stack: ExitStack) -> tuple[dict[str, Method], dict[str, str]]:
    """The pipelines and, where it can be had, the landmarker; and what they are."""
    methods: dict[str, Method] = {}
    notes: dict[str, str] = {}
    for name in engines:
        pipeline = stack.enter_context(open_pipeline(name))
        methods[name], notes[name] = of_pipeline(pipeline, hfov_deg), pipeline.engines.names
    try:
        settings = {mode: Setting("landmarker", mode, _PEER_PEOPLE) for mode in (_STATIC, _VIDEO)}
        peer = stack.enter_context(Peer(settings))
        methods[LANDMARKER] = of_peer(peer)
        notes[LANDMARKER] = f"{peer.version}, full model, up to {_PEER_PEOPLE} people"
    except Skipped as reason:
        notes[LANDMARKER] = f"not measured: {reason}"
    return methods, notes


def of_pipeline(pipeline: Pipeline, hfov_deg: float) -> Method:
    """People of a pipeline that are in the image, not only extrapolated."""

    def method(image_bgr: ImageArray, stamp_ns: int) -> Found:
        height_px, width_px = image_bgr.shape[:2]
        camera = Camera.from_hfov(hfov_deg, width_px, height_px)
        result = pipeline(Frame(image_bgr, camera, stamp_ns))
        people = [person for person in result.people if person.state in (TrackState.NEW, TrackState.TRACKED)]
        boxes = np.array([person.pose.detection.box_xyxy_px for person in people]).reshape(-1, 4)
        return Found([joints_of(person) for person in people], boxes, result.timings_ms["total"])

    return method


def joints_of(person: Person) -> dict[str, tuple[float, float]]:
    """The limb joints that have coordinates."""
    pose = person.pose
    known = np.isfinite(pose.joints_cam_m).all(axis=1, keepdims=True)
    return limbs_of(pose.skeleton.joints, np.where(known, pose.joints_img_px, np.nan))


def of_peer(peer: Peer) -> Method:
    """People of the landmarker."""

    def method(image_bgr: ImageArray, stamp_ns: int) -> Found:
        mode = _STATIC if stamp_ns == STILL else _VIDEO
        answer = peer(mode, image_bgr, 0 if stamp_ns == STILL else stamp_ns // 1_000_000)
        boxes = np.array([box_of(person) for person in answer.landmarks_px]).reshape(-1, 4)
        return Found([limbs_px(person) for person in answer.landmarks_px], boxes, answer.ms)

    return method


def photographs(folder: Path) -> list[tuple[ImageArray, tuple[Truth, ...]]]:
    """The annotated images. Raises InputError."""
    return [(read_image(folder / "images" / name), people) for name, people in read_annotations(folder).items()]


def read_image(path: Path) -> ImageArray:
    """An image. Raises InputError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        fix = "Put the annotated photographs into FOLDER/images."
        raise InputError(f"image {path}", expected="an image that OpenCV can decode", got="none", fix=fix)
    return np.asarray(image, dtype=np.uint8)


def as_taken(image_bgr: ImageArray) -> ImageArray:
    """The image itself."""
    return image_bgr


def darkened(image_bgr: ImageArray) -> ImageArray:
    """As with a sixteenth of the light and a gamma of 2.2: 0.28 of each value, which leaves 72 levels."""
    return encoded(image_bgr / 255.0 * 16.0 ** (-1 / 2.2))


def over_exposed(image_bgr: ImageArray) -> ImageArray:
    """As with four times the light: 1.88 of each value, cut off at white."""
    return encoded(image_bgr / 255.0 * 4.0 ** (1 / 2.2))


def low_contrast(image_bgr: ImageArray) -> ImageArray:
    """As through haze: a quarter of the contrast around a light gray."""
    return encoded(0.25 * image_bgr / 255.0 + 0.5)


def encoded(image: npt.NDArray[np.floating]) -> ImageArray:
    """Values of 0 to 1 as bytes."""
    return np.asarray(np.clip(np.rint(image * 255.0), 0, 255), dtype=np.uint8)


CHANGES: dict[str, Callable[[ImageArray], ImageArray]] = {
    "as taken": as_taken,
    "darkened": darkened,
    "over-exposed": over_exposed,
    "low contrast": low_contrast,
}


def report_photographs(
    images: Sequence[tuple[ImageArray, tuple[Truth, ...]]],
    changes: Mapping[str, Callable[[ImageArray], ImageArray]],
    methods: Mapping[str, Method],
    notes: Mapping[str, str],
) -> None:
    """Score every version of the photographs by every method, in turn, and report."""
    rows: list[dict[str, object]] = []
    before = load()
    for version, change in changes.items():
        scores = {name: Scores() for name in methods}
        for image_bgr, truths in images:
            changed = change(image_bgr)
            for name, method in methods.items():
                score_photograph(scores[name], truths, image_bgr, method(changed, STILL))
        rows += photograph_rows(version, scores)
    report("real_people", rows, {"photographs": len(images), **notes, "load before and after": f"{before}, {load()}"})


def score_photograph(scores: Scores, truths: Sequence[Truth], image_bgr: ImageArray, found: Found) -> None:
    """Add a photograph to the scores of a method. image_bgr: as taken, for the people's kinds."""
    scored = score_image(truths, found.people)
    for truth, person in scored.people:
        for kind in kinds_of(truth, truths, image_bgr):
            add_to(scores.by_kind.setdefault(kind, Tally()), truth, person)
    scores.by_kind[ALL].unmatched += scored.unmatched
    scores.by_kind[ALL].doubles += scored.doubles
    scores.times_ms.append(found.ms)


def photograph_rows(version: str, scores: Mapping[str, Scores]) -> Iterator[dict[str, object]]:
    """A line a kind of people and method; only the line of all people has what is not of one kind."""
    kinds = list(dict.fromkeys(kind for of_method in scores.values() for kind in of_method.by_kind))
    for kind in kinds:
        for name, of_method in scores.items():
            tally, whole = of_method.by_kind.get(kind, Tally()), kind == ALL
            if tally.people:
                yield {
                    "photographs": version,
                    "people": kind,
                    "method": name,
                    "number": tally.people,
                    "found": tally.found,
                    "joints": tally.joint_share,
                    "unmatched": tally.unmatched if whole else None,
                    "of them doubles": tally.doubles if whole else None,
                    "median ms": round(statistics.median(of_method.times_ms), 1) if whole else None,
                }


def report_video(
    video: Path, truths: Mapping[int, Array], methods: Mapping[str, Method], notes: Mapping[str, str]
) -> None:
    """Score every frame's boxes by every method, in turn, and report."""
    tallies = {name: BoxTally() for name in methods}
    times_ms: dict[str, list[float]] = {name: [] for name in methods}
    before, frames = load(), 0
    for frames, (image_bgr, stamp_ns) in enumerate(frames_of(video), start=1):
        for name, method in methods.items():
            found = method(image_bgr, stamp_ns)
            tallies[name].add(truths.get(frames, np.empty((0, 4))), found.boxes_xyxy_px)
            times_ms[name].append(found.ms)
    rows = [
        {
            "method": name,
            "recall": tally.recall,
            "precision": tally.precision,
            "true boxes": tally.truths,
            "found boxes": tally.boxes,
            "median ms": round(statistics.median(times_ms[name]), 1),
        }
        for name, tally in tallies.items()
    ]
    about = {"video": f"{video.name}, {frames} frames", "load before and after": f"{before}, {load()}"}
    report("real_people_video", rows, {**about, **notes})


def frames_of(video: Path) -> Iterator[tuple[ImageArray, int]]:
    """The images of a video with their times, ns. Raises InputError."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise InputError(f"video {video}", expected="one that OpenCV can open", got="none", fix="Check the path.")
    rate_hz, number = capture.get(cv2.CAP_PROP_FPS) or _DEFAULT_RATE_HZ, 0
    while True:
        there, image = capture.read()
        if not there:
            break
        number += 1
        yield np.asarray(image, dtype=np.uint8), round(number * 1e9 / rate_hz)
    capture.release()


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"real_people: {error}")
