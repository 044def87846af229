"""Names of losses in recipes."""

from __future__ import annotations

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.loss_term import LossTerm
from pose3d_training.learning.registry import DEFAULT_LOSSES, TERMS, make_terms

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def test_every_term_is_made_for_any_pair_of_skeletons() -> None:
    assert set(DEFAULT_LOSSES) <= set(TERMS)
    assert all(isinstance(term, LossTerm) for term in make_terms(dict.fromkeys(TERMS, 1.0), COCO, MUCO).values())


def test_unknown_term_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"recipe key losses.*joints.*'no_term'"):
        make_terms({"joints": 1.0, "no_term": 1.0}, COCO, MUCO)
