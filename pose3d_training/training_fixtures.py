"""What several tests share: the assets, a renderer, made-up sprites, scenes and motions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pose3d_ros.geometry import Camera
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.compose import Scene, SceneComposer
from pose3d_training.synthetic.sprite_bank import SpriteRecord

if TYPE_CHECKING:
    from pose3d_training.synthetic.renderer import Renderer


K = np.array([[300.0, 0, 150.5], [0, 310.0, 118.5], [0, 0, 1]])
WIDTH, HEIGHT = 320, 240


def person(seed: int, x_m: float = 0.0, z_m: float = 4.0) -> Array:
    """Joints (27, 3) in a box of a person's size about (x, 0, z)."""
    around = np.random.default_rng(seed).uniform([-0.3, -0.8, -0.2], [0.3, 0.8, 0.2], (27, 3))
    return np.asarray(around + np.array([x_m, 0, z_m]))


def scene(*people: Array, visible: list[float] | None = None) -> Scene:
    """People (27, 3) each, a dot at every joint, boxes around the joints."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    boxes = []
    for joints in people:
        px = project(joints)
        boxes.append([*px.min(axis=0) - 2, *px.max(axis=0) + 2])
    owner = np.full((HEIGHT, WIDTH), -1, np.int8)
    shares = np.ones(len(people)) if visible is None else np.array(visible)
    return Scene(
        image, Camera(K, WIDTH, HEIGHT), np.array(boxes).reshape(-1, 4), np.array(people).reshape(-1, 27, 3), shares,
        owner, np.ones(len(people)), np.arange(len(people)),
    )  # fmt: skip


def project(joints: Array) -> Array:
    """Pixels (n, 2) of joints (n, 3)."""
    return np.asarray(joints[:, :2] / joints[:, 2:] * K[[0, 1], [0, 1]] + K[:2, 2])


class Composer(SceneComposer):
    """Draws always the same scene."""

    def __init__(self, made: Scene) -> None:
        self.made = made

    def draw(self, rng: np.random.Generator) -> Scene:
        """The scene."""
        return self.made


@pytest.fixture(scope="session")
def assets() -> Path:
    """MakeHuman's bodies and recorded motions, in the folder that POSE3D_ASSETS names."""
    folder = Path(os.environ.get("POSE3D_ASSETS", "/nonexistent"))
    if not (folder / "makehuman").is_dir():
        pytest.skip("POSE3D_ASSETS names no folder of assets")
    return folder


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    """An OpenGL renderer, where there is EGL."""
    pytest.importorskip("moderngl")
    from pose3d_training.synthetic.renderer import Renderer

    try:
        made = Renderer()
    except Exception as error:  # moderngl raises a plain Exception without EGL
        pytest.skip(f"no EGL: {error}")
    yield made
    made.close()


@pytest.fixture(scope="session")
def sprite_record() -> Callable[..., SpriteRecord]:
    """Make a record of a person 3 m straight ahead in an image of 64 x 48 px, with other fields by keyword."""

    def make(**changes: Any) -> SpriteRecord:
        fields: dict[str, Any] = dict(  # noqa: C408
            offset=0, width_px=3, height_px=2, x0_px=0, y0_px=0, group=0, image_width_px=64, image_height_px=48,
            K=np.array([[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]]),
            joints_cam_m=np.tile(np.array([0, 0, 3], np.float32), (27, 1)), joint_self_visible=np.ones(27, bool),
            alpha_box=np.zeros(4, np.float32), height_m=1.7, clearance_m=0.0, camera_height_m=1.0, pitch_rad=0.0,
            roll_rad=0.0, cam2world=np.eye(4), sun_dir=np.array([0.0, 1.0, 0.0]), sun_share=0.5, person_seed=0,
            look_seed=0, clip="a", frame=0,
        )  # fmt: skip
        return SpriteRecord(**(fields | changes))

    return make


@pytest.fixture(scope="session")
def tracks() -> list[Array]:
    """A rigid person (T, 27, 3) who walks back and forth, y up, and one who stands."""
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.3, 0, -0.2], [0.3, 1.8, 0.2], (len(SYNTH_JOINTS), 3))
    walk = np.stack([np.sin(np.arange(90) / 20), np.zeros(90), np.zeros(90)], axis=1)
    return [body + walk[:, None], np.repeat(body[None], 40, axis=0)]


@pytest.fixture
def randomized() -> Callable[[Any], Any]:
    """Give a net weights and statistics of batch normalizations as after a training, and put it in eval mode."""
    torch = pytest.importorskip("torch")

    def randomize(module: Any) -> Any:
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for part in module.modules():
                if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                    part.weight.uniform_(0.5, 1.5, generator=generator)
                    part.bias.uniform_(-0.3, 0.3, generator=generator)
                    part.running_mean.uniform_(-0.5, 0.5, generator=generator)
                    part.running_var.uniform_(0.4, 2.0, generator=generator)
        return module.eval()

    return randomize
