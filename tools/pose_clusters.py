"""Make the cluster centers of the Pose Structure Score from the training clips of the CMU motions.

    python tools/pose_clusters.py --assets DIR

Poses of every tenth frame, 30 frames/s, seen from twelve directions around the vertical; k-means with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.cluster.vq import kmeans2

from pose3d_ros.evaluation.metrics.pose_structure import CLUSTERS, FILE, JOINTS, normalized
from pose3d_ros.output_files import write_file
from pose3d_ros.types import Array
from pose3d_training.synthetic.motion import training_clips
from pose3d_training.synthetic.motion_files import read_asf_amc

BONE_OF = {
    "Hip": "femur",
    "Knee": "tibia",
    "Ankle": "foot",
    "Shoulder": "humerus",
    "Elbow": "radius",
    "Wrist": "wrist",
}
"""Joint → the bone of the .asf skeleton that begins there, without its side."""
STRIDE, VIEWS, SEED = 10, 12, 7


def main() -> None:
    """Write the centers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder with cmu_mocap/")
    parser.add_argument("--output", type=Path, default=FILE)
    args = parser.parse_args()
    poses = np.concatenate(list(poses_of(args.assets)))
    print(f"{len(poses)} poses")
    write_file(args.output, centers_text(poses))


def poses_of(assets: Path) -> Iterator[Array]:
    """Normalized poses (N, 3 J) of each clip, camera axes (y down), from all directions."""
    for name in training_clips(assets):
        if name.startswith("bvh/"):
            continue
        folder = assets / "cmu_mocap"
        source = read_asf_amc(folder / f"{name[:2]}.asf", folder / f"{name}.amc.gz")
        heads = source.heads_m()[::STRIDE]
        joints = {
            f"{side}_{joint}": heads[:, source.names.index(side.lower() + bone)]
            for side in "LR"
            for joint, bone in BONE_OF.items()
        }
        joints["Thorax"] = (joints["L_Shoulder"] + joints["R_Shoulder"]) / 2
        pelvis = (joints["L_Hip"] + joints["R_Hip"]) / 2
        relative = np.stack([joints[name] - pelvis for name in JOINTS], axis=1) * [1.0, -1.0, -1.0]
        for yaw in np.arange(VIEWS) * 2 * np.pi / VIEWS:
            turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
            yield normalized(relative @ turn.T)


def centers_text(poses: Array) -> str:
    """The centers as JSON, a line each."""
    lines = [f'"joints": {json.dumps(JOINTS)}']
    for count in CLUSTERS:
        centers, _ = kmeans2(poses, count, iter=100, minit="++", seed=SEED)
        rows = ",\n".join(json.dumps([round(float(v), 4) for v in row]) for row in centers)
        lines.append(f'"{count}": [\n{rows}]')
    return "{" + ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    main()
