"""The lifters' samples and training task, without assets: made-up tracks of rigid people."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import attr
import numpy as np
import pytest
import torch

from pose3d_ros.engines import ManifestEntry, RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.errors import ConfigError, EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.lift.lift_decoders import LiftSizes, lift_net
from pose3d_ros.stages.lift.lift_features import person_features
from pose3d_ros.types import Array
from pose3d_training.commands.train import TrainingFolders, build_task, train
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import averaged_weights
from pose3d_training.loop.training_loop import Trainer
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep
from pose3d_training.synthetic.body_joints import SYNTH_JOINTS
from pose3d_training.tasks import lifting_samples
from pose3d_training.tasks.lifting import LifterTask, build_lifter, center_outputs, lifted
from pose3d_training.tasks.lifting_samples import LiftSample, LiftSamples, placed

pytest.importorskip("moderngl")

from pose3d_training.commands.deliver import main
from pose3d_training.tasks.lifting_check import check_engine, held_out_people, lift_error, run_lifter

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")
RECIPE = Recipe(
    net="lifter", architecture="residual", steps=3, batch_size=4, learning_rate=1e-3, channels=8, blocks=1,
    filter_widths=(3, 3), warmup_steps=1, bfloat16=False, workers=0, log_every=1, save_every=3,
)  # fmt: skip
NETS = {
    "lifter_frame": RECIPE,
    "lifter_frame of graphs": replace(RECIPE, architecture="sem_gcn"),
    "videopose3d_step": replace(RECIPE, architecture="temporal"),
    "videopose3d": replace(RECIPE, architecture="temporal", causal=False),
}
of_every_net = pytest.mark.parametrize("name", list(NETS))


def tracks() -> list[Array]:
    """A rigid person who walks back and forth, y up, and one who stands."""
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.3, 0, -0.2], [0.3, 1.8, 0.2], (len(SYNTH_JOINTS), 3))
    walk = np.stack([np.sin(np.arange(90) / 20), np.zeros(90), np.zeros(90)], axis=1)
    return [body + walk[:, None], np.repeat(body[None], 40, axis=0)]


def samples(count: int, frames: int = 6, noisy: bool = True) -> list[LiftSample]:
    return list(islice(LiftSamples(tracks(), COCO, MUCO, frames, 1, noisy), count))


def test_shapes_and_types() -> None:
    (sample,) = samples(1)
    assert (sample.features.shape, sample.target_m.shape) == ((6, 17, 3), (6, 21, 3))
    assert sample.features.dtype == sample.target_m.dtype == np.float32


def test_a_seed_gives_one_sequence_of_samples() -> None:
    for one, two in zip(samples(70), samples(70), strict=True):
        np.testing.assert_array_equal(one.features, two.features)
        np.testing.assert_array_equal(one.target_m, two.target_m)


def test_the_target_is_rigid_and_relative_to_the_root() -> None:
    body = tracks()[1][0]
    for sample in samples(10):
        np.testing.assert_allclose(sample.target_m[:, MUCO.root], 0, atol=1e-6)
        hips = [sample.target_m[:, MUCO.index_of[name]] for name in ("L_Hip", "Head")]
        true = [body[SYNTH_JOINTS.index(name)] for name in ("L_Hip", "Head")]
        # A mirrored body keeps its lengths, but exchanges its hips.
        lengths = [np.linalg.norm(true[1] - true[0]), np.linalg.norm(true[1] - body[SYNTH_JOINTS.index("R_Hip")])]
        found = np.linalg.norm(hips[1] - hips[0], axis=1)
        assert np.isclose(found[:, None], lengths, rtol=1e-4).any(axis=1).all()


def test_exact_samples_are_the_projection_and_the_true_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Array] = []

    def watched(joints_m: Array, rng: np.random.Generator) -> Array:
        made.append(placed(joints_m, rng))
        return made[-1]

    monkeypatch.setattr(lifting_samples, "placed", watched)
    sample = samples(1, noisy=False)[0]
    joints = made[0][0]
    seen = joints[:, [SYNTH_JOINTS.index(name) for name in COCO.joints]]
    features, cam_from_person = person_features(seen[..., :2] / seen[..., 2:], np.ones((6, 17)))
    np.testing.assert_allclose(sample.features, features, atol=1e-5)
    assert (sample.features[..., 2] == 1).all()
    wrist, pelvis = (joints[:, SYNTH_JOINTS.index(name)] for name in ("L_Wrist", "Pelvis"))
    back = np.einsum("tij,tj->ti", cam_from_person, sample.target_m[:, MUCO.index_of["L_Wrist"]])
    np.testing.assert_allclose(back, wrist - pelvis, atol=1e-5)


def test_people_stand_upright_before_their_cameras() -> None:
    joints = placed(np.concatenate([tracks()[1][None, :2]] * 50), np.random.default_rng(0))
    assert joints[..., 2].min() > 0.3
    distance = joints[:, :, SYNTH_JOINTS.index("Pelvis"), 2].mean(axis=1)
    assert 1.4 < distance.min() < 2.5 < 6 < distance.max() < 8.1
    body = tracks()[1][0]
    top, low = int(body[:, 1].argmax()), int(body[:, 1].argmin())
    assert (joints[:, 0, top, 1] < joints[:, 0, low, 1]).all()  # y down


def test_a_causal_net_starts_as_if_the_first_frame_had_always_been() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d_step"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(2, 5, 17, 3)
    step = TemporalStep(model)
    states, found = list(step.initial_states(2)), []
    for frame in [features[:, 0]] * (model.receptive_field - 1) + list(features.unbind(1)):
        y, *states = step(frame.flatten(1), *states)
        found.append(y)
    wanted = torch.stack(found[-5:], dim=1).reshape(2, 5, 21, 3)
    torch.testing.assert_close(lifted(model, features), wanted, rtol=1e-4, atol=1e-5)


def test_a_symmetric_net_answers_for_the_frame_in_the_middle() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(1, 20, 17, 3)
    found = lifted(model, features)
    assert found.shape == (1, 20, 21, 3)
    torch.testing.assert_close(found[:, 4:16], model(features))  # 9 frames: 4 on either side


def test_centered_outputs_differ_by_the_root_alone() -> None:
    torch.manual_seed(0)
    model = build_lifter(NETS["videopose3d_step"]).eval()
    assert isinstance(model, TemporalModel)
    features = torch.randn(1, 9, 17, 3)
    before = model(features)
    center_outputs(model, MUCO.root)
    torch.testing.assert_close(model(features), before - before[:, :, [MUCO.root]], rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_distance_in_metres() -> None:
    task = LifterTask(RECIPE, tracks())
    with torch.no_grad():
        for parameter in task.module.parameters():
            parameter.zero_()
    target = torch.zeros(2, 1, 21, 3)
    target[:, :, 0] = torch.tensor([0.3, 0.0, 0.4])  # one joint of 21 is half a metre from where it is put
    loss, logged = task.loss({"features": torch.zeros(2, 1, 17, 3), "target_m": target})
    assert float(logged["joint_mm"]) == pytest.approx(500 / 21)
    assert float(loss.detach()) == pytest.approx(10 * 0.5 / 21)


def test_the_motions_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"option --assets: expected the folder with the recorded motions"):
        build_task(RECIPE, TrainingFolders(tmp_path))


@pytest.mark.parametrize("key", ["skeleton", "input_skeleton"])
def test_joints_that_bodies_lack_are_named(key: str) -> None:
    skeletons = {"input_skeleton": COCO, "skeleton": MUCO, key: get_skeleton("mediapipe33")}
    with pytest.raises(ConfigError, match=rf"^recipe key {key}: .* got mediapipe33, of which they lack .*L_Eye_Inner"):
        LiftSamples(tracks(), skeletons["input_skeleton"], skeletons["skeleton"], 6, 1)


def test_a_lifter_starts_from_a_checkpoint_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a run's checkpoint\.pt, for a lifter, got a\.onnx"):
        train(RECIPE, TrainingFolders(tmp_path / "run"), engine=Path("a.onnx"))


@pytest.fixture(scope="module", params=list(NETS))
def delivered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ManifestEntry]:
    name, folder = str(request.param), tmp_path_factory.mktemp("lifter")
    torch.manual_seed(0)
    Trainer(LifterTask(NETS[name], tracks()), NETS[name], folder / "lifter", open_fabric(device="cpu")).run()
    assert main(["--runs", str(folder), "--output", str(folder)]) == 0
    return name, load_manifest(folder).for_role("lifter")


def test_a_run_becomes_an_engine_of_its_decoder(delivered: tuple[str, ManifestEntry]) -> None:
    name, entry = delivered
    frames = 9 if name.startswith("videopose3d") else 1
    assert entry.name == f"lifter-{NETS[name].architecture}-8-synthetic"
    assert entry.decoder == name.split(" ")[0]
    assert (entry.roles, entry.skeleton) == (("lifter",), "muco21")
    assert entry.parameters == {
        "input_skeleton": "coco17", "input_features": 3, "receptive_field": frames,
        "input": "person", "ahead": "crop",
    }  # fmt: skip
    assert entry.accuracy == {"training_samples": 12}


def test_the_stages_net_answers_as_training_scored(delivered: tuple[str, ManifestEntry]) -> None:
    name, entry = delivered
    module = build_lifter(NETS[name])
    module.load_state_dict(averaged_weights(entry.file.parent / "lifter" / "checkpoint.pt"))
    features = np.stack([sample.features for sample in samples(3)])
    with torch.no_grad():
        wanted = lifted(module.eval(), torch.from_numpy(features)).numpy()
    wanted -= wanted[:, :, [MUCO.root]]
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        found = run_lifter(lift_net(RoleEngine(engine, entry), LiftSizes(17, 3, 21)), features)
    # A symmetric net runs with its newest frame for those to come: only the last frame is as in training.
    kept = slice(-1, None) if name == "videopose3d" else slice(None)
    np.testing.assert_allclose(found[:, kept], wanted[:, kept], atol=1e-4)
    assert (found[:, :, MUCO.root] == 0).all() or np.abs(found[:, :, MUCO.root]).max() < 1e-6


def test_an_engine_is_checked_on_exact_and_noisy_people(delivered: tuple[str, ManifestEntry]) -> None:
    _, entry = delivered
    exact, noisy = (held_out_people(LiftSamples(tracks(), COCO, MUCO, 6, 1, n), 3) for n in (False, True))
    first, second = check_engine(entry, exact, noisy)
    assert 100 < first.mpjpe_mm < 2000
    assert first.pa_mpjpe_mm < first.mpjpe_mm
    assert second.mpjpe_mm != first.mpjpe_mm
    screen = attr.evolve(entry, parameters={**entry.parameters, "input": "screen"})
    with pytest.raises(EngineError, match=r"expected a lifter with input person .* got input screen, 3 features"):
        check_engine(screen, exact, noisy)


def test_lift_errors_by_hand() -> None:
    target = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    # Turned, twice as large and elsewhere: only the root-relative distance sees it.
    turned = 2 * target[:, [1, 2, 0]] + 5
    error = lift_error(turned[None], target[None], root=0)
    assert error.mpjpe_mm == pytest.approx(1000 * np.sqrt(5))  # e.g. (0, 0, 2) for (1, 0, 0)
    assert error.pa_mpjpe_mm == pytest.approx(0, abs=1e-9)
