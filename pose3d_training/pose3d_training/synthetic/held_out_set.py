"""A held-out rendered set: bodies, motions and backgrounds that no net was trained on, the same for every model.

An image depends on (seed, its number) and the rendered people alone. These are rendered once, into a folder; a stopped
rendering is resumed. Beside the images of composed scenes are those of the group `round_occluder`, with people, seeds
and figures of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.rendered.held_out_run import GroundTruthPerson, HeldOutScene
from pose3d_ros.geometry import Camera
from pose3d_ros.reading.files import is_folder
from pose3d_ros.records import Detection, Frame, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.augment import photograph
from pose3d_training.synthetic.background import write_backgrounds
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape
from pose3d_training.synthetic.compose import Scene, SceneComposer
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.sprite_bank import SpriteBank
from pose3d_training.synthetic.sprites import check_seed, render_bank
from pose3d_training.synthetic.turning_people import HEADINGS, TurningPeople, render_turns

DEFAULT_SCENES = 600
CHILD_AGE = 0.4
"""Bodies below this age value (MakeHuman's, 0–1) are children; see `BodyShape.random`."""
UPRIGHT_SHARE = 0.85
_SPRITES_PER_SCENE = 4
_SCENES_PER_BACKGROUND = 4
_BACKGROUND_SEED = 1_000_000_000
"""Backgrounds of training have seeds far below."""
_SCENES_PER_TURN = 20
_SCENE_STREAM, _TURN_STREAM = 11, 25
_TOP, _FEET = SYNTH_JOINTS.index("Head_top"), [SYNTH_JOINTS.index(j) for j in ("L_Ankle", "R_Ankle", "L_Toe", "R_Toe")]


@dataclass(frozen=True)
class HeldOutChoice:
    """What the set is made of.

    assets: folder with makehuman/ and cmu_mocap/. folder: where what was rendered is kept. backgrounds: folders of
    images; none for rendered ones.
    """

    assets: Path
    seed: int
    scenes: int
    folder: Path
    backgrounds: tuple[Path, ...] = ()


class HeldOutSet(Sequence[HeldOutScene]):
    """The images by number, composed when asked for."""

    def __init__(
        self, bank: SpriteBank, draw: Callable[[int, np.random.Generator], Scene], seed: tuple[int, int], scenes: int,
        skeleton: Skeleton,
    ) -> None:  # fmt: skip
        """draw: the scene of a number. seed: and stream. skeleton: of the poses; joints that people lack are NaN."""
        self._bank, self._draw = bank, draw
        self._seed, self._scenes, self._skeleton = seed, scenes, skeleton

    def __len__(self) -> int:
        return self._scenes

    @overload
    def __getitem__(self, number: int) -> HeldOutScene: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[HeldOutScene]: ...
    def __getitem__(self, number: int | slice) -> HeldOutScene | Sequence[HeldOutScene]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(self._scenes))]
        if not 0 <= number < self._scenes:
            raise IndexError(number)
        rng = np.random.default_rng([*self._seed, number])
        scene = self._draw(number, rng)
        camera = scene.camera
        people = tuple(self._person(scene, camera, i) for i in range(len(scene.joints_cam_m)))
        return HeldOutScene(Frame(photograph(scene.image_bgr, rng), camera), people)

    def _person(self, scene: Scene, camera: Camera, i: int) -> GroundTruthPerson:
        row = int(scene.rows[i])
        joints = np.array([_joint(scene.joints_cam_m[i], name) for name in self._skeleton.joints])
        hidden = None if scene.hidden_joints is None else scene.hidden_joints[i]
        box, visible = np.asarray(scene.boxes_xyxy_px[i], np.float64), min(float(scene.visible[i]), 1.0)
        pose = Pose(
            joints[self._skeleton.root], joints, camera.project(joints), np.ones(len(joints)), self._skeleton,
            Detection(box, visible),
        )  # fmt: skip
        stature_m = float(self._bank.index["height_m"][row])
        cam2world = np.asarray(self._bank.index["cam2world"][row], np.float64)
        return GroundTruthPerson(
            Person(i + 1, TrackState.TRACKED, pose, np.zeros(3), visible),
            visible,
            1.0 - float(scene.inside[i]),
            stature_m,
            BodyShape.random(int(self._bank.index["person_seed"][row])).age < CHILD_AGE,
            is_upright(scene.joints_cam_m[i], cam2world, stature_m),
            None if hidden is None else np.array([_is_hidden(hidden, name) for name in self._skeleton.joints]),
        )


