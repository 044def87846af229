"""Recipe of a training run: a frozen, checked copy of a recipe file, saved beside its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.output_files import write_file
from pose3d_ros.reading.documents import fields_of, read_yaml, yaml_text
from pose3d_ros.reading.files import Origin, is_file
from pose3d_ros.reading.numbers import is_number, is_whole

NETS = ("detector", "root_pose", "smoother", "lifter")
ARCHITECTURES = ("residual", "stereo", "repnet", "sem_gcn", "temporal")
"""Of the net `lifter`: Martinez 2017, Wang 2019, Wandt 2019, Zhao 2019, Pavllo 2019."""
LIFTER_INPUTS = ("person", "region")
"""2D joints in the person's frame, or a landmark net's in its region."""
OPTIMIZERS = ("adamw", "muon")
_SHIPPED = Path(__file__).resolve().parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One net's training. Sizes in pixels; `steps` is the length of the cosine schedule.

    architecture, lifter_input, input_skeleton, blocks, causal, dropout: of the net `lifter`. `blocks` are the residual
    ones of nets of single frames; a temporal one that is not `causal` waits for frames to come. A lifter of regions
    reads landmarks instead of the input skeleton, with architecture `residual`.
    losses: of a lifter of persons or of root_pose. Names of terms (`learning.registry`, `learning.image_registry`) →
    weight, or points [share of the training done, weight] between which it is linear; none is full supervision.
    labeled_share: of the recorded motions whose 3D joints are used as labels; of the others 2D joints only.
    window_frames: frames of a sample, for losses over time; 0 takes 40 for temporal nets and 1 for others.
    photographs_share: of root_pose's samples, if there are photographs. occluded_share: of root_pose's samples, with
    something put before the person; round_occluder_share, patch_occluder_share: of these, with a round thing and with
    a patch. recorded_share: of a lifter's samples, if there are recordings. second_view_deg: of a lifter of persons;
    how far beside a recording's camera others see labeled people, too (`learning.recorded_track`). hidden_share: of the
    samples of recordings for a lifter of persons, with further 2D joints hidden. recordings: how many there were; the
    command sets it.
    """

    net: str
    steps: int
    batch_size: int
    learning_rate: float
    seed: int = 1
    backbone: str = ""
    input_width_px: int = 256
    input_height_px: int = 256
    skeleton: str = "muco21"
    num_deconv: int = 1
    deconv_channels: int = 128
    depth_bins: int = 16
    refine_channels: int = 0
    channels: int = 128
    filter_widths: tuple[int, ...] = (3, 3, 3)
    architecture: str = ""
    input_skeleton: str = "coco17"
    lifter_input: str = "person"
    blocks: int = 2
    causal: bool = True
    dropout: float = 0.0
    losses: Mapping[str, Any] = field(default_factory=dict)
    labeled_share: float = 1.0
    window_frames: int = 0
    photographs_share: float = 0.5
    occluded_share: float = 0.0
    round_occluder_share: float = 0.8
    patch_occluder_share: float = 0.3
    recorded_share: float = 0.3
    second_view_deg: float = 0.0
    hidden_share: float = 0.0
    recordings: int = 0
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    warmup_steps: int = 300
    ema_decay: float = 0.999
    bfloat16: bool = True
    workers: int = 1
    log_every: int = 50
    save_every: int = 250

    def __post_init__(self) -> None:
        is_lifter = self.net == "lifter"
        architectures = "one of " + ", ".join(ARCHITECTURES) if is_lifter else "none, as net is no lifter"
        regions = self.lifter_input == "region"
        weak = (is_lifter and not regions) or self.net == "root_pose"
        shares = ("hidden_share", "occluded_share", "round_occluder_share", "patch_occluder_share")
        occluders = self.round_occluder_share + self.patch_occluder_share
        not_negative = ("warmup_steps", "refine_channels", "depth_bins", "workers", "window_frames", "recordings")
        positive = ("steps", "batch_size", "learning_rate", "log_every", "save_every", "blocks")
        for name, holds, expected in (
            ("net", self.net in NETS, "one of " + ", ".join(NETS)),
            ("architecture", self.architecture in (ARCHITECTURES if is_lifter else ("",)), architectures),
            ("lifter_input", self.lifter_input in LIFTER_INPUTS, "one of " + ", ".join(LIFTER_INPUTS)),
            ("lifter_input", not regions or self.architecture == "residual", "person, unless architecture is residual"),
            ("losses", not self.losses or weak, "none, unless net is a lifter of persons or root_pose"),
            ("losses", "right_view" not in self.losses or self.architecture == "stereo", "right_view with stereo only"),
            ("losses", all(map(_is_weight, self.losses.values())), "weights, or lists of [share of training, weight]"),
            ("recorded_share", 0 < self.recorded_share <= 1, "above 0, up to 1"),
            (
                "second_view_deg",
                not self.second_view_deg or (is_lifter and not regions),
                "0, unless a lifter of persons",
            ),
            (
                "hidden_share",
                not self.hidden_share or (is_lifter and not regions),
                "0, unless a lifter of persons",
            ),
            ("second_view_deg", 0 <= self.second_view_deg < 90, "0 or more, below 90"),
            ("labeled_share", 0 < self.labeled_share <= 1, "above 0, up to 1"),
            ("photographs_share", 0 < self.photographs_share < 1, "above 0, below 1"),
            *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in shares),
            ("round_occluder_share", occluders >= 1, "at least 1 together with patch_occluder_share"),
            ("dropout", 0 <= self.dropout < 1, "0 or more, below 1"),
            ("optimizer", self.optimizer in OPTIMIZERS, "one of " + ", ".join(OPTIMIZERS)),
            *((name, getattr(self, name) >= 0, "0 or more") for name in not_negative),
            *((name, getattr(self, name) > 0, "a positive number") for name in positive),
        ):
            if not holds:
                got = shown(getattr(self, name))
                raise ConfigError(f"recipe key {name}", expected=expected, got=got, fix="Correct the value.")

    def save(self, path: Path) -> None:
        """Write every value, defaults included, so that the run can be repeated from this file alone."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        write_file(path, yaml_text(values))


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """A recipe's file, by its path or by the name of a shipped one. Raises ConfigError where there is neither."""
    path = shipped_recipes().get(name, Path(name))
    if not is_file(path):
        raise ConfigError(
            "recipe",
            expected="a file, or one of " + ", ".join(shipped_recipes()),
            got=shown(name),
            fix="Correct the name.",
        )
    return path


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file. Raises ConfigError for an unknown key, a missing one or a value of the wrong type."""
    origin = Origin(ConfigError, "recipe", "See docs/train.md.")
    values = fields_of(read_yaml(path, origin), origin)
    known = {f.name: f for f in fields(Recipe)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            "recipe", expected="keys of " + ", ".join(known), got=", ".join(unknown), fix="Remove or rename them."
        )
    try:
        checked: dict[str, Any] = {k: _checked(k, v, str(known[k].type)) for k, v in values.items()}
        return Recipe(**checked)
    except TypeError as error:
        raise ConfigError(
            "recipe", expected="net, steps, batch_size, learning_rate", got=str(error), fix="Add what lacks."
        ) from error


def _is_weight(value: object) -> bool:
    if is_number(value):
        return True
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    if not all(isinstance(point, list | tuple) and len(point) == 2 and all(map(is_number, point)) for point in value):
        return False
    shares = [point[0] for point in value]
    return all(a < b for a, b in pairwise(shares))


def _checked(name: str, value: object, kind: str) -> object:
    if kind.startswith("tuple") and isinstance(value, list) and all(map(is_whole, value)):
        return tuple(value)
    if kind.startswith("Mapping") and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    if kind == "float" and is_number(value):
        return float(value)
    if kind == type(value).__name__ and kind != "float" and (kind != "int" or is_whole(value)):
        return value
    raise ConfigError(f"recipe key {name}", expected=kind, got=shown(value), fix="Correct the value.")
