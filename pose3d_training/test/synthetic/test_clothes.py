"""Clothes on a body of four vertices."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_training.synthetic.clothes import Garment, build_garment, parse_mhclo

MHCLO = """# a scarf
name scarf
obj_file scarf.obj
x_scale 0 1 2.0
y_scale 0 2 1.0
z_scale 0 3 1.0
verts 0
    0     1     2 0.50000 0.25000 0.25000 0.10000 0.20000 -0.30000
    3
material scarf.mhmat
delete_verts
0 2 - 4 9
"""
BODY_M = np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.1, 0], [0, 0, 0.1]], dtype=np.float32)
QUADS = np.array([[0, 1, 0, 0]])


def garment() -> Garment:
    return build_garment("scarf", parse_mhclo(MHCLO), QUADS, 4)


def test_mhclo_fields_are_parsed() -> None:
    text = parse_mhclo(MHCLO)
    assert text.obj_file == "scarf.obj"
    assert text.scales == ((0, 1, 2.0), (0, 2, 1.0), (0, 3, 1.0))
    np.testing.assert_array_equal(text.vertices, [[0, 1, 2], [3, 3, 3]])
    np.testing.assert_allclose(text.weights[1], [1, 0, 0])
    np.testing.assert_array_equal(text.hidden, [0, 2, 3, 4, 9])


def test_garment_vertex_is_a_weighted_mean_plus_a_scaled_offset() -> None:
    # 0.25 · 0.2 m across and 0.25 · 0.1 m up, plus offsets of 0.1, 0.2, -0.3 at scales 0.2/2, 0.1/1, 0.1/1.
    np.testing.assert_allclose(garment().fit(BODY_M)[0], [0.05 + 0.01, 0.025 + 0.02, -0.03], atol=1e-7)
    np.testing.assert_allclose(garment().fit(BODY_M)[1], BODY_M[3])


def test_garment_scales_with_the_body() -> None:
    np.testing.assert_allclose(garment().fit(3 * BODY_M), 3 * garment().fit(BODY_M), rtol=1e-6)


def test_garment_moves_with_the_body() -> None:
    shift = np.array([1, 2, 3], dtype=np.float32)
    np.testing.assert_allclose(garment().fit(BODY_M + shift), garment().fit(BODY_M) + shift, rtol=1e-6)


def test_mhclo_without_vertices_is_an_error() -> None:
    with pytest.raises(InputError, match="vertices"):
        parse_mhclo("name nothing\nobj_file a.obj\n")
