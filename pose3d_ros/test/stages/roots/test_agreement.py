"""Which solvers a distance is from, how far they are apart, and what a lasting disagreement says of the set-up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import RootReading
from pose3d_ros.stages.roots.agreement import Agreement, taking_part
from pose3d_ros.stages.roots.fusion import fused
from pose3d_ros.stages.roots.size_belief import SizeBelief

ANYONE = SizeBelief.of_anyone()
GROUND = GroundPlane.of_mounting(1.2, -6.0)
FRAME_NS = 100_000_000


def by_size(distance_m: float) -> RootReading:
    return RootReading("similarity", distance_m, 0.09, by_size=True)


def seen(
    agreement: Agreement,
    others: Callable[[float], list[RootReading]],
    *,
    people: int = 40,
    ground: GroundPlane | None = GROUND,
    seed: int = 0,
) -> Agreement:
    """People of different sizes at 3 to 6 m for two seconds each. others: the readings at a true distance."""
    rng = np.random.default_rng(seed)
    for track_id in range(people):
        distance_m, size = rng.uniform(3.0, 6.0), np.exp(rng.normal(0, 0.07))
        for i in range(20):
            readings = (by_size(distance_m / size), *others(distance_m))
            found = fused(readings, ANYONE)
            assert found is not None
            shares = taking_part(readings, found, ANYONE, ANYONE)
            agreement.add(track_id, (20 * track_id + i) * FRAME_NS, readings, found, shares, ground)
    return agreement


def test_shares_are_of_those_that_count_and_sum_to_one() -> None:
    readings = (by_size(4.0), RootReading("ground", 4.1, 0.03), RootReading("depth", 4.05, 0.4))
    found = fused(readings, ANYONE)
    assert found is not None
    shares = taking_part(readings, found, ANYONE, ANYONE)
    assert list(shares) == ["ground", "similarity"]  # the depth is too uncertain to count
    assert 0.9 < sum(shares.values()) <= 1.0


def test_stature_counts_once_the_size_is_known() -> None:
    readings = (by_size(4.0),)
    for size, names in ((SizeBelief.of_known(0.1, 0.02), ["stature", "similarity"]), (ANYONE, ["similarity"])):
        found = fused(readings, size)
        assert found is not None
        shares = taking_part(readings, found, size, ANYONE)
        assert list(shares) == names
        assert sum(shares.values()) == pytest.approx(1.0)


def test_share_and_disagreement_are_means_of_the_last_seconds() -> None:
    agreement = Agreement()
    for i, ratio in enumerate((3.0, 1.05, 1.05)):
        readings = (by_size(4.0), RootReading("ground", 4.0 * ratio, 0.03))
        found = fused(readings, ANYONE)
        assert found is not None
        agreement.add(1, i * 100 * FRAME_NS, readings, found, {"ground": 0.5 + 0.1 * i}, None)
    ground, similarity = agreement.solvers()["ground"], agreement.solvers()["similarity"]
    assert ground.share == pytest.approx(0.65)
    assert ground.disagreement - similarity.disagreement == pytest.approx(np.log(1.05))
    assert ground.in_words.startswith("65% of the weight, +")
    agreement.forget_recent()
    assert agreement.solvers() == {}


def test_floor_and_depth_that_agree_with_sizes_are_no_problem() -> None:
    agreement = seen(Agreement(), lambda z: [RootReading("ground", z, 0.05), RootReading("depth", z, 0.03)])
    assert set(agreement.problems().values()) == {""}
    assert Agreement().solvers() == {}


@pytest.mark.parametrize(("factor", "words"), [(0.88, "14% too long"), (1.14, "12% too short")])
def test_depth_tells_a_wrong_focal_length(factor: float, words: str) -> None:
    text = seen(Agreement(), lambda z: [RootReading("depth", factor * z, 0.03)]).problems()["depth disagrees"]
    percent = float(text.partition("the focal length seems ")[2].partition("%")[0])
    assert percent == pytest.approx(float(words.partition("%")[0]), abs=3.0)
    assert words.partition("% ")[2] in text
    assert ("children" in text) == (factor < 1)


@pytest.mark.parametrize(("factor", "words"), [(1.2, "lower"), (0.85, "higher")])
def test_floor_tells_a_wrong_height_or_pitch(factor: float, words: str) -> None:
    problems = seen(Agreement(), lambda z: [RootReading("ground", factor * z, 0.05)]).problems()
    text = problems["floor disagrees"]
    assert problems["depth disagrees"] == ""
    off_cm = float(text.partition("the camera seems ")[2].partition(" cm")[0])
    assert off_cm == pytest.approx(120 * abs(1 - 1 / factor), abs=4.0)
    assert f"cm {words} than the 1.20 m" in text
    assert f"degrees further {'down' if words == 'lower' else 'up'}" in text


def test_few_people_and_a_floor_that_is_estimated_from_people_tell_nothing() -> None:
    def wrong(z: float) -> list[RootReading]:
        return [RootReading("ground", 1.3 * z, 0.05)]

    assert set(seen(Agreement(), wrong, people=4).problems().values()) == {""}
    guessed = GroundPlane.of_normal(GROUND.up_cam, 1.2, origin="people")
    assert set(seen(Agreement(), wrong, ground=guessed).problems().values()) == {""}


def test_people_who_left_long_ago_do_not_pile_up() -> None:
    agreement = seen(Agreement(), lambda z: [RootReading("ground", z, 0.05)], people=300)
    assert len(agreement._people) == 200
