"""Recordings of crossings, from the assets (POSE3D_ASSETS names their folder)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.transforms import read_transforms
from pose3d_ros.errors import InputError
from pose3d_training.synthetic import sequence_bag as bags
from pose3d_training.synthetic.crossings import CrossingChoice, plan_crossing, write_crossing
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.synthetic.sprites import EVAL_PERSON


@pytest.mark.parametrize(("seed", "frames", "named"), [(100, 5, "seed"), (1, 0, "frames")])
def test_unusable_choice_is_an_error(tmp_path: Path, seed: int, frames: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        write_crossing(CrossingChoice("crowd", seed, frames=frames), tmp_path, tmp_path / "a.mcap")


def test_the_splits_share_neither_bodies_nor_looks_nor_strides(assets: Path) -> None:
    seeds = {}
    for split in ("train", "eval"):
        plan = plan_crossing(CrossingChoice("crossing", 2, split, 20), assets, np.random.default_rng(1))
        seeds[split] = [actor.figure.seed for actor in plan.actors]
    assert max(seeds["train"]) < EVAL_PERSON <= min(seeds["eval"])


def test_recording_is_the_same_twice_and_people_keep_their_place_while_the_camera_turns(
    assets: Path, renderer: Renderer, tmp_path: Path
) -> None:
    choice = CrossingChoice("turning_camera", 4, frames=4, rate_hz=10)
    recordings = [tmp_path / folder / "turning.mcap" for folder in ("one", "two")]
    for recording in recordings:
        recording.parent.mkdir()
        write_crossing(choice, assets, recording)
    assert recordings[0].read_bytes() == recordings[1].read_bytes()
    with BagReader(recordings[0]) as bag:
        tree = read_transforms(bag)
        messages = list(bag.people())
    turns, places = [], []
    for message in messages:
        cam2odom = tree.lookup(bags.WORLD_FRAME, message.frame_id, message.stamp_ns)
        assert cam2odom is not None
        turns.append(cam2odom.rotation)
        places.append({p.track_id: cam2odom.apply(p.pose.joints_cam_m[None, 14])[0] for p in message.people})
    assert not np.allclose(turns[0], turns[-1])
    pairs = [(a[one], b[one]) for a, b in pairwise(places) for one in a.keys() & b.keys()]
    steps = [np.linalg.norm(there - here) for here, there in pairs]
    assert len(steps) >= 6
    assert max(steps) < 0.3  # metres in 0.1 s: people walk, the turn itself moves none of them
