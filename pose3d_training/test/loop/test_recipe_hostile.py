"""Recipes of every kind: one that can be trained, or ConfigError."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import YAML, hostile_paths, mutated_text, with_hostile_value
from pose3d_ros.errors import ConfigError
from pose3d_training.loop.recipe import Recipe, find_recipe, load_recipe
from reliability_log import ReliabilityLog

RECIPE = """\
net: lifter
architecture: temporal
steps: 1000
batch_size: 64
learning_rate: 1e-03
filter_widths: [3, 3]
dropout: 0.2
bfloat16: false
"""


def opened(path: Path, text: str) -> Recipe:
    """The recipe of a text."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return load_recipe(find_recipe(str(path)))


def hostile(chance: random.Random) -> str:
    """A recipe that was tampered with."""
    return (with_hostile_value if chance.random() < 0.5 else mutated_text)(RECIPE, chance)


def test_learning_rate_may_have_an_exponent_without_a_point(tmp_path: Path) -> None:
    assert opened(tmp_path / "r.yaml", RECIPE).learning_rate == 1e-3


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_text_that_is_no_recipe_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(tmp_path / "r.yaml", text)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("key", ["net", "steps", "learning_rate", "filter_widths", "bfloat16"])
@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_value_of_another_kind_is_an_error(tmp_path: Path, key: str, text: str) -> None:
    lines = [f"{key}: {text}" if line.startswith(key) else line for line in RECIPE.splitlines()]
    fits = {"learning_rate": ["1e308"], "filter_widths": ["[1, 2]"]}
    with contextlib.nullcontext() if text in fits.get(key, []) else pytest.raises(ConfigError):
        opened(tmp_path / "r.yaml", "\n".join(lines))


def test_paths_without_a_recipe_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(ConfigError) as caught:
            load_recipe(find_recipe(path))
        assert str(caught.value).isprintable(), name


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_recipe_is_read_or_an_error(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(ConfigError):
        opened(tmp_path_factory.getbasetemp() / "recipe.yaml", hostile(chance))


@pytest.mark.slow
def test_100000_recipes(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: opened(tmp_path / "recipe.yaml", hostile(chance)), 100_000)
    record_promise("fuzzing: recipes", "a recipe or ConfigError, no hang, no blow-up", str(found), found.kept)
