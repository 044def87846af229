"""Solvers are named one by one, or all."""

from __future__ import annotations

import pytest

from pose3d_ros.config.root_settings import SIMILARITY, RootConfig, SceneConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.root_search import SIMILARITY_SOLVERS


def test_unknown_solver_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="depth"):
        RootConfig(solvers="similarity,deepth")
    with pytest.raises(ConfigError):
        RootConfig(solvers=" , ")
    assert RootConfig(solvers="ground").uses("ground")
    assert not RootConfig(solvers="ground").uses("depth")
    assert RootConfig().uses("depth")


def test_one_way_to_read_the_size_takes_the_place_of_the_others() -> None:
    assert RootConfig().similarity == "similarity"
    assert not RootConfig().names_similarity
    mixed = RootConfig(solvers="all, search")
    assert mixed.similarity == "search"
    assert [name for name in SIMILARITY if mixed.uses(name)] == ["search"]
    assert mixed.uses("ground")
    assert not RootConfig(solvers="search").uses("learned")


def test_two_that_read_the_same_are_refused() -> None:
    with pytest.raises(ConfigError, match="Leave all but one"):
        RootConfig(solvers="similarity,mehta,ground")


def test_every_name_has_a_solver() -> None:
    assert tuple(SIMILARITY_SOLVERS) == SIMILARITY


def test_heights_by_id() -> None:
    scene = SceneConfig(known_heights=" p3f7a_12: 1.82, 7:1.1 ", known_height_m=1.75)
    assert [scene.height_of(number) for number in (12, 7, 3)] == [1.82, 1.1, 1.75]
    assert SceneConfig().height_of(12) == 0.0


@pytest.mark.parametrize("text", ["p3f7a_12", "p3f7a_12: tall", "p3f7a: 1.8", "p3f7a_12: 182", "a_1: nan"])
def test_heights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="known_heights"):
        SceneConfig(known_heights=text)
