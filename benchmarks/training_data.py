"""Is the data the bottleneck of a training? Sprites, scenes and samples a second beside the steps of the nets.

    python benchmarks/training_data.py --assets assets --bank bank --backgrounds backgrounds

Everything runs on one core and is measured in that core's own seconds, so other work on the machine counts little.
Without --bank a small one is rendered, which needs --assets; without both only the nets are measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import report

from pose3d_ros.errors import Pose3DError

if TYPE_CHECKING:
    from training_steps import TrainingRate

BANK_SPRITES = 24_000
"""Of a bank as docs/train.md renders it."""
_SMALL_BANK = 48
_SCENES, _SAMPLES, _GROUPS, _STEPS = 60, 240, 2, 8


@dataclass(frozen=True)
class Rate:
    """Pieces made by one core in a second of its time."""

    name: str
    per_s: float


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, help="bodies and recorded motions: renders people")
    parser.add_argument("--bank", type=Path, help="rendered people")
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[], help="images without people")
    args = parser.parse_args()
    missing = [name for name in ("torch", "lightning_fabric", "moderngl") if importlib.util.find_spec(name) is None]
    if missing:
        report("training_data", [], {"not measured": f"no {' and no '.join(missing)}; `make setup` installs them"})
        return
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's rasterizer in this thread, so that its time counts
    from training_steps import training_rates, use_one_core

    use_one_core()
    with tempfile.TemporaryDirectory() as folder:
        data = data_rates(args.assets, args.bank, args.backgrounds, Path(folder))
        nets = training_rates(_STEPS, Path(folder))
    report("training_data", rows_of(data, nets), notes_of(data, nets))


def data_rates(assets: Path | None, bank: Path | None, backgrounds: Sequence[Path], folder: Path) -> dict[str, Rate]:
    """Rates by name: `sprites` when there are assets; `scenes`, `root_pose` and `detector` samples of a bank."""
    from pose3d_ros.skeletons import get_skeleton
    from pose3d_training.loop.recipe import load_recipe, shipped_recipes
    from pose3d_training.nets.detector_net import STRIDE_PX
    from pose3d_training.tasks.datasets import DetectionSamples, PoseSamples
    from pose3d_training.tasks.image_tasks import composer

    rates: dict[str, Rate] = {}
    if assets is not None:
        rates["sprites"] = Rate("people rendered", sprites_per_s(assets))
        bank = bank or small_bank(assets, folder / "bank")
    if bank is None:
        return rates
    scenes, rng = composer(bank, backgrounds), np.random.default_rng(0)
    rates["scenes"] = Rate("scenes composed", per_core_second(lambda: scenes.draw(rng), _SCENES))
    pose, detector = (load_recipe(shipped_recipes()[net]) for net in ("root_pose", "detector"))
    crops = iter(PoseSamples(scenes, get_skeleton(pose.skeleton), pose.input_width_px, 0))
    rates["root_pose"] = Rate("root_pose samples", per_core_second(lambda: next(crops), _SAMPLES))
    images = iter(DetectionSamples(scenes, detector.input_width_px, detector.input_height_px, STRIDE_PX, 0))
    rates["detector"] = Rate("detector samples", per_core_second(lambda: next(images), _SAMPLES))
    return rates


def per_core_second(make: Callable[[], object], count: int) -> float:
    """How many are made in a second of this process's time; the first one, which prepares, is not counted."""
    make()
    start_s = time.process_time()
    for _ in range(count):
        make()
    return count / (time.process_time() - start_s)


def sprites_per_s(assets: Path) -> float:
    """Whole groups, so that a figure's making is shared by its sprites as in a bank; the median group."""
    from pose3d_training.synthetic.sprites import SpriteMaker

    maker = SpriteMaker(assets, 1, "train")

    def timed(number: int) -> float:
        start_s = time.process_time()
        made = sum(1 for _ in maker.group(number))
        return made / (time.process_time() - start_s)

    timed(0)
    return statistics.median(timed(1 + i) for i in range(_GROUPS))


def small_bank(assets: Path, folder: Path) -> Path:
    """A bank of a few groups."""
    from pose3d_training.synthetic.sprites import render_bank

    render_bank(assets, folder, _SMALL_BANK, 1, "train", 0, 1)
    return folder


def rows_of(data: Mapping[str, Rate], nets: Mapping[str, TrainingRate]) -> list[dict[str, object]]:
    """A line a rate; samples beside the net that learns from them."""

    def lines() -> Iterator[dict[str, object]]:
        for name, rate in data.items():
            ratio = round(rate.per_s / nets[name].samples_per_s, 2) if name in nets else None
            yield {"what": rate.name, "per core second": round(rate.per_s, 1), "ratio to training": ratio}
        for name, net in nets.items():
            yield {"what": f"{name} trained", "per core second": round(net.samples_per_s, 1), "ratio to training": None}

    return list(lines())


def notes_of(data: Mapping[str, Rate], nets: Mapping[str, TrainingRate]) -> dict[str, object]:
    """What the numbers need to be read."""
    notes: dict[str, object] = {
        "ratio to training": "samples made by one core over samples learned by one core; above 1 the net is what takes "
        "time",
    }
    if not data:
        notes["data"] = "not measured: no --bank and no --assets"
    if "sprites" in data:
        hours = BANK_SPRITES / data["sprites"].per_s / 3600
        pose = nets["root_pose"]
        notes["rendering"] = (
            f"a bank of {BANK_SPRITES:,} takes {hours:.1f} core hours, once; the recipe of root_pose takes "
            f"{pose.samples / pose.samples_per_s / 3600:.1f}"
        )
    return notes


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"training_data: {error}")
