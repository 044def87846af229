"""Sparse tensors of TFLite made dense.

A sparse tensor is a tree. Each of its levels is a dimension, in an order of their own: dense, or compressed (CSR:
segments and indices). Where values lie in blocks, the places in a block are dimensions too (`SparsityParameters` in
tensorflow/lite/schema/schema.fbs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.failures import UnfitError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SparseLevel:
    """A dense dimension, of a size, or a compressed one, with the segments and indices of the parents' children."""

    dense_size: int = 0
    segments: Ints | None = None
    indices: Ints | None = None


@dataclass(frozen=True)
class Sparsity:
    """How the values of a sparse tensor lie.

    order: the dimension of each level; from the tensor's rank on they are those within blocks. block_map: the tensor's
    dimension that each of these divides.
    """

    levels: tuple[SparseLevel, ...]
    order: tuple[int, ...]
    block_map: tuple[int, ...]


def densified(values: npt.NDArray[Any], shape: Sequence[int], sparsity: Sparsity) -> npt.NDArray[Any]:
    """The dense tensor of a shape; what is not stored is 0. Raises ValueError where the parts do not fit each other."""
    rank = len(shape)
    if sorted(sparsity.order) != list(range(rank + len(sparsity.block_map))) or len(sparsity.levels) != len(
        sparsity.order
    ):
        raise UnfitError(f"sparse levels of the dimensions {sparsity.order} for a tensor of rank {rank}")
    coordinates, leaves = _walked(sparsity)
    if len(leaves) != len(values) or (leaves != np.arange(len(values))).any():
        raise UnfitError(f"{len(values)} values for {len(leaves)} places of a sparse tensor")
    places = [coordinates[dimension] for dimension in range(rank)]
    for block, dimension in enumerate(sparsity.block_map):
        level = sparsity.levels[sparsity.order.index(rank + block)]
        places[dimension] = places[dimension] * level.dense_size + coordinates[rank + block]
    for place, size in zip(places, shape, strict=True):
        if len(place) and (place.min() < 0 or place.max() >= size):
            raise UnfitError(f"an index outside a sparse tensor of the shape {tuple(shape)}")
    dense = np.zeros(tuple(shape), values.dtype)
    dense[tuple(places)] = values
    return dense


def _walked(sparsity: Sparsity) -> tuple[dict[int, Ints], Ints]:
    """Coordinates of the stored values, by dimension, and their places among the values."""
    coordinates: dict[int, Ints] = {}
    nodes: Ints = np.zeros(1, np.int64)
    for dimension, level in zip(sparsity.order, sparsity.levels, strict=True):
        parents, index, nodes = _children(level, nodes)
        coordinates = {known: values[parents] for known, values in coordinates.items()} | {dimension: index}
    return coordinates, nodes


def _children(level: SparseLevel, nodes: Ints) -> tuple[Ints, Ints, Ints]:
    """Of each child: which of the nodes is its parent, its coordinate, its number in this level."""
    if level.segments is None or level.indices is None:
        index = np.tile(np.arange(level.dense_size), len(nodes))
        parents = np.repeat(np.arange(len(nodes)), level.dense_size)
        return parents, index, nodes[parents] * level.dense_size + index
    if len(level.segments) != len(nodes) + 1:
        raise UnfitError(f"{len(level.segments)} segments of a sparse dimension for {len(nodes)} parents")
    counts = np.diff(level.segments)
    if level.segments[0] != 0 or (counts < 0).any() or level.segments[-1] != len(level.indices):
        raise UnfitError("segments of a sparse dimension that do not follow each other")
    return np.repeat(np.arange(len(nodes)), counts), level.indices, np.arange(len(level.indices))
