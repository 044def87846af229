"""`pose3d view` of files as a process, in a browser where there is one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli.view_files import frames_of, people_file
from pose3d_ros.evaluation.recording.predictions import read_predictions

from ..conftest import CAMERA_INFO, FRAME_ID, IMAGES, MUCO, Scene
from .conftest import Pose3d

if find_spec("viser") is None:
    pytest.skip("needs viser", allow_module_level=True)

from ..viewer.headless_browser import PROGRAM, HeadlessBrowser, colored_share

needs_browser = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
LEFT_BGR = (41, 144, 232)
HAS_WORDS = "(document.body && document.body.innerText.includes({!r}))"


@contextmanager
def viewing(*words: object) -> Iterator[str]:
    """The page's address while the command runs; it ends by Ctrl-C, without an error."""
    command = [sys.executable, "-m", "pose3d_ros.cli.main", "view", *map(str, words), "--port", "8500"]
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # ignored where a script runs the tests with &
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, preexec_fn=attended)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.communicate(timeout=30)[1]
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (0, False), errors


@pytest.fixture
def bag_with_people(scene: Scene, tmp_path: Path) -> Path:
    """Images, camera_info, people, and people_smoothed, in which one is missing."""
    path = tmp_path / "people.mcap"
    with BagWriter(path) as bag:
        for i, stamp_ns in enumerate(scene.stamps_ns):
            bag.write_image(IMAGES, stamp_ns, FRAME_ID, scene.image(i))
            bag.write_camera(CAMERA_INFO, stamp_ns, FRAME_ID, scene.camera)
            people = scene.ground_truth[i]
            bag.write_people("/people", stamp_ns, FRAME_ID, people, MUCO, model="of a test")
            bag.write_people("/people_smoothed", stamp_ns, FRAME_ID, people[:2], MUCO, model="of a test")
    return path


def test_files_with_people_are_told_from_others(
    bag_with_people: Path, recording: Path, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "people.jsonl").touch()
    assert people_file(str(folder)) == folder / "people.jsonl"
    assert people_file("x.jsonl") == Path("x.jsonl")
    assert people_file(str(bag_with_people)) == bag_with_people
    for other in (recording, photos, "video.mp4", "0"):
        assert people_file(str(other)) is None


def test_smoothed_people_are_chosen_where_they_are(bag_with_people: Path) -> None:
    predictions = read_predictions(bag_with_people)
    for smoothed, count in ((False, 3), (True, 2)):
        frames = frames_of(predictions, smoothed=smoothed)
        assert {len(frame.people) for frame in frames.values()} == {count}
        assert list(frames) == [frame.stamp_ns for frame in predictions.frames]


@needs_browser
def test_recording_with_people_is_played(bag_with_people: Path, tmp_path: Path) -> None:
    with viewing(bag_with_people) as url, HeadlessBrowser(tmp_path / "browser", (1280, 720)) as browser:
        browser.open(url)
        browser.wait_for(HAS_WORDS.format("of 30"))
        browser.wait_for(HAS_WORDS.format("from people's feet"))
        browser.scene_when(lambda image: colored_share(image[len(image) // 4 :], LEFT_BGR) > 1e-4)
        assert "models" in browser.text
        first = re.search(r"(\d+) of 30", browser.text)
        assert first
        browser.wait_for(f"!{HAS_WORDS.format(first[0])}")  # it plays
        browser.evaluate("[...document.querySelectorAll('button')].find(b => b.innerText === 'Pause').click()")
        browser.wait_for("[...document.querySelectorAll('button')].some(b => b.innerText === 'Play')")
        browser.wait(1.0)
        held = re.search(r"\d+ of 30", browser.text)
        browser.wait(1.5)
        assert held
        assert held[0] in browser.text


@needs_browser
def test_people_of_a_video_are_shown_on_its_images(video: Path, engines: Path, pose3d: Pose3d, tmp_path: Path) -> None:
    pose3d("run", "--source", video, "--hfov", 60, "--output", tmp_path / "run", "--engines", engines, "--no-overlay")
    words = (tmp_path / "run", "--images", video, "--hfov", 60)
    with viewing(*words) as url, HeadlessBrowser(tmp_path / "browser", (1280, 720)) as browser:
        browser.open(url)
        browser.wait_for(HAS_WORDS.format("of 10"))
        browser.wait_for("[...document.images].some(i => i.naturalWidth === 320)")


@needs_browser
def test_source_is_shown_while_people_are_found_in_it(
    recording: Path, photos: Path, engines: Path, tmp_path: Path
) -> None:
    options: dict[Path, tuple[object, ...]] = {recording: (), photos: ("--hfov", 60)}
    for source, more in options.items():
        with (
            viewing(source, "--engines", engines, *more) as url,
            HeadlessBrowser(tmp_path / source.stem / "browser", (1280, 720)) as browser,
        ):
            browser.open(url)
            browser.wait_for(HAS_WORDS.format("of 8" if source == recording else "of 3"))
            browser.wait_for("[...document.images].some(i => i.naturalWidth === 320)")


def test_source_without_a_usable_frame_ends_with_its_error(engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    printed = pose3d("view", broken, "--hfov", 60, "--engines", engines, "--port", 8520, code=2)
    assert "broken.png" in printed
