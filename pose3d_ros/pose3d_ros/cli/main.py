"""`pose3d COMMAND …`: finds the command, and turns our errors into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType

import pose3d_ros
from pose3d_ros.cli.extensions import TRAINING_COMMANDS, extension, has_extension
from pose3d_ros.errors import OutputError, Pose3DError
from pose3d_ros.output_files import output_error

# Command → its module (with `add_arguments(parser)` and `execute(args) -> int`) and what it does. Those of
# `extensions.TRAINING_COMMANDS` come on top.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("pose3d_ros.cli.run", "find people in images, a video, a recording or a camera, and draw them"),
    "predict": ("pose3d_ros.cli.predict", "write the people of a source to one file, for pose3d evaluate"),
    "demo": ("pose3d_ros.cli.demo", "play a recording through the ROS nodes and write a report"),
    "view": ("pose3d_ros.cli.view", "show people in a browser page, in 3D and on the image, live or from files"),
    "evaluate": ("pose3d_ros.cli.evaluate", "score predictions, the models or the running nodes against ground truth"),
    "convert": ("pose3d_ros.cli.convert", "turn a dataset into a recording with ground truth, and back"),
    "engines": ("pose3d_ros.cli.engines_command", "list, verify, build, time and test the models of a folder"),
    "models": ("pose3d_ros.cli.models_command", "get the models that have seen real people, and list what is there"),
    "import": ("pose3d_ros.cli.import_command", "add third-party ONNX models and published checkpoints to a folder"),
    "doctor": ("pose3d_ros.cli.doctor", "report what is installed, what works, and what to do"),
}

EXIT_INCOMPLETE = 1
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
_SIGNALLED = 128  # and the signal's number, as shells have it


class SignalledError(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; handled as Ctrl-C is. number: the signal's."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"ended by {signal.Signals(number).name}")


@contextmanager
def _ended_properly() -> Iterator[None]:
    """Let the first SIGTERM or SIGHUP, unless ignored, unwind the command: it ends its children, finishes its files."""

    def unwind(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SignalledError(number)

    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, unwind)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser with the arguments of one command, or with the commands' names alone."""
    parser = argparse.ArgumentParser(
        prog="pose3d", description="Absolute 3D skeletons, in metres, of every person that one camera sees."
    )
    parser.add_argument("--version", action="version", version=f"pose3d {pose3d_ros.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in {**{name: text for name, (_, text) in COMMANDS.items()}, **TRAINING_COMMANDS}.items():
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument("--debug", action="store_true", help="show the full traceback of an error")
        if name == command and (name in COMMANDS or has_extension(name)):
            _module(name).add_arguments(one)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(COMMANDS[command][0]) if command in COMMANDS else extension(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns the exit code: 2 after one of our errors, 1 when results could not be written, or not all of them, 130 after
    Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, else the command's.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = next((a for a in arguments if a in COMMANDS or a in TRAINING_COMMANDS), None)
    try:
        args, unknown = build_parser(command).parse_known_args(arguments)
    except ModuleNotFoundError as error:
        return _missing(command, error)
    try:
        with _ended_properly():
            module = _module(args.command)
            if unknown:
                build_parser(command).error("unrecognized arguments: " + " ".join(unknown))
            code = int(module.execute(args))
            sys.stdout.flush()
            return code
    except Pose3DError as error:
        if args.debug:
            raise
        print(f"pose3d {args.command}: {error}", file=sys.stderr)
        return EXIT_INCOMPLETE if isinstance(error, OutputError) else EXIT_ERROR
    except ModuleNotFoundError as error:
        if args.debug:
            raise
        return _missing(args.command, error)
    except BrokenPipeError:  # `| head` has read enough
        _drop_output()
        return EXIT_INCOMPLETE
    except OSError as error:
        if args.debug:
            raise
        target = Path(os.fsdecode(error.filename)) if error.filename else Path("of this command")
        print(f"pose3d {args.command}: {output_error(target, error, 'Results are missing.')}", file=sys.stderr)
        _drop_output()
        return EXIT_INCOMPLETE
    except SignalledError as error:
        print(f"pose3d {args.command}: {error}", file=sys.stderr)
        return _SIGNALLED + error.number
    except KeyboardInterrupt:
        print(f"pose3d {args.command}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _missing(command: str | None, error: ModuleNotFoundError) -> int:
    """Say which package is not installed. Raises the error where it is a module of ours."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "pose3d_ros", "pose3d_training"):
        raise error
    print(f"pose3d {command}: the Python module {package} is not installed; see `pose3d doctor`.", file=sys.stderr)
    return EXIT_ERROR


def _drop_output() -> None:
    """Let Python's own flush at the end go nowhere, where a flush has failed."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
