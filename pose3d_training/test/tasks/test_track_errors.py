"""Simulated errors have the statistics that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks import track_errors as module
from pose3d_training.tasks.track_errors import autoregressive, track_errors

ROOT, FRAMES, RATE = SYNTH_JOINTS.index("Pelvis"), 60, 30.0
AT = {name: i for i, name in enumerate(SYNTH_JOINTS)}


def errors(count: int, distance_m: float = 4.0) -> tuple[Array, Array]:
    """Lasting and varying ones (count, T, J, 3) of people who stand in the camera's axis."""
    rng, true = np.random.default_rng(0), np.zeros((FRAMES, len(SYNTH_JOINTS), 3))
    true[..., 2] = distance_m
    made = [track_errors(true, SYNTH_JOINTS, ROOT, RATE, rng) for _ in range(count)]
    return np.array([e.lasting for e in made]), np.array([e.varying for e in made])


@pytest.fixture
def measured_kind(monkeypatch: pytest.MonkeyPatch) -> Array:
    """Varying errors from the root of the measured kind alone, of the measured size."""
    monkeypatch.setattr(module, "_WHITE_SHARE", 0.0)
    monkeypatch.setattr(module, "_SIZES", (1.0, 1.01))
    made = errors(200)[1]
    return made - made[:, :, [ROOT]]


def test_errors_grow_along_the_limbs_and_along_the_ray(measured_kind: Array) -> None:
    spread = measured_kind.std(axis=1).mean(axis=0)
    for inner, outer in (("L_Shoulder", "L_Elbow"), ("L_Elbow", "L_Wrist"), ("R_Hip", "R_Knee"), ("R_Knee", "R_Ankle")):
        assert (spread[AT[outer]] > spread[AT[inner]]).all()
    assert (spread[1:, 2] > 1.4 * spread[1:, 0]).all()
    assert 0.03 < spread[AT["L_Wrist"], 0] < 0.08


def test_a_limbs_errors_change_together_and_those_of_others_do_not(measured_kind: Array) -> None:
    change = np.diff(measured_kind[..., 0], n=2, axis=1).reshape(-1, len(SYNTH_JOINTS))
    together = np.corrcoef(change[:, 1:].T)

    def correlation(a: str, b: str) -> float:
        return float(together[AT[a] - 1, AT[b] - 1])

    assert 0.5 < correlation("L_Elbow", "L_Wrist") < 0.95
    assert 0.5 < correlation("R_Knee", "R_Ankle") < 0.95
    assert abs(correlation("R_Knee", "L_Knee")) < 0.15


def test_changes_come_in_bursts(measured_kind: Array) -> None:
    change = np.diff(measured_kind[:, :, 1:], n=2, axis=1)
    assert (change**4).mean() / (change**2).mean() ** 2 > 6  # 3 without any


def test_the_roots_error_is_along_the_ray_and_grows_with_the_distance() -> None:
    near, far = errors(100, 2.0)[1][:, :, ROOT], errors(100, 8.0)[1][:, :, ROOT]
    assert far[..., 2].std() == pytest.approx(4 * near[..., 2].std(), rel=0.05)
    assert far[..., :2].std() == pytest.approx(near[..., :2].std(), rel=0.05)
    assert near[..., 2].std() > 2 * near[..., 0].std()
    assert 0.015 < (far[..., 2] / 8.0).std() < 0.06


def test_errors_of_size_and_build_last() -> None:
    lasting, _ = errors(200)
    np.testing.assert_allclose(lasting, np.broadcast_to(lasting[:, :1], lasting.shape), atol=1e-12)
    assert lasting[:, 0, ROOT, 2].std() == pytest.approx(0.05 * 4.0, rel=0.15)
    np.testing.assert_array_equal(lasting[..., ROOT, :2], 0.0)
    relative = np.linalg.norm((lasting - lasting[:, :, [ROOT]])[:, 0], axis=-1).mean(axis=0)
    assert relative[AT["L_Wrist"]] > 1.5 * relative[AT["L_Shoulder"]] > 0.01


def test_root_joint_has_the_error_of_the_person_alone(measured_kind: Array) -> None:
    np.testing.assert_array_equal(measured_kind[:, :, ROOT], 0.0)


@pytest.mark.parametrize("bursts", [0.0, 0.7])
def test_autoregressive_noise_has_unit_variance_and_the_given_correlation(bursts: float) -> None:
    noise = autoregressive((60_000, 4), 30.0, 0.5, np.random.default_rng(0), bursts=bursts)
    assert noise.std() == pytest.approx(1, rel=0.08)
    together = (noise[15:] * noise[:-15]).mean() / noise.var()
    assert together == pytest.approx(np.exp(-1), abs=0.06)  # half a second later
