"""Landmarks of labeled people in recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.engines import choose_backend, load_manifest, open_engine
from pose3d_ros.engines.spec.manifest import default_manifest_dir
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.recorded_landmarks import RecordedLandmarks, label_regions, recorded_landmarks
from pose3d_training.synthetic.body_points import LANDMARKS

from .recordings import short_bag

pytest.importorskip("moderngl")

MUCO = get_skeleton("muco21")


def test_drawn_people_are_mirrored_with_their_sides_exchanged() -> None:
    rng = np.random.default_rng(0)
    recorded = RecordedLandmarks(rng.normal(size=(1, 19, 3)), rng.normal(size=(1, 21, 3)))
    drawn = [recorded.drawn(rng, None) for _ in range(20)]
    wrist, other = LANDMARKS.index("L_Wrist"), LANDMARKS.index("R_Wrist")
    hand, other_hand = MUCO.index_of["L_Hand"], MUCO.index_of["R_Hand"]
    kinds = set()
    for one in drawn:
        mirrored = not np.allclose(one.features[0], recorded.features[0])
        kinds.add(mirrored)
        if mirrored:
            np.testing.assert_allclose(one.features[0, wrist], recorded.features[0, other] * [-1, 1, 1], rtol=1e-6)
            np.testing.assert_allclose(one.target_m[0, hand], recorded.targets_m[0, other_hand] * [-1, 1, 1], rtol=1e-6)
    assert kinds == {True, False}


def test_region_of_a_label_is_about_the_hips_with_the_shoulders_up() -> None:
    pixels = np.full((1, 21, 2), 100.0)
    for name, at in {"L_Shoulder": (110, 60), "R_Shoulder": (90, 60), "Head_top": (100, 20)}.items():
        pixels[0, MUCO.index_of[name]] = at
    region = label_regions(pixels)
    np.testing.assert_allclose(region.centers_px, [[100, 100]])
    np.testing.assert_allclose(region.angles_rad, [0], atol=1e-9)
    assert region.sides_px[0] > 160


def test_delivered_lifter_fits_what_a_recording_gives(mediapipe_models: Path, tmp_path: Path) -> None:
    recorded = recorded_landmarks([short_bag(tmp_path / "a.mcap")], str(mediapipe_models))
    assert len(recorded.features) >= 20
    entry = load_manifest(default_manifest_dir().parent / "landmarks").for_role("lifter")
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        joints = engine.infer({"keypoints": recorded.features.astype(np.float32)})["joints"]
    mean_m = np.linalg.norm(joints - recorded.targets_m, axis=-1).mean()
    still_m = np.linalg.norm(recorded.targets_m.mean(axis=0) - recorded.targets_m, axis=-1).mean()
    assert mean_m < 0.15
    assert mean_m < 0.6 * still_m
    with pytest.raises(InputError, match="recordings: expected people with 3D labels"):
        recorded_landmarks([short_bag(tmp_path / "b.mcap", 0.2, labeled=False)], str(mediapipe_models))


def test_models_of_another_chain_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="expected a pose model of the decoder mediapipe_landmarks"):
        recorded_landmarks([tmp_path / "a.mcap"], "embedded")
