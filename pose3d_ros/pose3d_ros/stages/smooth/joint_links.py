"""Joints of any skeleton for a net that knows one, by name, and the net's corrections for all of them.

A pelvis and a thorax that a skeleton lacks are the middles of hips and shoulders, as in `skeletons.convert`, and its
nose stands for the head. A joint the net does not know (of the face, fingers, heels, the neck) moves as its nearest
ancestor in the body tree that was read, so the vector between the two stays as measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.skeletons import DERIVED, Skeleton, ancestors
from pose3d_ros.types import Array

_STANDS_FOR = {"Head": ("Nose",)}
_Indices = npt.NDArray[np.intp]


class JointLinks:
    """Between the skeleton that people come in and that of a net; see the module."""

    def __init__(self, people: Skeleton, net: Skeleton) -> None:
        self._is_net = people.joints == net.joints
        self._at_root = np.arange(len(net)) == net.root
        self._sources = _sources(people, net)
        self._carriers = _carriers(people, net)
        self.starts_at_net_root = people.joints[people.root] == net.joints[net.root]
        self.known = int((self._sources >= 0).all(axis=0).sum())

    def read(self, joints_m: Array) -> Array:
        """Joints (..., J, 3), NaN where not valid → those of the net (..., K, 3), NaN for what there is not."""
        if self._is_net:
            return joints_m
        none = np.full((*joints_m.shape[:-2], 1, 3), np.nan)
        found = np.concatenate((joints_m, none), axis=-2)[..., self._sources, :]
        return np.asarray((found[..., 0, :, :] + found[..., 1, :, :]) / 2)

    def spread(self, corrections_m: Array, read_m: Array) -> Array:
        """Corrections of the net's joints (K, 3) → of the person's (J, 3). read_m (K, 3): what was read."""
        if self._is_net:
            return corrections_m
        usable = np.isfinite(read_m).all(axis=-1) | self._at_root
        first = usable[self._carriers].argmax(axis=1)
        return np.asarray(corrections_m[self._carriers[np.arange(len(first)), first]])


def _sources(people: Skeleton, net: Skeleton) -> _Indices:
    """Two indices into a person's joints for each of the net's (2, K), whose mean it is; -1 where there is none."""
    found = []
    for name in net.joints:
        options = ((name,), DERIVED.get(name, (name,)), _STANDS_FOR.get(name, (name,)))
        names = next((o for o in options if all(joint in people.index_of for joint in o)), ())
        at = [people.index_of[joint] for joint in names]
        found.append((at[0], at[-1]) if at else (-1, -1))
    return np.array(found, dtype=np.intp).T


def _carriers(people: Skeleton, net: Skeleton) -> _Indices:
    """Indices into the net's joints for each of a person's (J, D): itself or its ancestors, nearest first, the root."""
    known = [
        [net.index_of[name] for name in (joint, *ancestors(joint)) if name in net.index_of] for joint in people.joints
    ]
    depth = max(map(len, known)) + 1
    return np.array([row + [net.root] * (depth - len(row)) for row in known], dtype=np.intp)
