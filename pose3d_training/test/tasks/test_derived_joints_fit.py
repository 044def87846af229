"""The fit of derived joints, to people of whom the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks.derived_joints_fit import SeenPeople, anchor, errors_mm, fit, print_table, seen_people

JOINTS = len(SYNTH_JOINTS)
SPINE = SYNTH_JOINTS.index("Spine")


def people(noise: float = 0.0, count: int = 200) -> SeenPeople:
    """Whose spine is 0.3 of the shoulders' and 0.7 of the hips' middle, 2 m away; noise: of what is seen."""
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(count, JOINTS, 2))
    exact[:, SPINE] = 0.3 * anchor("Thorax", exact) + 0.7 * anchor("Pelvis", exact)
    seen = exact + noise * rng.normal(size=exact.shape)
    return SeenPeople(exact, seen, np.ones((count, JOINTS), dtype=bool), np.full((count, JOINTS), 2.0))


def test_exact_weights_are_found() -> None:
    assert fit("Spine", ("Pelvis", "Thorax"), people()) == {"Pelvis": pytest.approx(0.7), "Thorax": pytest.approx(0.3)}


def test_weights_of_three_add_up_to_one() -> None:
    weights = fit("Spine", ("Nose", "Pelvis", "Thorax"), people(0.1))
    assert sum(weights.values()) == pytest.approx(1.0)
    assert abs(weights["Nose"]) < 0.1


def test_people_with_gross_errors_do_not_count() -> None:
    found = people()
    found.seen[:50, SYNTH_JOINTS.index("L_Hip")] += 5
    found.sure[:50, SYNTH_JOINTS.index("L_Hip")] = False
    assert fit("Spine", ("Pelvis", "Thorax"), found)["Pelvis"] == pytest.approx(0.7)
    assert len(errors_mm("Spine", {"Pelvis": 0.7, "Thorax": 0.3}, found, noisy=True)) == 150


def test_error_is_a_distance_at_the_person() -> None:
    found = people()
    found.exact[:, SPINE, 0] += 0.01
    np.testing.assert_allclose(errors_mm("Spine", {"Pelvis": 0.7, "Thorax": 0.3}, found, noisy=False), 20.0)


def test_table_of_people_of_tracks(tracks: list[Array], capsys: pytest.CaptureFixture[str]) -> None:
    made = seen_people(tracks, 1, chunks=2)
    assert made.exact.shape == made.seen.shape == (128, JOINTS, 2)
    print_table(made, made)
    assert capsys.readouterr().out.startswith("Spine: {'Pelvis': ")
