"""What a person wears and carries, as names and lengths: what makes two people with one suit look different."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_training.synthetic.body import BodyShape
from pose3d_training.synthetic.clothes import wardrobe

SLEEVES = ("long", "short", "none")
LEGS = ("long", "short")
CARRIED = ("", "backpack", "bag", "box", "ball", "helmet")


@dataclass(frozen=True)
class Outfit:
    """Names of the garments; an empty name is none.

    sleeves, legs: where the suit's arms and legs are cut, see SLEEVES and LEGS. loose_m: how far the suit stands off
    where it was made to lie on the skin. skirt: its length as a share of the legs' length, 0 for none. carried: see
    CARRIED.
    """

    suit: str
    shoes: str
    hair: str
    hat: str
    sleeves: str = "long"
    legs: str = "long"
    loose_m: float = 0.0
    skirt: float = 0.0
    carried: str = ""

    @staticmethod
    def random(assets: Path, shape: BodyShape, seed: int) -> Outfit:
        """Garments that fit the body's gender, cut and widened at random."""
        rng = np.random.default_rng([seed, 2])
        kinds = wardrobe(assets)
        gender = "male" if shape.gender > 0.5 else "female"
        bald = gender == "male" and rng.random() < 0.12
        return Outfit(
            suit=str(rng.choice(kinds[gender])),
            shoes=str(rng.choice(kinds["shoes"])) if rng.random() < 0.93 else "",
            hair="" if bald else str(rng.choice(kinds[f"{gender}_hair"])),
            hat=str(rng.choice(kinds["hat"])) if rng.random() < 0.08 else "",
            sleeves=str(rng.choice(SLEEVES, p=(0.5, 0.38, 0.12))),
            legs=str(rng.choice(LEGS, p=(0.75, 0.25))),
            loose_m=float(rng.choice((0.0, rng.uniform(0.003, 0.015), rng.uniform(0.015, 0.04)), p=(0.4, 0.4, 0.2))),
            skirt=float(rng.uniform(0.25, 0.95)) if rng.random() < (0.3 if gender == "female" else 0.02) else 0.0,
            carried=str(rng.choice(CARRIED, p=(0.7, 0.1, 0.07, 0.03, 0.03, 0.07))),
        )
