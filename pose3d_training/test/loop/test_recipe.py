"""Recipes: saving, loading, and errors."""

from pathlib import Path
from typing import Any

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_training.loop.recipe import ARCHITECTURES, Recipe, find_recipe, load_recipe, shipped_recipes

MINIMAL: dict[str, Any] = {"net": "detector", "steps": 10, "batch_size": 2, "learning_rate": 1e-3}
LIFTER = "net: lifter\narchitecture: residual\nsteps: 3\nbatch_size: 1\nlearning_rate: 1.0\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_saved_recipe_loads_unchanged(tmp_path: Path) -> None:
    recipe = Recipe(**MINIMAL, filter_widths=(3, 5))
    lifter = {**MINIMAL, "net": "lifter", "architecture": "residual"}
    losses = {"joints": 10.0, "other": [[0.0, 1.0], [1.0, 0.0]]}
    weak = Recipe(**lifter, losses=losses, labeled_share=0.5)
    weak.save(tmp_path / "weak.yaml")
    assert load_recipe(tmp_path / "weak.yaml") == weak
    recipe.save(tmp_path / "r.yaml")
    assert load_recipe(tmp_path / "r.yaml") == recipe


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("net: detector\nstep: 3\n", "step"),
        ("net: painter\nsteps: 3\nbatch_size: 1\nlearning_rate: 1.0\n", "painter"),
        ("net: detector\nsteps: many\nbatch_size: 1\nlearning_rate: 1.0\n", "many"),
        ("net: detector\nsteps: 0\nbatch_size: 1\nlearning_rate: 1.0\n", "steps"),
        ("net: detector\n", "steps"),
        (LIFTER.replace("residual", "''"), "one of residual, stereo, repnet, sem_gcn, temporal, got ''"),
        (LIFTER + "losses: {right_view: 1}\n", "right_view with stereo only"),
        ("net: detector\narchitecture: residual\nsteps: 3\nbatch_size: 1\nlearning_rate: 1.0\n", "net is no lifter"),
        ("net: detector\ndropout: 1.0\nsteps: 3\nbatch_size: 1\nlearning_rate: 1.0\n", "below 1, got 1.0"),
        (LIFTER + "losses: {joints: much}\n", "recipe key losses.*weights, or lists"),
        (LIFTER + "losses: {joints: [[0, 1]]}\n", "recipe key losses"),
        (LIFTER + "losses: {joints: [[1, 1], [0, 1]]}\n", "recipe key losses"),
        (LIFTER + "losses: joints\n", "recipe key losses"),
        (LIFTER + "second_view_deg: 90\n", "second_view_deg: expected 0 or more, below 90"),
        (
            LIFTER + "lifter_input: region\nsecond_view_deg: 9\n",
            "second_view_deg: expected 0, unless a lifter of persons",
        ),
        (LIFTER + "hidden_share: 1.1\n", "hidden_share: expected 0 to 1"),
        (LIFTER + "lifter_input: region\nhidden_share: 0.5\n", "hidden_share: expected 0, unless a lifter of persons"),
        (LIFTER + "labeled_share: 0\n", "above 0, up to 1"),
        ("net: detector\nlosses: {joints: 1}\nsteps: 3\nbatch_size: 1\nlearning_rate: 1.0\n", "a lifter of persons"),
        (LIFTER + "occluded_share: 1.5\n", "occluded_share: expected 0 to 1"),
        (LIFTER + "patch_occluder_share: 0.1\n", "at least 1 together with patch"),
        (LIFTER + "photographs_share: 1.0\n", "above 0, below 1"),
        (LIFTER + "lifter_input: image\n", "lifter_input: expected one of person, region, got 'image'"),
        (LIFTER.replace("residual", "sem_gcn") + "lifter_input: region\n", "unless architecture is residual"),
        ("- a list\n", "list"),
        ("a: [1", "readable YAML"),
    ],
)
def test_wrong_recipe_is_an_error(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_recipe(write(tmp_path / "r.yaml", text))


SHIPPED = list(shipped_recipes().values())


def test_recipe_is_found_by_name_or_path(tmp_path: Path) -> None:
    assert find_recipe("root_pose") == shipped_recipes()["root_pose"]
    own = write(tmp_path / "own.yaml", "net: detector\n")
    assert find_recipe(str(own)) == own
    with pytest.raises(ConfigError, match=r"one of detector, .*root_pose.*, got 'painter'"):
        find_recipe("painter")


def test_shipped_recipes_cover_every_net() -> None:
    assert {load_recipe(p).net for p in SHIPPED} == {"detector", "root_pose", "smoother", "lifter"}


def test_shipped_recipes_cover_every_lifter_architecture() -> None:
    assert {r.architecture for r in map(load_recipe, SHIPPED) if r.net == "lifter"} == set(ARCHITECTURES)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipe_has_short_warm_up_and_several_checkpoints(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.warmup_steps < recipe.steps / 10
    assert recipe.log_every <= recipe.save_every <= recipe.steps / 5
