"""Every code block of the documentation runs, or names only programs, options, files, topics and keys that exist."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from docs_check.pages import PACKAGE, PAGES, Block, blocks, shell_lines
from docs_check.shell import problems
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.engines import ManifestEntry
from pose3d_ros.launching.launch_arguments import CAMERA
from pose3d_training.loop.recipe import Recipe

BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"python", "sh", "yaml", "json", "text", "bibtex"}


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.fixture(scope="module")
def sample_image() -> npt.NDArray[np.uint8]:
    """A frame of the sample recording with three people in it."""
    with BagReader(PACKAGE / "samples/people_crossing.mcap") as bag:
        return next(islice(bag.images(), 40, None)).image_bgr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_image: npt.NDArray[np.uint8]) -> Path:
    """The working folder of a block, with the files that the documentation speaks of."""
    cv2.imwrite(str(tmp_path / "photo.jpg"), sample_image)
    height_px, width_px = sample_image.shape[:2]
    video = cv2.VideoWriter(str(tmp_path / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 15, (width_px, height_px))
    for _ in range(3):
        video.write(sample_image)
    video.release()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(block: Block) -> None:
    """Run a Python block as a program of its own."""
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_block_runs_and_prints(block: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if block.reason:
        compile(block.text, str(block), "exec")
        return
    run(block)
    assert bool(capsys.readouterr().out) == ("print(" in block.text)


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_shell_block_names_only_what_exists(block: Block) -> None:
    assert [problem for line in shell_lines(block) for problem in problems(line)] == []


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_yaml_block_is_a_parameter_file_a_manifest_or_a_recipe(block: Block) -> None:
    assert yaml_problems(yaml.safe_load(block.text)) == []


def yaml_problems(content: object) -> list[str]:
    """Names in a manifest, a recipe or a file of ROS parameters that do not exist."""
    if isinstance(content, dict) and "engines" in content:
        content = content["engines"]
    if isinstance(content, list):
        known = {field.name for field in attrs.fields(ManifestEntry)}
        return [f"unknown key {key}" for entry in content for key in entry if key not in known]
    assert isinstance(content, dict)
    if "net" in content:
        known = {field.name for field in dataclasses.fields(Recipe)}
        return [f"unknown key {key}" for key in content if key not in known]
    if "extrinsics" in content:
        known = {"translation", "rotation"}
        return [f"unknown key {key}" for one in content["extrinsics"].values() for key in one if key not in known]
    if "cameras" in content:
        known = {argument.name for argument in CAMERA} | {"parameters"}
        return [f"unknown key {key}" for one in content["cameras"].values() for key in one if key not in known]
    return [
        f"unknown parameter {name}"
        for node in content.values()
        for name in parameter_names(node["ros__parameters"])
        if name not in PARAMETERS
    ]


def parameter_names(tree: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from parameter_names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def known(language: str) -> bool:
    """One of ours, or a directive of MyST."""
    return language in LANGUAGES or language.startswith(("{toctree}", "{include}", "{eval-rst}"))


def test_languages_of_blocks_are_known() -> None:
    assert [f"{block}: {block.language}" for block in BLOCKS if not known(block.language)] == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pose3d run --source a.jpg --hfov 65 --output out --colour red", "--colour"),
        ("pose3d run --source a.jpg --hfov 60", "--output"),
        ("pose3d engines built", "built"),
        ("pose3d run --source 0 --hfov 65 --output out --param detector.threshold=0.4", "detector.threshold"),
        (
            "pose3d run --source 0 --hfov 65 --output out --param detector.score_threshold=4",
            "parameter detector.score_threshold",
        ),
        ("pose3d train roots --bank a --output b", "no recipe roots"),
        ("make demonstration", "demonstration"),
        ("python tools/nothing.py", "nothing.py"),
        ("python benchmarks/performance.py --fast", "--fast"),
        ("ros2 launch pose3d_ros pose3d.launch.py picture_topic:=/a", "picture_topic"),
        ("ros2 run pose3d_ros bag_player --ros-args -p file:=a", "file"),
        ("ros2 run pose3d_ros hri_bridge --ros-args -r persons:=people_smoothed", "unknown topic persons"),
        ("ros2 topic echo /persons", "/persons"),
        ("ros2 param set /pose_node detector.score_threshold high", "detector.score_threshold"),
        ('ros2 service call /pose_node/enable std_srvs/srv/SetBool "{on: true}"', "on: true"),
        ("ros2 lifecycle set /pose_node start", "start"),
        ("git clone REPOSITORY pose3d", "REPOSITORY"),
        ("colcon bild", "colcon bild"),
        ("source tools/environment.sh", "environment.sh"),
        ("cd somewhere && make tests", "tests"),
    ],
)
def test_wrong_command_is_found(line: str, problem: str) -> None:
    assert problem in " ".join(problems(line))


def test_broken_python_block_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```python\nfrom pose3d_ros.engines import open_engine\n\nopen_engine(gpu=True)\n```\n")
    (block,) = blocks(page)
    with pytest.raises(TypeError, match="gpu"):
        run(block)


def test_blocks_are_found_with_language_reason_and_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "A\n\n    make demo  # a comment\n    make \\\n      test\n\n```python not run: a reason\nx = 1\n```\n"
    )
    shell, python = blocks(page)
    assert (shell.language, shell.line, list(shell_lines(shell))) == ("sh", 3, ["make demo", "make        test"])
    assert (python.language, python.reason, python.line) == ("python", "a reason", 7)


def test_unknown_key_of_yaml_is_found() -> None:
    assert yaml_problems([{"name": "a", "licence_text": "b"}]) == ["unknown key licence_text"]
    assert yaml_problems({"/**": {"ros__parameters": {"tracker": {"age": 1}}}}) == ["unknown parameter tracker.age"]
