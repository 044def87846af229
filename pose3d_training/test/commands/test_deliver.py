"""A short training of each lifter, delivered as an engine and scored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import attr
import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric")

from pose3d_ros.engines import ManifestEntry, RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.engines.spec.manifest import write_manifest
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.landmarks.body_joints import RegionLifter, is_region_lifter
from pose3d_ros.stages.lift.lift_decoders import LiftSizes, lift_net
from pose3d_ros.types import Array
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import averaged_weights
from pose3d_training.loop.training_loop import Trainer
from pose3d_training.synthetic.body_points import LANDMARKS
from pose3d_training.tasks.landmark_errors import LandmarkErrors
from pose3d_training.tasks.lifting import LandmarkLifterTask, LifterTask, build_lifter, lifted
from pose3d_training.tasks.lifting_samples import LiftSample, LiftSamples

pytest.importorskip("moderngl")

from pose3d_training.commands.deliver import main
from pose3d_training.tasks.lifting_check import check_engine, held_out_people, run_lifter

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")
RECIPE = Recipe(
    net="lifter", architecture="residual", steps=3, batch_size=4, learning_rate=1e-3, channels=8, blocks=1,
    filter_widths=(3, 3), warmup_steps=1, bfloat16=False, workers=0, log_every=1, save_every=3,
)  # fmt: skip
NETS = {
    "lifter_frame": RECIPE,
    "lifter_frame of two views": replace(RECIPE, architecture="stereo", losses={"joints": 10.0, "right_view": 1.0}),
    "lifter_frame without normalization": replace(RECIPE, architecture="repnet"),
    "lifter_frame of graphs": replace(RECIPE, architecture="sem_gcn"),
    "videopose3d_step": replace(RECIPE, architecture="temporal"),
    "videopose3d": replace(RECIPE, architecture="temporal", causal=False),
}


def samples(tracks: list[Array], count: int, frames: int = 6, noisy: bool = True) -> list[LiftSample]:
    return list(islice(LiftSamples(tracks, COCO, MUCO, frames, 1, noisy), count))


@pytest.fixture(scope="module", params=list(NETS))
def delivered(
    tracks: list[Array], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ManifestEntry]:
    name, folder = str(request.param), tmp_path_factory.mktemp("lifter")
    torch.manual_seed(0)
    Trainer(LifterTask(NETS[name], tracks), NETS[name], folder / "lifter", open_fabric(device="cpu")).run()
    assert main(["--runs", str(folder), "--output", str(folder)]) == 0
    return name, load_manifest(folder).for_role("lifter")


def test_delivered_entry_describes_the_run(delivered: tuple[str, ManifestEntry]) -> None:
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


def test_delivered_engine_gives_the_outputs_of_training(
    tracks: list[Array], delivered: tuple[str, ManifestEntry]
) -> None:
    name, entry = delivered
    module = build_lifter(NETS[name])
    module.load_state_dict(averaged_weights(entry.file.parent / "lifter" / "checkpoint.pt"))
    features = np.stack([sample.features for sample in samples(tracks, 3)])
    with torch.no_grad():
        wanted = lifted(module.eval(), torch.from_numpy(features)).numpy()
    wanted -= wanted[:, :, [MUCO.root]]
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        found = run_lifter(lift_net(RoleEngine(engine, entry), LiftSizes(17, 3, 21)), features)
    # A symmetric net runs with its newest frame for those to come: only the last frame is as in training.
    kept = slice(-1, None) if name == "videopose3d" else slice(None)
    np.testing.assert_allclose(found[:, kept], wanted[:, kept], atol=1e-4)
    assert (found[:, :, MUCO.root] == 0).all() or np.abs(found[:, :, MUCO.root]).max() < 1e-6


def test_lifter_check_scores_exact_and_noisy_people(tracks: list[Array], delivered: tuple[str, ManifestEntry]) -> None:
    _, entry = delivered
    exact, noisy = (held_out_people(LiftSamples(tracks, COCO, MUCO, 6, 1, n), 3) for n in (False, True))
    first, second = check_engine(entry, exact, noisy)
    assert 100 < first.mpjpe_mm < 2000
    assert first.pa_mpjpe_mm < first.mpjpe_mm
    assert second.mpjpe_mm != first.mpjpe_mm
    screen = attr.evolve(entry, parameters={**entry.parameters, "input": "screen"})
    with pytest.raises(EngineError, match=r"expected a lifter with input person .* got input screen, 3 features"):
        check_engine(screen, exact, noisy)


def test_lifter_of_landmarks_is_delivered_for_the_landmark_stage(tmp_path: Path) -> None:
    recipe = replace(RECIPE, lifter_input="region")
    pool = np.random.default_rng(0).uniform([-0.4, -0.8, -0.3], [0.4, 0.8, 0.3], (40, 31, 3))
    errors = LandmarkErrors(
        np.zeros((19, 5)), np.zeros((30, 19, 2)), np.ones((30, 19)), np.zeros((30, 4)), np.zeros((30, 19, 2))
    )
    Trainer(LandmarkLifterTask(recipe, (pool, errors)), recipe, tmp_path / "lifter", open_fabric(device="cpu")).run()
    assert main(["--runs", str(tmp_path), "--output", str(tmp_path)]) == 0
    entry = load_manifest(tmp_path).for_role("lifter")
    other = attr.evolve(entry, name="other", roles=("smoother",), file=tmp_path / "other.onnx")
    shutil.copy(entry.file, other.file)
    write_manifest(tmp_path, [attr.evolve(entry, name="old"), other])
    assert main(["--runs", str(tmp_path), "--output", str(tmp_path)]) == 0
    assert [e.name for e in load_manifest(tmp_path).entries] == [entry.name, "other"]
    assert entry.name == "lifter-residual-landmarks-8-synthetic"
    assert entry.parameters == {"input": "region", "landmarks": list(LANDMARKS), "input_features": 3}
    assert is_region_lifter(entry)
    fitted = {"score_parts": ["Ankle"], "sigma_weights": [1.0]}
    scored = tmp_path / "scored"
    scored.mkdir()
    path = shutil.copy(entry.file, scored / "lifter.onnx")
    write_manifest(scored, [attr.evolve(entry, file=Path(path), parameters={**entry.parameters, **fitted})])
    replace(recipe, recordings=2).save(tmp_path / "lifter" / "recipe.yaml")
    assert main(["--runs", str(tmp_path), "--output", str(tmp_path), "--scores-of", str(scored)]) == 0
    entry = load_manifest(tmp_path).for_role("lifter")
    assert entry.parameters == {"input": "region", "landmarks": list(LANDMARKS), "input_features": 3, **fitted}
    assert entry.name == "lifter-residual-landmarks-8-recorded"
    assert str(entry.training_data).endswith("; 2 recordings of the user's own")
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        assert RegionLifter(RoleEngine(engine, entry)) is not None
