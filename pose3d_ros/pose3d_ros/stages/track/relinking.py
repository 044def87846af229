"""Which is which after people hid each other: identities are linked again to the people who come out of it.

While two people overlap in the image, a frame says little of which is which. So what was known of each before (its
anchor: place, velocity) is kept as it was and moves on by itself, and the frame by frame association goes on for the
time being. When they are apart again for a few frames, identities and people are matched anew, by place, velocity and
clothes at once; so are people who seem new with those who are out of sight. This is the linking of tracklets (Huang
2008, Robust Object Tracking by Hierarchical Association of Detection Responses), each time over one encounter, online.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.stages.appearance import color_cost
from pose3d_ros.stages.association import Pairs, assign
from pose3d_ros.stages.track.track import HELD, Track, Whereabouts, predicted_in_image
from pose3d_ros.types import Array

CLEAN_FRAMES = 3
"""After that many frames apart from others it shows which is which."""
_WAITED_FRAMES = 5
"""After that many an exchange is put right, whatever the others do."""
_SETTLED_FRAMES = 15
"""After that many an encounter is over, though someone out of sight may still be near."""
_NEAR_IOU = 0.15
"""Boxes of people who may be mistaken for each other."""
_NEW = 22.0
"""Cost from which on a person is rather a new one: a person in sight is on average less than 10 from the own identity
and more than 25 from another one's."""
_SPLIT = 6.0
"""More than that beyond it, and a person does not keep their identity."""
_KEEP = 4.0
_ENTERED = 8.0
"""People who were first seen at the image's border are more often new than others."""
_CLOTHES = 2.0
_UNKNOWN_CLOTHES = 5.0
_FREEDOM = 6.0
"""Degrees of freedom of Student's t: people turn and stop while they are hidden, which no Gaussian expects."""


def note_encounters(tracks: Sequence[Track], before: Sequence[Whereabouts], camera: Camera | None) -> None:
    """Anchor tracks that may be exchanged from now on, and learn what the others look like.

    These are people who are near others in the image, and those who were out of sight. before: whereabouts of the
    tracks (T,) as predicted for this frame.
    """
    if not tracks:
        return
    boxes, _ = predicted_in_image([t.at for t in tracks], camera)
    near = iou_matrix(boxes, boxes) > _NEAR_IOU
    np.fill_diagonal(near, False)
    seen = np.array([t.at.seen for t in tracks])
    mixed = (near & seen[None] & seen[:, None]).any(axis=1)
    hidden = {t for t in tracks if t.track_id != HELD and not t.at.seen}
    for i, track in enumerate(tracks):
        rivals = {tracks[j] for j in np.flatnonzero(near[i]) if tracks[j].track_id != HELD or tracks[j].at.seen}
        back = bool(seen[i]) and not before[i].seen_before
        if (rivals or back) and track.track_id != HELD:
            track.anchor = track.anchor or copy.copy(before[i])
            track.rivals |= rivals | (hidden if back else set())
        _look(track, alone=not (rivals or back), mixed=bool(mixed[i]), back=back)


def _look(track: Track, *, alone: bool, mixed: bool, back: bool) -> None:
    at = track.at
    at.alone = at.alone + 1 if alone else 0
    if mixed or back:
        at.forget_looks()
    if at.seen and not mixed:
        at.look()
        if track.anchor is None and track.track_id != HELD:
            track.remember(at.pose.clothes_lab)


def relink(tracks: list[Track], *, moving: bool) -> list[Track]:
    """The tracks, each with the whereabouts of who it is by all that is known of those who are apart again.

    Tracks that have no id yet and turn out to be someone known are gone from the result; one whose person turns out to
    be someone else, whom no one knows, is added without an id. moving: whether the camera may move, so that people do
    not come and go at the image's border alone.
    """
    alive = set(tracks)
    for track in tracks:
        track.rivals &= alive
    ready = {t for t in tracks if _is_ready(t)}
    bodies = [t for t in tracks if t in ready or _is_candidate(t)]
    names = [t for t in tracks if t.track_id != HELD and (t.anchor is not None or not t.at.seen)]
    if not bodies or not names:
        return tracks
    cost = _link_costs(names, bodies, moving=moving)
    pairs: Pairs = []
    for row, column in assign(cost, _NEW):
        if names[row] in ready or not names[row].at.seen:
            pairs.append((row, column))
        else:
            bodies[column].waits = True
    return _exchanged(tracks, names, bodies, pairs, cost)


