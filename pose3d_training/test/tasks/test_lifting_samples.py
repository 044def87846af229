"""The lifters' samples, from made-up tracks of rigid people."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.lift.lift_features import person_features
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks import lifting_samples
from pose3d_training.tasks.lifting_samples import LiftSample, LiftSamples, placed

pytest.importorskip("moderngl")


COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def samples(tracks: list[Array], count: int, frames: int = 6, noisy: bool = True) -> list[LiftSample]:
    return list(islice(LiftSamples(tracks, COCO, MUCO, frames, 1, noisy), count))


def test_sample_shapes_and_dtypes(tracks: list[Array]) -> None:
    (sample,) = samples(tracks, 1)
    assert (sample.features.shape, sample.target_m.shape) == ((6, 17, 3), (6, 21, 3))
    assert sample.features.dtype == sample.target_m.dtype == np.float32


def test_samples_are_deterministic_for_a_seed(tracks: list[Array]) -> None:
    for one, two in zip(samples(tracks, 70), samples(tracks, 70), strict=True):
        np.testing.assert_array_equal(one.features, two.features)
        np.testing.assert_array_equal(one.target_m, two.target_m)


def test_target_is_rigid_and_relative_to_the_root(tracks: list[Array]) -> None:
    body = tracks[1][0]
    for sample in samples(tracks, 10):
        np.testing.assert_allclose(sample.target_m[:, MUCO.root], 0, atol=1e-6)
        hips = [sample.target_m[:, MUCO.index_of[name]] for name in ("L_Hip", "Head")]
        true = [body[SYNTH_JOINTS.index(name)] for name in ("L_Hip", "Head")]
        # A mirrored body keeps its lengths, but exchanges its hips.
        lengths = [np.linalg.norm(true[1] - true[0]), np.linalg.norm(true[1] - body[SYNTH_JOINTS.index("R_Hip")])]
        found = np.linalg.norm(hips[1] - hips[0], axis=1)
        assert np.isclose(found[:, None], lengths, rtol=1e-4).any(axis=1).all()


def test_noiseless_sample_is_the_projection(tracks: list[Array], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Array] = []

    def watched(joints_m: Array, rng: np.random.Generator) -> Array:
        made.append(placed(joints_m, rng))
        return made[-1]

    monkeypatch.setattr(lifting_samples, "placed", watched)
    sample = samples(tracks, 1, noisy=False)[0]
    joints = made[0][0]
    seen = joints[:, [SYNTH_JOINTS.index(name) for name in COCO.joints]]
    features, cam_from_person = person_features(seen[..., :2] / seen[..., 2:], np.ones((6, 17)))
    np.testing.assert_allclose(sample.features, features, atol=1e-5)
    assert (sample.features[..., 2] == 1).all()
    wrist, pelvis = (joints[:, SYNTH_JOINTS.index(name)] for name in ("L_Wrist", "Pelvis"))
    back = np.einsum("tij,tj->ti", cam_from_person, sample.target_m[:, MUCO.index_of["L_Wrist"]])
    np.testing.assert_allclose(back, wrist - pelvis, atol=1e-5)


def test_placed_people_are_upright_in_front_of_the_camera(tracks: list[Array]) -> None:
    joints = placed(np.concatenate([tracks[1][None, :2]] * 50), np.random.default_rng(0))
    assert joints[..., 2].min() > 0.3
    distance = joints[:, :, SYNTH_JOINTS.index("Pelvis"), 2].mean(axis=1)
    assert 1.4 < distance.min() < 2.5 < 6 < distance.max() < 8.1
    body = tracks[1][0]
    top, low = int(body[:, 1].argmax()), int(body[:, 1].argmin())
    assert (joints[:, 0, top, 1] < joints[:, 0, low, 1]).all()  # y down


@pytest.mark.parametrize("key", ["skeleton", "input_skeleton"])
def test_skeleton_with_other_joints_is_an_error(tracks: list[Array], key: str) -> None:
    skeletons = {"input_skeleton": COCO, "skeleton": MUCO, key: get_skeleton("mediapipe33")}
    with pytest.raises(ConfigError, match=rf"^recipe key {key}: .* got mediapipe33, of which they lack .*L_Eye_Inner"):
        LiftSamples(tracks, skeletons["input_skeleton"], skeletons["skeleton"], 6, 1)


def test_joints_are_derived_of_those_that_are_given(tracks: list[Array]) -> None:
    h36m = get_skeleton("h36m17")
    (sample,) = islice(LiftSamples(tracks, h36m, h36m, 2, 1, False, given=COCO), 1)
    (exact,) = islice(LiftSamples(tracks, h36m, h36m, 2, 1, False), 1)
    assert sample.features.shape == exact.features.shape == (2, 17, 3)
    apart = np.linalg.norm((sample.features - exact.features)[..., :2], axis=-1)
    derived = [h36m.index_of[name] for name in ("Spine", "Neck", "Head_top")]
    # The others only by what the derived ones change of the person's middle and size.
    assert apart[:, derived].min() > 1.5 * np.delete(apart, derived, axis=1).max()
