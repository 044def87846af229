"""Motion clips: mirroring, and which of them are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_training.synthetic.motion import BONES, EVALUATION, Clip, evaluation_clips, mirror_name, training_clips


def clip(frames: int = 3, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    rotations = np.linalg.qr(rng.normal(size=(frames, len(BONES), 3, 3)))[0]
    rotations[..., 0] *= np.sign(np.linalg.det(rotations))[..., None]
    return Clip("a", rotations, rng.normal(size=(len(BONES), 3)), rng.normal(size=(frames, 3)), 0.8, np.zeros(frames))


def test_mirrored_clip_swaps_sides() -> None:
    one = clip()
    mirrored = one.mirrored()
    left, right = BONES.index("LeftArm"), BONES.index("RightArm")
    flip = np.diag([-1.0, 1, 1])
    np.testing.assert_allclose(mirrored.rotations[:, left], flip @ one.rotations[:, right] @ flip)
    np.testing.assert_allclose(mirrored.root_m[:, 0], -one.root_m[:, 0])
    np.testing.assert_allclose(np.linalg.det(mirrored.rotations), 1)
    np.testing.assert_allclose(mirrored.mirrored().rotations, one.rotations)


def test_mirror_names_cover_every_bone() -> None:
    assert sorted(mirror_name(bone) for bone in BONES) == sorted(BONES)
    assert mirror_name("LThumb") == "RThumb"
    assert mirror_name("LowerBack") == "LowerBack"


def test_held_out_clips_are_not_training_clips(tmp_path: Path) -> None:
    (tmp_path / "cmu_mocap").mkdir()
    (tmp_path / "makehuman" / "bvh").mkdir(parents=True)
    for name in ("02_01", "02_02", "02_10", "03_04"):
        (tmp_path / "cmu_mocap" / f"{name}.amc.gz").touch()
    for name in ("walk1", "tpose", "dance"):
        (tmp_path / "makehuman" / "bvh" / f"{name}.bvh").touch()
    assert training_clips(tmp_path) == ("02_01", "bvh/dance")
    assert evaluation_clips(tmp_path) == EVALUATION


def test_folder_without_motions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        training_clips(tmp_path)
