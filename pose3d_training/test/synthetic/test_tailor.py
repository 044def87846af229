"""Cut, widened and added clothes on the CC0 bodies (skipped without them)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic import postures
from pose3d_training.synthetic.figure import Figure, Material, dress, make_figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    made = make_figure(assets, 12)
    plain = replace(made.outfit, sleeves="long", legs="long", loose_m=0.0, skirt=0.0, carried="", hat="")
    return dress(assets, made.shape, plain, 12)


def worn(figure: Figure, **changes: object) -> Figure:
    return dress(figure.assets, figure.shape, replace(figure.outfit, **changes), 12)  # type: ignore[arg-type]


def reach_m(figure: Figure, *materials: Material) -> float:
    """How far from the middle plane the material goes."""
    return float(np.abs(figure.rest_m[np.isin(figure.material, materials), 0]).max())


def lowest_m(figure: Figure, material: Material) -> float:
    return float(figure.rest_m[figure.material == material, 1].min())


def test_short_sleeves_end_near_the_elbow(figure: Figure) -> None:
    short = worn(figure, sleeves="short")
    elbow = abs(figure.heads_m[BONES.index("LeftForeArm"), 0])
    assert reach_m(figure, Material.UPPER) > elbow + 0.1
    assert reach_m(short, Material.UPPER) == pytest.approx(elbow, abs=0.06)
    assert (short.material == Material.SKIN).sum() > (figure.material == Material.SKIN).sum()


def test_sleeveless_suit_is_shorter_than_short_sleeves(figure: Figure) -> None:
    assert reach_m(worn(figure, sleeves="none"), Material.UPPER) < reach_m(
        worn(figure, sleeves="short"), Material.UPPER
    )


def test_shorts_end_near_the_knee(figure: Figure) -> None:
    knee = figure.heads_m[BONES.index("LeftLeg"), 1]
    assert lowest_m(figure, Material.LOWER) < knee - 0.2
    assert lowest_m(worn(figure, legs="short"), Material.LOWER) == pytest.approx(knee, abs=0.09)


def test_long_skirt_reaches_the_ankles_around_the_legs(figure: Figure) -> None:
    skirt = worn(figure, skirt=1.0)
    new = skirt.rest_m[skirt.material == Material.LOWER]
    ankle = figure.heads_m[BONES.index("LeftFoot"), 1]
    ring = new[np.abs(new[:, 1] - ankle) < 0.01]
    assert len(ring) > 20
    legs = figure.body_m[:13380][np.abs(figure.body_m[:13380, 1] - ankle - 0.05) < 0.02]
    assert ring[:, 0].min() < legs[:, 0].min() + 0.03
    assert ring[:, 0].max() > legs[:, 0].max() - 0.03


def test_loose_suit_is_offset_from_the_body(figure: Figure) -> None:
    loose = worn(figure, loose_m=0.03)
    wide = np.ptp(loose.rest_m[loose.material == Material.UPPER, 2]) - np.ptp(
        figure.rest_m[figure.material == Material.UPPER, 2]
    )
    assert wide == pytest.approx(0.06, abs=0.015)


@pytest.mark.parametrize("thing", ["backpack", "bag", "box", "ball", "helmet"])
def test_carried_object_moves_with_one_bone(figure: Figure, thing: str) -> None:
    made = worn(figure, carried=thing)
    weights = made.weights[made.material == Material.THING].toarray()
    assert len(weights) > 7
    assert (weights.max(axis=1) == 1).all()
    assert len(np.unique(weights.argmax(axis=1))) == 1


def test_backpack_is_behind_the_back(figure: Figure) -> None:
    made = worn(figure, carried="backpack")
    body = made.rest_m[made.material != Material.THING]
    assert made.rest_m[made.material == Material.THING, 2].max() < body[:, 2].mean()


def test_skirt_does_not_lift_a_kneeling_person(figure: Figure) -> None:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    postures.kneel(local, np.random.default_rng(1))
    plain, skirt = (f.pose(to_global(f, local), 0.0, 0.0, 0.0, 0.0) for f in (figure, worn(figure, skirt=0.9)))
    np.testing.assert_allclose(skirt.joints_m, plain.joints_m, atol=1e-5)
