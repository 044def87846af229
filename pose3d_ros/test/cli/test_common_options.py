"""`--param NAME=VALUE` and numbers of options: settings, or an error that names the option."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import TOKENS, YAML, mutated_text
from pose3d_ros.cli.common_options import parse_parameters
from pose3d_ros.config.settings import PARAMETERS, NodeConfig
from pose3d_ros.errors import ConfigError
from reliability_log import ReliabilityLog

NAMES = (*PARAMETERS, "silence_warning_s", "tracker", "", "detector.score_treshold", "\x1b[2J", "9" * 5000)


def configured(assignments: list[str]) -> NodeConfig:
    """The settings of `--param` options."""
    return NodeConfig.from_parameters(parse_parameters(assignments))


def hostile(chance: random.Random) -> list[str]:
    """A few options, some with values that are known to hurt."""

    def one() -> str:
        name = chance.choice(NAMES)
        default = str(PARAMETERS[name].default) if name in PARAMETERS else "1"
        value = chance.choice((default, chance.choice(TOKENS), mutated_text(default, chance)))
        return f"{name}={value}" if chance.random() < 0.95 else mutated_text(f"{name}={value}", chance)

    return [one() for _ in range(chance.randint(1, 3))]


@pytest.mark.parametrize(("text", "value"), [("1e-01", 0.1), ("3e-2", 0.03), ("1", 1.0), ("+.5", 0.5)])
def test_numbers_are_read_as_people_write_them(text: str, value: float) -> None:
    assert configured([f"detector.score_threshold={text}"]).pipeline.detector.score_threshold == value


@pytest.mark.parametrize("name", ["detector.score_threshold", "detector.max_people", "publish_tf", "engines"])
@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_value_of_another_kind_is_an_error_that_names_the_parameter(name: str, text: str) -> None:
    if name == "engines" and text in ("2020-13-45", "x" * 10_000):
        return  # the name of a folder
    with pytest.raises(ConfigError, match=name) as caught:
        configured([f"{name}={text}"])
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("assignment", ["", "=", "=1", "name", "\0", "no_such=1", "9" * 5000 + "=1"])
def test_assignment_of_another_form_is_an_error(assignment: str) -> None:
    with pytest.raises(ConfigError):
        configured([assignment])


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_parameters_are_settings_or_an_error(chance: random.Random) -> None:
    with contextlib.suppress(ConfigError):
        configured(hostile(chance))


@pytest.mark.slow
def test_100000_parameters(record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: configured(hostile(chance)), 100_000)
    record_promise("fuzzing: parameters", "settings or ConfigError, no hang, no blow-up", str(found), found.kept)
