"""People as lines of JSON, one a frame (people.jsonl; see docs/start.md): written, and read back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.bags.message_records import TrackIds, check_ids
from pose3d_ros.errors import InputError, Pose3DError, shown
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.documents import fields_of, parse_json
from pose3d_ros.reading.files import Origin, open_file
from pose3d_ros.reading.numbers import is_number, is_whole
from pose3d_ros.records import Detection, Frame, Person, Pose, TrackState, root_solvers_of
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import Array

SUFFIXES = (".jsonl", ".ndjson")
_MOST_LINE_BYTES = 8 << 20
_FARTHEST = 1e6
_FIX = "Write it with `pose3d predict` or `pose3d run`; docs/start.md has the form."


@dataclass(frozen=True, eq=False)
class PeopleLine:
    """A frame as it is read back. people: None for a frame that could not be used, whose error says why.

    name: of the image's file, or the frame's number. smoothed: None without them. camera: of the undistorted image.
    """

    name: str | int
    stamp_ns: int
    camera: Camera | None
    skeleton: Skeleton | None
    model: str
    people: tuple[Person, ...] | None
    smoothed: tuple[Person, ...] | None = None
    error: str = ""


def frame_line(
    name: str | int,
    frame: Frame,
    skeleton: Skeleton,
    people: Sequence[Person],
    *,
    calibrated: bool,
    smoothed: Sequence[Person] | None = None,
    model: str = "",
) -> str:
    """A frame as one line of JSON: metres in the camera's optical frame, pixels of the image.

    calibrated: whether the camera is from a calibration. smoothed: the same people after the smoother, if they are told
    apart. A lost joint is left out of `joints`; a joint without image coordinates has no `uv`. LOST people are left
    out.
    """
    line = {
        "frame": _utf8(name),
        "stamp_ns": frame.stamp_ns,
        "width": frame.camera.width_px,
        "height": frame.camera.height_px,
        "camera": {name: round(float(getattr(frame.camera, f"{name}_px")), 4) for name in ("fx", "fy", "cx", "cy")},
        "calibrated": calibrated,
        "skeleton": skeleton.name,
        **({"model": model} if model else {}),
        "people": _present(people),
        **({} if smoothed is None else {"people_smoothed": _present(smoothed)}),
    }
    return json.dumps(line, separators=(",", ":"), allow_nan=False)


def error_line(name: str | int, stamp_ns: int, error: Exception) -> str:
    """The line of a frame that could not be processed."""
    line = {"frame": _utf8(name), "stamp_ns": stamp_ns, "error": str(error)}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _utf8(name: str | int) -> str | int:
    """A file's name as JSON can hold it: escapes in place of bytes that are not UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace") if isinstance(name, str) else name


def _present(people: Sequence[Person]) -> list[dict[str, object]]:
    return [_person(person) for person in people if person.state != TrackState.LOST]


def _person(person: Person) -> dict[str, object]:
    pose = person.pose
    x0, y0, x1, y1 = (float(v) for v in pose.detection.box_xyxy_px)
    joints = zip(pose.skeleton.joints, pose.joints_cam_m, pose.joints_img_px, pose.scores, strict=True)
    return {
        "id": person.track_id,
        "state": person.state.name,
        "score": round(float(person.score), 4),
        "box": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "root": _rounded(pose.root_cam_m, 4),
        **({"root_sigma": round(pose.root_sigma_m, 4)} if np.isfinite(pose.root_sigma_m) else {}),
        **({"root_solvers": list(solvers)} if (solvers := root_solvers_of(person)) else {}),
        "joints": {name: _joint(xyz, uv, float(score)) for name, xyz, uv, score in joints if np.isfinite(xyz).all()},
    }


def _joint(xyz_cam_m: Array, uv_px: Array, score: float) -> dict[str, object]:
    image = {"uv": _rounded(uv_px, 2)} if np.isfinite(uv_px).all() else {}
    return {"xyz": _rounded(xyz_cam_m, 4), **image, "score": round(score, 4)}


def _rounded(values: Array, digits: int) -> list[float]:
    return [round(float(v), digits) for v in values]


def read_people_lines(path: Path) -> Iterator[PeopleLine]:
    """The frames of a file of people. Raises InputError, with the line's number, for a line that is none."""
    number_of = TrackIds()
    with open_file(path, Origin(InputError, f"people {path}", "Check the path.")) as file:
        number = 0
        while line := file.readline(_MOST_LINE_BYTES + 1):
            number += 1
            origin = Origin(InputError, f"people {path}, line {number}", _FIX)
            if len(line) > _MOST_LINE_BYTES:
                raise origin.error(f"up to {_MOST_LINE_BYTES >> 20} MiB", "a longer line")
            if text := line.strip():
                yield _read_line(text, origin, number_of)


