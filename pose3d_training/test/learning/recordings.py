"""What tests of recordings share: the first second of the sample recording, made-up tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.recorded_track import RecordedTrack

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def short_bag(path: Path, seconds: float = 0.7, *, labeled: bool = True) -> Path:
    """The beginning of the sample recording."""
    with BagReader(sample_bag()) as bag, BagWriter(path) as out:
        kept = [t for t in bag.topics.values() if labeled or "ground_truth" not in t.name]
        for topic in kept:
            out.add_topic(topic.name, topic.msgtype)
        for message in bag.serialized([topic.name for topic in kept]):
            if message.received_ns - bag.start_ns < seconds * 1e9:
                out.write_serialized(message.topic, message.received_ns, message.data)
    return path


def track(frames: int, seed: int = 0, *, labeled: bool = True) -> RecordedTrack:
    """A person 4 m away whose 2D joints are the projected 3D ones where both skeletons have them."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform([-0.4, -0.9, -0.3], [0.4, 0.9, 0.3], (frames, 21, 3)) + [0.3, 0.1, 4.0]
    keypoints = np.full((frames, 17, 2), np.nan)
    for name in set(COCO.joints) & set(MUCO.joints):
        at = joints[:, MUCO.index_of[name]]
        keypoints[:, COCO.index_of[name]] = at[:, :2] / at[:, 2:]
    scores = np.where(np.isfinite(keypoints[..., 0]), 0.9, 0.0)
    return RecordedTrack(keypoints, scores, joints if labeled else np.full_like(joints, np.nan))
