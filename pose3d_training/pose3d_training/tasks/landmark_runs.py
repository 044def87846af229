"""What a landmark net says of rendered people: `python -m pose3d_training.tasks.landmark_runs`.

    python -m pose3d_training.tasks.landmark_runs --assets assets --models MODELS --output landmarks.npz --people 2000

The lifter's training and the calibration of scores resample these errors. A stopped run is continued.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines import RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.landmarks.landmark_net import LandmarkNet
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS
from pose3d_training.tasks.landmark_crops import RenderedPerson, rendered_people

SIZE_PX = 256
_AT = {name: i for i, name in enumerate(BODY_POINTS)}
_CROWN = 1.05
"""MediaPipe's circle about the hips holds the hands and the crown, a little beyond the landmarks."""
_JITTER_SHIFT, _JITTER_SCALE, _JITTER_RAD = 0.03, 0.08, 0.12
_SAVE_EVERY = 100


@dataclass(frozen=True, eq=False)
class LandmarkRuns:
    """N people, a row each, with what the net said of the region in its second pass.

    points_cam_m (N, 31, 3), K (N, 3, 3), size_px (N, 2): of the image. kinds (N,). occluded (N,).
    true_region, region (N, 4): center x, y, side, angle of the region that the true landmarks give, and of the one
    that the net read, which its first pass gave. The rest as in `Landmarks`: landmarks_crop_px (N, 33, 2),
    visibility, certainty (N, 33), person (N,), relative_m (N, 33, 3), view2cam (N, 3, 3).
    """

    points_cam_m: Array
    K: Array
    size_px: Array
    kinds: Array
    occluded: Array
    true_region: Array
    region: Array
    landmarks_crop_px: Array
    visibility: Array
    certainty: Array
    person: Array
    relative_m: Array
    view2cam: Array

    @classmethod
    def load(cls, path: Path) -> LandmarkRuns:
        """From a file of `save`."""
        with np.load(path) as file:
            return cls(**{f.name: file[f.name] for f in fields(cls)})

    def save(self, path: Path) -> None:
        """As .npz."""
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(partial, **{f.name: getattr(self, f.name) for f in fields(self)})
        partial.replace(path)

    def __len__(self) -> int:
        return len(self.K)

    def chosen(self, rows: npt.NDArray[np.bool_]) -> LandmarkRuns:
        """Those of a mask (N,)."""
        return LandmarkRuns(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def joined(cls, parts: list[LandmarkRuns]) -> LandmarkRuns:
        """One after the other."""
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})


def true_regions(points_px: Array) -> Regions:
    """Of the points (N, 31, 2) of whole people, as MediaPipe makes them: about the hips, the shoulders up."""
    hips = (points_px[:, _AT["L_Hip"]] + points_px[:, _AT["R_Hip"]]) / 2
    shoulders = (points_px[:, _AT["L_Shoulder"]] + points_px[:, _AT["R_Shoulder"]]) / 2
    radius = _CROWN * np.linalg.norm(points_px - hips[:, None], axis=-1).max(axis=1)
    up = shoulders - hips
    up = up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6)
    return Regions.from_keypoints(hips, hips + radius[:, None] * up)


def open_net(models: Path) -> LandmarkNet:
    """The landmark net of a model folder."""
    entry = load_manifest(models).for_role("pose")
    return LandmarkNet(RoleEngine(open_engine(entry, choose_backend("onnxruntime")), entry))


def run_net(net: LandmarkNet, people: Iterator[RenderedPerson], rng: np.random.Generator) -> Iterator[LandmarkRuns]:
    """Two passes each, the first about a jittered region of the true landmarks."""
    for person in people:
        height, width = person.image_bgr.shape[:2]
        camera, image = Camera(person.K, width, height), HostImage(person.image_bgr)
        true = true_regions(person.pixels()[None])
        first = Regions(
            true.centers_px + rng.normal(0, _JITTER_SHIFT, 2) * true.sides_px[:, None],
            true.sides_px * np.exp(rng.normal(0, _JITTER_SCALE)), true.angles_rad + rng.normal(0, _JITTER_RAD),
        )  # fmt: skip
        region = net(camera, image, first).next_regions
        found = net(camera, image, region)
        yield LandmarkRuns(
            person.points_cam_m[None], person.K[None], np.array([[width, height]]), np.array([person.kind]),
            np.array([person.occluded]), _row(true), _row(region), found.points_crop_px, found.visibility,
            found.certainty, found.person, found.relative_m, found.view2cam,
        )  # fmt: skip


def _row(region: Regions) -> Array:
    return np.column_stack([region.centers_px, region.sides_px, region.angles_rad])


def main(arguments: list[str] | None = None) -> int:
    """Render people, run the net, write what it said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR", help="bodies and recorded motions")
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="folder with the landmark net")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="an .npz")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--split", choices=("train", "eval"), default="train")
    parsed = parser.parse_args(arguments)
    parts: list[LandmarkRuns] = []
    if parsed.output.exists():
        parts = [LandmarkRuns.load(parsed.output)]
    done = sum(len(part) for part in parts)
    seed = parsed.seed + 1000 * (done > 0) + done
    made = run_net(
        open_net(parsed.models), rendered_people(parsed.assets, seed, parsed.split), np.random.default_rng(seed)
    )
    for row in islice(made, max(parsed.people - done, 0)):
        parts.append(row)
        if len(parts) % _SAVE_EVERY == 0:
            LandmarkRuns.joined(parts).save(parsed.output)
            print(f"{sum(len(part) for part in parts)} people", flush=True)
    LandmarkRuns.joined(parts).save(parsed.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
