"""Crops of photographs: joints under the image's marks, masks, and mixing with rendered people."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from training_fixtures import Composer, person, scene

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.tasks.datasets import PoseSamples
from pose3d_training.tasks.photograph_samples import MixedSamples, PhotographSamples, WeakPoseSample
from pose3d_training.tasks.photographed_people import PhotographedPerson

MUCO = get_skeleton("muco21")
SIZE = 64


def photographed(folder: Path, width: int = 200, height: int = 160) -> PhotographedPerson:
    """A white dot at the left wrist, which is before the right knee; the spine unknown, a toe beyond the image."""
    joints = np.random.default_rng(1).uniform([70, 30], [130, 130], (len(MUCO), 2))
    at = MUCO.index_of
    joints[at["Spine"]] = np.nan
    joints[at["L_Toe"]] = [100, height + 20]
    image = np.full((height, width, 3), 20, np.uint8)
    cv2.circle(image, tuple(int(v) for v in np.rint(joints[at["L_Wrist"]])), 4, (255, 255, 255), -1)
    path = folder / "a.png"
    cv2.imwrite(str(path), image)
    order, ordered = np.zeros((len(MUCO),) * 2, np.int8), np.zeros((len(MUCO),) * 2, np.bool_)
    a, b = at["L_Wrist"], at["R_Knee"]
    order[a, b], order[b, a] = 1, -1
    ordered[a, b] = ordered[b, a] = True
    return PhotographedPerson(path, width, height, np.array([60.0, 20, 140, 140]), joints, order, ordered)


def test_joints_lie_on_the_image_and_sides_change_with_a_mirror(tmp_path: Path) -> None:
    one, at = photographed(tmp_path), MUCO.index_of
    kinds = set()
    for sample in islice(PhotographSamples([one], MUCO, SIZE, 0), 24):
        y, x = np.unravel_index(sample.image.astype(float).sum(axis=2).argmax(), (SIZE, SIZE))
        side = min("LR", key=lambda s: np.linalg.norm(sample.joints_crop_px[at[f"{s}_Wrist"]] - [x, y]))
        assert np.linalg.norm(sample.joints_crop_px[at[f"{side}_Wrist"]] - [x, y]) < 5
        other = "R" if side == "L" else "L"
        assert sample.order[at[f"{side}_Wrist"], at[f"{other}_Knee"]] == 1
        kinds.add(side)
    assert kinds == {"L", "R"}


def test_what_is_unknown_is_masked(tmp_path: Path) -> None:
    (sample,) = islice(PhotographSamples([photographed(tmp_path)], MUCO, SIZE, 0, augment=False), 1)
    spine, toe = MUCO.index_of["Spine"], MUCO.index_of["L_Toe"]
    assert sample.has_depth == 0
    assert (sample.known[spine], sample.inside[spine]) == (0, 0)
    assert (sample.known[toe], sample.inside[toe]) == (1, 0)  # it is known that it is not in the image
    assert sample.known.sum() == len(MUCO) - 1
    assert all(np.isfinite(getattr(sample, name)).all() for name in ("joints_crop_px", "k_m", "root_depth_m"))


def test_images_that_can_not_be_used_are_left_out(tmp_path: Path) -> None:
    usable = photographed(tmp_path)
    broken = tmp_path / "b.png"
    broken.write_bytes(b"no image")
    lost = PhotographedPerson(broken, *(getattr(usable, n) for n in list(vars(usable))[1:]))
    other_size = PhotographedPerson(usable.image, 99, *(getattr(usable, n) for n in list(vars(usable))[2:]))
    assert len(list(islice(PhotographSamples([lost, usable, other_size], MUCO, SIZE, 0), 6))) == 6
    with pytest.raises(ConfigError, match="images of the sizes that the file states"):
        next(iter(PhotographSamples([lost, other_size], MUCO, SIZE, 0)))


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_share_of_photographs_is_that_of_the_recipe(tmp_path: Path, share: float) -> None:
    rendered = PoseSamples(Composer(scene(person(1))), MUCO, SIZE, 0)
    mixed = MixedSamples(rendered, PhotographSamples([photographed(tmp_path)], MUCO, SIZE, 0), share)
    samples: list[WeakPoseSample] = list(islice(mixed, 200))
    assert np.mean([s.has_depth == 0 for s in samples]) == pytest.approx(share, abs=0.1)
    assert all(s.known.all() and not s.ordered.any() for s in samples if s.has_depth)
