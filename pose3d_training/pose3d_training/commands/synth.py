"""`pose3d synth`: rendered people, backgrounds, a look at the samples composed of them, and recordings of crossings."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from pose3d_ros.errors import ConfigError

_KINDS = ("scenes", "crops", "detector", "sprites")
_CROSSINGS = ("crossing", "occlusion", "leaving_entering", "crowd", "turning_camera")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    _add_people(what.add_parser("people", help="render people, each alone with alpha, into a bank"))
    _add_backgrounds(what.add_parser("backgrounds", help="draw rooms and streets without people"))
    _add_preview(
        what.add_parser("preview", help="a contact sheet of scenes, crops and sprites with their ground truth")
    )
    _add_crossings(
        what.add_parser("crossings", help="a recording of people who cross, with ground truth and transforms")
    )
    for one in what.choices.values():
        # Left out, it must not undo what stands before the name of the part.
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the full traceback")


def _add_people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, metavar="DIR", required=True, help="bodies and recorded motions")
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="the bank; a stopped run is resumed")
    parser.add_argument("--count", type=int, default=24_000, help="people of all shards together (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="0 to 99 (%(default)s)")
    parser.add_argument("--split", choices=("train", "eval"), default="train", help="(%(default)s)")
    parser.add_argument("--shard", default="0/1", metavar="K/N", help="render part K of N, from 0 (%(default)s)")
    _add_images(parser, "images that clothes are printed with")


def _add_backgrounds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder of the images")
    parser.add_argument("--count", type=int, default=400, help="images (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    _add_images(parser, "textures of walls, floors and posters")


def _add_images(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument("--images", "--pictures", type=Path, nargs="*", default=[], metavar="DIR", help=about)


def _add_preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bank", type=Path, metavar="DIR", required=True, help="rendered people")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", nargs="*", default=[], help="images without people")
    parser.add_argument("--output", type=Path, metavar="FILE", required=True, help="the sheet, a .png")
    parser.add_argument("--seed", type=int, default=0, help="other samples for another seed (%(default)s)")
    parser.add_argument("--kind", choices=_KINDS, default="", help="only these, and more of them (default: all)")


def _add_crossings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, metavar="DIR", required=True, help="bodies and recorded motions")
    parser.add_argument("--output", type=Path, metavar="BAG", required=True, help="the recording, name.mcap")
    parser.add_argument("--kind", choices=_CROSSINGS, default="crossing", help="what happens (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="0 to 99 (%(default)s)")
    parser.add_argument("--split", choices=("train", "eval"), default="eval", help="(%(default)s)")
    parser.add_argument("--frames", type=int, default=150, help="images (%(default)s)")
    parser.add_argument("--rate", type=int, choices=(10, 15, 30), default=15, help="images a second (%(default)s)")


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    needs = {"people": "moderngl", "crossings": "moderngl", "preview": "torch", "backgrounds": "cv2"}
    _require(needs[args.what])
    {"people": _people, "backgrounds": _backgrounds, "preview": _preview, "crossings": _crossings}[args.what](args)
    return 0


def _people(args: argparse.Namespace) -> None:
    shard, shards = _shard(args.shard)
    from pose3d_training.synthetic.sprites import render_bank

    render_bank(args.assets, args.output, args.count, args.seed, args.split, shard, shards, args.images)


def _backgrounds(args: argparse.Namespace) -> None:
    from pose3d_training.synthetic.background import write_backgrounds
    from pose3d_training.synthetic.image_folders import load_images

    write_backgrounds(args.output, args.count, args.seed, load_images(args.images))
    print(f"{args.count} images in {args.output}")


def _preview(args: argparse.Namespace) -> None:
    from pose3d_training.tasks.preview import Preview, write_preview

    write_preview(args.bank, args.backgrounds, args.output, Preview(args.kind, args.seed))
    print(f"written to {args.output}")


def _crossings(args: argparse.Namespace) -> None:
    from pose3d_training.synthetic.crossings import CrossingChoice, write_crossing

    choice = CrossingChoice(args.kind, args.seed, args.split, args.frames, args.rate)
    write_crossing(choice, args.assets, args.output, _say_progress)
    print(f"written to {args.output}")


def _say_progress(done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        print(f"{done}/{of} images", flush=True)


def _shard(text: str) -> tuple[int, int]:
    k, _, n = text.partition("/")
    if not (k.isdigit() and n.isdigit() and int(k) < int(n)):
        raise ConfigError("option --shard", expected="K/N with K < N", got=text, fix="Number shards from 0: 0/2, 1/2.")
    return int(k), int(n)


def _require(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            "synthetic people", expected=package, got="none installed", fix="Run `make setup`, or pip install it."
        )