def is_upright(joints_cam_m: Array, cam2world: Array, stature_m: float) -> bool:
    """Whether the crown (joints (J, 3) in SYNTH_JOINTS' order) is at least 0.85 of the stature above the lowest foot.

    cam2world (4, 4): the world's y is up.
    """
    up_m = joints_cam_m @ cam2world[1, :3]
    return bool(up_m[_TOP] - up_m[_FEET].min() >= UPRIGHT_SHARE * stature_m)


def _joint(joints_cam_m: Array, name: str) -> Array:
    return joints_cam_m[SYNTH_JOINTS.index(name)] if name in SYNTH_JOINTS else np.full(3, np.nan)


def _is_hidden(hidden: npt.NDArray[np.bool_], name: str) -> bool:
    return name in SYNTH_JOINTS and bool(hidden[SYNTH_JOINTS.index(name)])


def open_held_out(choice: HeldOutChoice, skeleton: Skeleton) -> HeldOutSet:
    """Render what is missing and open the set. Raises InputError for a choice that can't be used."""
    _check(choice)
    people = choice.folder / "people"
    render_bank(choice.assets, people, _SPRITES_PER_SCENE * choice.scenes, choice.seed, "eval", shard=0, shards=1)
    bank = SpriteBank(people)
    composer = SceneComposer(bank, _backgrounds(choice))
    return HeldOutSet(bank, lambda _, rng: composer.draw(rng), (choice.seed, _SCENE_STREAM), choice.scenes, skeleton)


def open_round_occluder(choice: HeldOutChoice, skeleton: Skeleton) -> tuple[HeldOutSet, HeldOutSet]:
    """The group `round_occluder`: images of people who turn behind a disc, and the same images without it.

    There is a person in eight headings for every 20 scenes of the set. Raises InputError as `open_held_out` does.
    """
    _check(choice)
    folder, turns = choice.folder / "turning", -(-choice.scenes // _SCENES_PER_TURN)
    render_turns(choice.assets, folder, turns, choice.seed)
    bank, backgrounds = SpriteBank(folder), _backgrounds(choice)

    def opened(disc: bool) -> HeldOutSet:
        people = TurningPeople(bank, backgrounds, choice.seed, disc=disc)
        seed = choice.seed, _TURN_STREAM
        return HeldOutSet(bank, lambda number, _: people.draw(number), seed, HEADINGS * turns, skeleton)

    return opened(True), opened(False)


def _check(choice: HeldOutChoice) -> None:
    check_seed(choice.seed)
    if choice.scenes < 1:
        raise InputError("scenes", expected="at least 1", got=str(choice.scenes), fix="Ask for more.")
    if not is_folder(choice.assets / "makehuman") or not is_folder(choice.assets / "cmu_mocap"):
        raise InputError(
            f"assets {choice.assets}",
            expected="a folder with makehuman/ and cmu_mocap/",
            got="another folder" if is_folder(choice.assets) else "no such folder",
            fix="Give the folder of assets with --assets.",
        )


def _backgrounds(choice: HeldOutChoice) -> Backgrounds:
    folders = choice.backgrounds or (_rendered_backgrounds(choice),)
    backgrounds = Backgrounds(folders)
    if not len(backgrounds):
        raise InputError(
            f"backgrounds {', '.join(map(str, folders))}", expected="images", got="none", fix="Name other folders."
        )
    return backgrounds


def _rendered_backgrounds(choice: HeldOutChoice) -> Path:
    done = choice.folder / "backgrounds"
    if not done.is_dir():
        partial = choice.folder / "backgrounds.partial"
        write_backgrounds(partial, -(-choice.scenes // _SCENES_PER_BACKGROUND), _BACKGROUND_SEED + choice.seed)
        partial.rename(done)
    return done
