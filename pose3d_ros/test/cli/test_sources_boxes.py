"""Files of boxes of every kind: detections, or InputError."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import hostile_paths, mutated_text
from pose3d_ros.cli.sources import BoxFile
from pose3d_ros.errors import InputError
from reliability_log import ReliabilityLog

BOXES = '{"a.png": [[10, 20.5, 100, 200], [1e2, 0, 5, 5]], "0": [], "17": [[-5, -5, 640, 480]]}'
HOSTILE = {
    "nothing": "",
    "no object": "[[1, 2, 3, 4]]",
    "no number": '{"0": [[NaN, 0, 1, 1]]}',
    "infinity": '{"0": [[0, 0, Infinity, 1]]}',
    "1e999": '{"0": [[0, 0, 1e999, 1]]}',
    "400 digits": f'{{"0": [[0, 0, {"9" * 400}, 1]]}}',
    "5000 digits": f'{{"0": [[0, 0, {"9" * 5000}, 1]]}}',
    "1e308 twice": '{"0": [[1e308, 0, 1e308, 1]]}',
    "true": '{"0": [[0, 0, true, 1]]}',
    "twice": '{"0": [], "0": []}',
    "nested": '{"0": ' + "[" * 100_000,
    "text": '{"0": ["' + "x" * 100_000 + '"]}',
    "deep box": '{"0": [' + "[" * 400 + "]" * 400 + "]}",
    "three": '{"0": [[0, 0, 1]]}',
    "empty box": '{"0": [[0, 0, 0, 1]]}',
    "control characters": '{"\\u001b[2J\\ud800": 3}',
}


def opened(path: Path, text: str) -> BoxFile:
    """The boxes of a text, looked up as a run does."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    boxes = BoxFile(path)
    for number, name in enumerate(("a.png", "b.png")):
        boxes.of_frame(name, number)
    return boxes


def hostile(chance: random.Random) -> str:
    """A file of boxes that was tampered with."""
    return mutated_text(BOXES, chance) if chance.random() < 0.9 else chance.choice(list(HOSTILE.values()))


def test_boxes_are_found_by_name_stem_and_number(tmp_path: Path) -> None:
    boxes = opened(tmp_path / "boxes.json", BOXES)
    assert [len(boxes.of_frame(name, 0)) for name in ("a.png", 17, "c.png")] == [2, 1, 0]
    assert boxes.of_frame("a.png", 0)[0].box_xyxy_px.tolist() == [10, 20.5, 110, 220.5]
    assert boxes.unused == ()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_that_has_no_boxes_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="boxes") as caught:
        opened(tmp_path / "boxes.json", text)
    assert len(str(caught.value)) < 3000
    assert str(caught.value).isprintable()


def test_paths_without_boxes_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(InputError, match=r"expected a (readable|file of up to)") as caught:
            BoxFile(Path(path))
        assert str(caught.value).isprintable(), name


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_boxes_are_detections_or_an_error(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(InputError):
        opened(tmp_path_factory.getbasetemp() / "boxes.json", hostile(chance))


@pytest.mark.slow
def test_100000_files_of_boxes(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: opened(tmp_path / "boxes.json", hostile(chance)), 100_000)
    record_promise("fuzzing: boxes", "detections or InputError, no hang, no blow-up", str(found), found.kept)
