"""Which readings of the landmark net are people, and which of several are readings of the same one.

Every place that may hold a person is read, most people more than once: from both detectors, from several views, from
where they were before. A reading that the net is not sure of (its heat maps are low) shows a part of a body, a
reflection or nothing; of those that share a head, a torso or most joints, turned around or not, the surest stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import paired_iou
from pose3d_ros.geometry.regions import Regions, region_distances
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_similarity import (
    BODY_JOINTS,
    body_similarity,
    share_on_limbs,
    similarity,
    visible_boxes,
)
from pose3d_ros.types import Array

Indices = npt.NDArray[np.intp]

_FEWEST_JOINTS = 5
"""Of whom the image shows fewer joints than this is not sure, however clear these are."""
_NO_PERSON = 0.02
"""Of the net's own answer whether the region holds a person; false ones are near 0, people near 1."""
_SMALL_PX, _BLUR = 80.0, 0.15
"""Side of regions below which limbs are a pixel or two wide and a tripod looks like a person; the cost of a halving."""
SAME_PERSON = 0.5
"""Similarity from which on two readings are one person's."""
_PART_SHARE = 0.85
"""Share of a reading's visible joints on the limbs of a surer one, from which on it is taken for a part of it."""
_DOUBT = 0.1
"""Certainty that a reading has to have more where it wholly covers a surer one: two people seldom are in one place."""
_MIDDLE, _SLOPE = 0.42, 20.0
"""Certainty at which a reading is as likely a person as not, and how fast that changes."""
_WORTH_READING = 0.25
"""Certainty of a first reading below which the second never reaches _MIDDLE."""
_SETTLED, _CLEAR = 0.1, 0.7
"""Distance of a place from the region that its reading gives, and certainty of the reading, up to and from which on a
second one differs no more than two that are of one region."""
_BOX_SHARE = 0.5
"""What a reading counts for whose person does not overlap the box at all."""
_AGREEING = 0.5
_MEAN_POWER = 4.0
_LEAST_SHARE = 1e-3


def certainties(people: Landmarks, width_px: int, height_px: int) -> Array:
    """How sure the net is of each reading, (N,) in 0–1: the mean over the body's joints that lie in the image.

    Less where the region is a few pixels wide, and 0 where the net itself says that it holds no person.
    """
    at = people.points_img_px[:, BODY_JOINTS]
    inside = ((at >= -0.5) & (at <= np.array([width_px, height_px]) - 0.5)).all(axis=-1)
    certainty = (people.certainty[:, BODY_JOINTS] * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), _FEWEST_JOINTS)
    halvings = np.log2(np.maximum(_SMALL_PX / people.next_regions.sides_px, 1.0))
    return np.where(people.person >= _NO_PERSON, np.maximum(certainty - _BLUR * halvings, 0.0), 0.0)


def worth_reading_again(certainty: Array) -> npt.NDArray[np.bool_]:
    """Which first readings (N,) of places are worth a second one in the region that they give."""
    return certainty >= _WORTH_READING


def settled(places: Regions, first: Landmarks, certainty: Array) -> npt.NDArray[np.bool_]:
    """Which first readings (N,) of places a second one in the region that they give would not change."""
    moved = region_distances(places, first.next_regions).diagonal()
    return (moved <= _SETTLED) & (certainty >= _CLEAR)


def person_scores(certainty: Array) -> Array:
    """Confidence scores (N,) in 0–1 that readings of such certainty are people."""
    scores: Array = 1.0 / (1.0 + np.exp(-_SLOPE * (certainty - _MIDDLE)))
    return scores


def select(people: Landmarks, certainty: Array, least_score: float, limit: int) -> tuple[Indices, Array]:
    """Indices of the readings to keep, at most `limit`, the surest first, and their scores of at least `least_score`.

    One of each person, no part of another. A reading that overlaps surer ones has to be the surer itself.
    """
    kept: list[int] = []
    scores: list[float] = []
    order = np.argsort(-certainty, kind="stable")
    order = order[person_scores(certainty[order]) >= least_score]
    if not len(order):
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    if len(order) == 1:
        return order[:limit], person_scores(certainty[order[:limit]])
    likely = people.chosen(order)
    alike, part = similarity(likely), share_on_limbs(likely)
    for i, reading in enumerate(order.tolist()):
        same, on = alike[i, kept].max(initial=0.0), part[i, kept].max(initial=0.0)
        score = float(person_scores(certainty[reading] - _DOUBT * max(same, on)))
        if same <= SAME_PERSON and on <= _PART_SHARE and score >= least_score and len(kept) < limit:
            kept.append(i)
            scores.append(score)
    return order[kept], np.array(scores)