def _is_candidate(track: Track) -> bool:
    """Whether someone without an id was seen often enough to be known again."""
    return track.track_id == HELD and track.at.seen and track.hits >= CLEAN_FRAMES and track.at.clean > 0


def _is_ready(track: Track) -> bool:
    if track.anchor is None or not track.at.seen or track.at.clean < CLEAN_FRAMES:
        return False
    return track.at.clean >= _WAITED_FRAMES or _is_apart(track)


def _is_apart(track: Track) -> bool:
    """Whether an encounter is over."""
    others = all(r.anchor is None or r.at.clean >= CLEAN_FRAMES for r in track.rivals)
    return track.at.clean >= _SETTLED_FRAMES or (track.at.alone >= CLEAN_FRAMES and others)


def _link_costs(names: Sequence[Track], bodies: Sequence[Track], *, moving: bool) -> Array:
    """(I, B), twice a negative log-likelihood of people having the place, velocity and clothes of identities.

    inf for people who are known and were never near.
    """
    places = [t.anchor or t.at for t in names]
    difference = np.array([b.at.mean for b in bodies])[None] - np.array([p.mean for p in places])[:, None]
    spread = np.array([p.covariance for p in places])[:, None] + np.array([b.at.covariance for b in bodies])[None]
    squared = (difference * np.linalg.solve(spread, difference[..., None])[..., 0]).sum(axis=-1)
    apart = (_FREEDOM + 6.0) * np.log1p(squared / _FREEDOM) + np.linalg.slogdet(spread)[1]
    memory, looks = np.array([t.clothes_lab for t in names]), np.array([b.at.recent_lab for b in bodies])
    known = np.isfinite(memory).any(axis=(1, 2))[:, None] & np.isfinite(looks).any(axis=(1, 2))[None]
    cost: Array = apart + _CLOTHES * np.where(known, color_cost(memory, looks), _UNKNOWN_CLOTHES)
    for j, body in enumerate(bodies):
        entered = body.track_id == HELD and body.at.entered and not moving
        cost[:, j] += _ENTERED if entered else 0.0
        for i, name in enumerate(names):
            if name is body:
                cost[i, j] -= _KEEP
            elif body.track_id != HELD and body not in name.rivals and name not in body.rivals:
                cost[i, j] = np.inf
    return cost


def _exchanged(
    tracks: Sequence[Track], names: Sequence[Track], bodies: Sequence[Track], pairs: Pairs, cost: Array
) -> list[Track]:
    places, linked = [body.at for body in bodies], {names[i]: j for i, j in pairs}
    for name, j in linked.items():
        if name is bodies[j] and not _is_apart(name):
            continue
        name.hits += bodies[j].hits if bodies[j].track_id == HELD else 0
        name.at, name.anchor, name.rivals = places[j], None, set()
        name.remember(name.at.recent_lab)
    taken, added = set(linked.values()), []
    for j, body in enumerate(bodies):
        if body in linked or body.track_id == HELD:
            continue
        if j not in taken and cost[names.index(body), j] > _NEW + _SPLIT:
            added.append(Track(HELD, places[j], hits=places[j].clean))
            taken.add(j)
        if j in taken and body.anchor is not None:  # out of sight again
            body.at, body.at.seen = body.anchor, False
        elif not _is_apart(body):
            continue
        body.anchor, body.rivals = None, set()
    gone = {bodies[j] for j in taken if bodies[j].track_id == HELD}
    return [t for t in tracks if t not in gone] + added
