"""Options that several commands share: which engines, on what, with which settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from pose3d_ros.config.settings import PARAMETERS, PipelineConfig
from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.reading.documents import parse_yaml
from pose3d_ros.reading.files import Origin

_EXAMPLE = "For example: tracker.max_age_s=2.0."


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """--engines, --backend, --preset, --param."""
    group = parser.add_argument_group("models")
    group.add_argument(
        "--engines", metavar="NAME|DIR", help=f"{PARAMETERS['engines'].description} (default: the preset's)"
    )
    group.add_argument(
        "--preset",
        choices=PARAMETERS["preset"].choices,
        default=PARAMETERS["preset"].default,
        help=PARAMETERS["preset"].description,
    )
    group.add_argument(
        "--backend",
        choices=PARAMETERS["backend"].choices,
        default=PARAMETERS["backend"].default,
        help=PARAMETERS["backend"].description,
    )
    group.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of config/pose3d.yaml, such as detector.score_threshold=0.4; may be repeated",
    )


def warn_of(problems: Iterable[str]) -> None:
    """Say on stderr what does not run as it was meant."""
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


def pipeline_config(args: argparse.Namespace) -> PipelineConfig:
    """The settings that the options ask for. Raises ConfigError for an unknown or wrong parameter."""
    return PipelineConfig.from_parameters(parameters_asked_for(args))


def parameters_asked_for(args: argparse.Namespace) -> dict[str, object]:
    """{name: value} of the parameters that the options set. Raises ConfigError for a `--param` of another form."""
    values: dict[str, object] = {"backend": args.backend, "preset": args.preset}
    if args.engines is not None:
        values["engines"] = args.engines
    values.update(parse_parameters(args.param))
    if getattr(args, "skeleton", None):
        values["skeleton"] = args.skeleton
    return values


def parse_parameters(assignments: Sequence[str], option: str = "--param") -> dict[str, object]:
    """Read `name=value` texts as {name: value}, the values as YAML. Raises ConfigError for another form."""
    values: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise ConfigError(option, expected="NAME=VALUE", got=shown(assignment), fix=_EXAMPLE)
        values[name] = parse_yaml(text, Origin(ConfigError, f"{option} {name}", _EXAMPLE))
    return values