def doubtful(people: Landmarks, certainty: Array, kept: Indices, limit: int) -> Indices:
    """Indices of readings that are no double and no part of a kept one, but not sure enough; at most `limit`.

    None of a few pixels' width: no other net sees more there.
    """
    likely = worth_reading_again(certainty) & (people.next_regions.sides_px >= _SMALL_PX)
    likely[kept] = False
    left = np.flatnonzero(likely)
    if len(left) and len(kept):
        both = people.chosen(np.append(left, kept))
        same = similarity(both)[: len(left), len(left) :].max(axis=1) > SAME_PERSON
        part = share_on_limbs(both)[: len(left), len(left) :].max(axis=1) > _PART_SHARE
        left = left[~(same | part)]
    unsure: Indices = left[np.argsort(-certainty[left], kind="stable")[:limit]]
    return unsure


def best_in_boxes(people: Landmarks, certainty: Array, owners: Indices, boxes_xyxy_px: Array) -> Indices:
    """The index of the reading that fits each box best, of boxes that have one; by certainty and by overlap.

    owners (N,): the box that each reading was made for. A net that looks at a crowd may read a neighbor.
    """
    read = np.concatenate(visible_boxes(people), axis=-1)
    fit = certainty * (_BOX_SHARE + paired_iou(read, boxes_xyxy_px[owners]))
    order = np.lexsort((-fit, owners))
    _, first = np.unique(owners[order], return_index=True)
    best: Indices = order[first]
    return best


def mean_with(people: Landmarks, again: Landmarks) -> Landmarks:
    """Readings averaged joint by joint with others of the same people, the surer the more, where the two agree.

    Their next regions, and what a lifter reads, stay the first ones'.
    """
    both = Landmarks.concatenated([people, again])
    first, second = np.arange(len(people)), np.arange(len(people), len(both))
    agree = body_similarity(both)[first, second] > _AGREEING
    own = people.certainty**2 + _LEAST_SHARE
    other = np.where(agree[:, None], again.certainty**2 + _LEAST_SHARE, 0.0)
    share = other / (own + other)

    def mean(a: Array, b: Array) -> Array:
        weight = share if a.ndim == share.ndim else share[..., None]
        return np.where(np.isfinite(b), a + weight * (b - a), a)

    return replace(
        people,
        points_img_px=mean(people.points_img_px, again.points_img_px),
        relative_m=mean(people.relative_m, again.relative_m),
        visibility=mean(people.visibility, again.visibility),
        certainty=mean(people.certainty, again.certainty),
    )


def merged(people: Landmarks, certainty: Array, kept: Indices) -> Landmarks:
    """The kept readings, each the mean with those that agree with it, the surer the more.

    kept: as `select` gives them. Their next regions, and what a lifter reads, stay their own.
    """
    chosen = people.chosen(kept)
    if len(people) == len(kept):
        return chosen
    agree = (body_similarity(people)[kept] > _AGREEING) & (certainty >= _MIDDLE)
    agree[np.arange(len(kept)), kept] = True
    if agree.sum() == len(kept):
        return chosen
    weights = agree * certainty**_MEAN_POWER + np.finfo(np.float64).tiny * agree
    weights /= weights.sum(axis=1, keepdims=True)

    def mean(values: Array) -> Array:
        averaged: Array = np.einsum("kn,n...->k...", weights, values)
        return np.where(np.isfinite(averaged), averaged, values[kept])

    return replace(
        chosen,
        points_img_px=mean(people.points_img_px),
        relative_m=mean(people.relative_m),
        visibility=mean(people.visibility),
        certainty=mean(people.certainty),
    )
