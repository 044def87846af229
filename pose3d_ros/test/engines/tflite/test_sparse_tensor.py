"""Sparse tensors become the dense ones they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.engines.tflite.sparse_tensor import SparseLevel, Sparsity, densified

EYE = Sparsity(
    (SparseLevel(dense_size=2), SparseLevel(segments=np.array([0, 1, 2]), indices=np.array([0, 1]))), (0, 1), ()
)


def test_compressed_rows_are_placed() -> None:
    rows = SparseLevel(segments=np.array([0, 2, 2, 3]), indices=np.array([0, 3, 1]))
    found = densified(np.array([5.0, 6.0, 7.0]), (3, 4), Sparsity((SparseLevel(3), rows), (0, 1), ()))
    assert found.tolist() == [[5, 0, 0, 6], [0, 0, 0, 0], [0, 7, 0, 0]]


def test_levels_may_lie_in_another_order_than_the_dimensions() -> None:
    columns = SparseLevel(segments=np.array([0, 1, 1]), indices=np.array([2]))
    found = densified(np.array([9.0]), (3, 2), Sparsity((SparseLevel(2), columns), (1, 0), ()))
    assert found.tolist() == [[0, 0], [0, 0], [9, 0]]


def test_blocks_divide_a_dimension() -> None:
    # One block of two columns, the second of the row: columns 2 and 3.
    levels = (SparseLevel(1), SparseLevel(segments=np.array([0, 1]), indices=np.array([1])), SparseLevel(2))
    found = densified(np.array([1.0, 2.0]), (1, 4), Sparsity(levels, (0, 1, 2), (1,)))
    assert found.tolist() == [[0, 0, 1, 2]]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_every_blocked_matrix_comes_back(rows: int, column_blocks: int, block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    filled = rng.random((rows, column_blocks)) < 0.5
    matrix = np.where(filled[:, :, None], rng.normal(size=(rows, column_blocks, block)), 0).reshape(rows, -1)
    segments = np.concatenate([[0], filled.sum(1).cumsum()])
    blocks = SparseLevel(segments=segments, indices=np.nonzero(filled)[1])
    sparsity = Sparsity((SparseLevel(rows), blocks, SparseLevel(block)), (0, 1, 2), (1,))
    values = matrix.reshape(rows, column_blocks, block)[filled].reshape(-1)
    np.testing.assert_array_equal(densified(values, matrix.shape, sparsity), matrix)


@pytest.mark.parametrize(
    ("values", "shape", "sparsity", "message"),
    [
        (np.ones(3), (2, 2), EYE, "3 values for 2 places"),
        (np.ones(2), (2, 1), EYE, "an index outside"),
        (np.ones(2), (2, 2, 1), EYE, "tensor of rank 3"),
        (np.ones(2), (3, 2), Sparsity((SparseLevel(3), EYE.levels[1]), (0, 1), ()), "3 segments .* for 3 parents"),
        (
            np.ones(2),
            (2, 2),
            Sparsity((SparseLevel(2), SparseLevel(segments=np.array([0, 2, 1]), indices=np.array([0, 1]))), (0, 1), ()),
            "do not follow each other",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    values: np.typing.NDArray[np.float64], shape: tuple[int, ...], sparsity: Sparsity, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        densified(values, shape, sparsity)