def _read_line(line: bytes, origin: Origin, number_of: TrackIds) -> PeopleLine:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise origin.error("UTF-8", f"other bytes from byte {error.start} on") from error
    fields = fields_of(parse_json(text, origin), origin)
    name, stamp = fields.get("frame"), fields.get("stamp_ns", 0)
    if not isinstance(name, (str, int)) or not is_whole(stamp, least=-1):
        raise origin.error("`frame`, a name or a number, and `stamp_ns`, an integer", shown([name, stamp]))
    if "error" in fields:
        return PeopleLine(name, stamp, None, None, "", None, None, str(fields["error"]))
    try:
        skeleton = get_skeleton(str(fields.get("skeleton")))
    except Pose3DError as error:
        raise origin.error(error.expected, error.got, ": skeleton") from error
    reader = _PersonReader(origin, skeleton, number_of)
    smoothed = reader.people(fields["people_smoothed"]) if "people_smoothed" in fields else None
    people = reader.people(fields.get("people"))
    return PeopleLine(name, stamp, _camera(fields, origin), skeleton, str(fields.get("model", "")), people, smoothed)


def _camera(fields: Mapping[str, object], origin: Origin) -> Camera | None:
    if "camera" not in fields:
        return None
    given = fields_of(fields["camera"], origin, ": camera")
    size = [fields.get(name) for name in ("width", "height")]
    values = [*size, *(given.get(name) for name in ("fx", "fy", "cx", "cy"))]
    if not all(map(is_number, values)) or not all(isinstance(one, int) for one in size):
        raise origin.error("width, height and camera's fx, fy, cx, cy", shown(values))
    width, height, fx, fy, cx, cy = (value for value in values if is_number(value))
    K_px = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=np.float64)
    try:
        return Camera(K_px, int(width), int(height))
    except Pose3DError as error:
        raise origin.error(error.expected, error.got, f": {error.subject}") from error


@dataclass(frozen=True)
class _PersonReader:
    """People of one line, all of one skeleton."""

    origin: Origin
    skeleton: Skeleton
    number_of: TrackIds

    def people(self, rows: object) -> tuple[Person, ...]:
        if not isinstance(rows, list):
            raise self.origin.error("a list of people", shown(rows), ": people")
        people = tuple(self._person(fields_of(row, self.origin, f": person {at}"), at) for at, row in enumerate(rows))
        check_ids(people, self.origin.subject)
        return people

    def _person(self, row: Mapping[str, object], at: int) -> Person:
        where = f": person {at}"
        name, state = row.get("id"), row.get("state", TrackState.TRACKED.name)
        if not isinstance(name, (str, int)) or state not in TrackState.__members__:
            expected = f"an id, and a state of {', '.join(TrackState.__members__)}"
            raise self.origin.error(expected, shown([name, state]), where)
        score = self._numbers(row.get("score", 1.0), 1, f"{where}, score")[0]
        box = self._numbers(row.get("box"), 4, f"{where}, box")
        box[2:] += box[:2]
        joints, joints_px, scores = self._joints(row.get("joints", {}), where)
        root = self._numbers(row.get("root"), 3, f"{where}, root")
        sigma = math.nan
        if "root_sigma" in row:
            sigma = float(self._numbers(row["root_sigma"], 1, f"{where}, root_sigma")[0])
        solvers = row.get("root_solvers", [])
        names = tuple(map(str, solvers)) if isinstance(solvers, list) else ()
        detection = Detection(box, float(score))
        pose = Pose(root, joints, joints_px, scores, self.skeleton, detection, sigma, root_solvers=names)
        return Person(self.number_of(str(name)), TrackState[str(state)], pose, np.zeros(3), float(score))

    def _joints(self, rows: object, where: str) -> tuple[Array, Array, Array]:
        count = len(self.skeleton)
        xyz, uv, scores = np.full((count, 3), np.nan), np.full((count, 2), np.nan), np.zeros(count)
        for name, row in fields_of(rows, self.origin, f"{where}, joints").items():
            place = f"{where}, joint {shown(name)}"
            index = self.skeleton.index_of.get(name)
            if index is None:
                raise self.origin.error(f"a joint of {self.skeleton.name}", shown(name), where)
            fields = fields_of(row, self.origin, place)
            xyz[index] = self._numbers(fields.get("xyz"), 3, f"{place}, xyz")
            if "uv" in fields:
                uv[index] = self._numbers(fields["uv"], 2, f"{place}, uv")
            scores[index] = self._numbers(fields.get("score", 1.0), 1, f"{place}, score")[0]
        return xyz, uv, scores

    def _numbers(self, value: object, count: int, where: str) -> Array:
        values = value if isinstance(value, list) else [value]
        if len(values) != count or not all(is_number(one) and abs(one) <= _FARTHEST for one in values):
            expected = f"{count} numbers up to {_FARTHEST:g}" if count > 1 else f"a number up to {_FARTHEST:g}"
            raise self.origin.error(expected, shown(value), where)
        return np.array(values, dtype=np.float64)
