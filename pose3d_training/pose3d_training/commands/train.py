"""`pose3d train`: one net from a recipe. Needs torch, which the set-up for tests and training installs."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path

from pose3d_ros.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("recipe", type=Path, help="a file of pose3d_training/recipes")
    parser.add_argument("--bank", type=Path, metavar="DIR", help="rendered people (detector, root_pose)")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="bodies and recorded motions (smoother, lifter)")
    parser.add_argument(
        "--backgrounds", type=Path, metavar="DIR", nargs="*", default=[], help="pictures without people"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="checkpoints and curves; an unfinished run there goes on"
    )
    parser.add_argument(
        "--engine",
        type=Path,
        metavar="FILE",
        help="start from a delivered .onnx or from the checkpoint.pt of another run of the same net (fine-tuning)",
    )
    parser.add_argument(
        "--describe", action="store_true", help="print the net's parameters and arithmetic, and train nothing"
    )
    parser.add_argument("--device", default="", help="cpu, cuda, …; empty: a GPU where there is one")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the net, 0 = all")


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(
            "training", expected="torch", got="none installed", fix="Run `make setup`, or pip install it."
        )
    if args.describe:
        from pose3d_training.commands.describe import describe
        from pose3d_training.loop.recipe import load_recipe

        print(describe(load_recipe(args.recipe)))
        return 0
    if args.output is None:
        raise ConfigError("option --output", expected="a folder for the run", got="none", fix="Add --output runs/NAME.")
    from pose3d_training.commands.training_run import Folders, train

    folders = Folders(args.output, args.bank, args.assets, tuple(args.backgrounds))
    train(args.recipe, folders, args.device, args.threads, args.engine, os.environ)
    return 0
