"""The commands of `pose3d` and their options, as their parsers have them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pose3d_ros.cli.extensions import TRAINING_COMMANDS
from pose3d_ros.cli.main import COMMANDS, build_parser
from reference_tables.markdown_table import literal, sentence, table

_HEAD = ("argument", "values", "default", "meaning")
_LONGEST = 60


def command_tables() -> str:
    """A heading and a table for each command, those of the training package last."""
    return "\n".join(_section(name) for name in (*COMMANDS, *TRAINING_COMMANDS))


def _section(name: str) -> str:
    parser = _subparsers(build_parser(name))[name]
    brought = " It comes with pose3d_training." if name in TRAINING_COMMANDS else ""
    return f"### pose3d {name}\n\n{sentence(parser.description or '')}{brought}\n\n" + _tables(parser, f"pose3d {name}")


def _tables(parser: argparse.ArgumentParser, prog: str) -> str:
    """Of a parser, then of its own commands, those with the same options together."""
    parts = [table(_HEAD, _rows(parser))]
    alike: dict[str, list[str]] = {}
    for name, one in _subparsers(parser).items():
        about = sentence(one.description or _help_of(parser, name))
        alike.setdefault(_tables(one, f"{prog} {name}"), []).append(f"- `{prog} {name}`: {about}\n")
    for options, commands in alike.items():
        parts += ["".join(commands), options]
    return "\n".join(filter(None, parts))


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def _help_of(parser: argparse.ArgumentParser, name: str) -> str:
    actions = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return next((str(one.help) for one in actions[0]._choices_actions if one.dest == name), "")


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)) or action.dest == "debug":
            continue
        about = parser._get_formatter()._expand_help(action) if action.help else ""
        needed = "required" if action.required and action.option_strings else ""
        yield _name(action), _values(action), needed or _default(action), about


def _name(action: argparse.Action) -> str:
    return ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"


def _values(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.choices is not None:
        return ", ".join(str(one) for one in action.choices)
    metavar = action.metavar or (action.dest.upper() if action.option_strings else "")
    return " ".join(metavar) if isinstance(metavar, tuple) else (metavar if action.option_strings else "")


def _default(action: argparse.Action) -> str:
    value = action.default
    if value in (None, False, [], "", argparse.SUPPRESS) or action.nargs == 0:
        return ""
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return literal(text) if len(text) <= _LONGEST and not text.startswith("/") else ""
