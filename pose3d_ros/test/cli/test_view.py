from __future__ import annotations

import argparse
import socket
from importlib.util import find_spec

import pytest

from pose3d_ros.cli import view
from pose3d_ros.cli.main import build_parser

from .conftest import Pose3d

needs_viser = pytest.mark.skipif(find_spec("viser") is None, reason="needs viser")


def parsed(*words: str) -> argparse.Namespace:
    return build_parser("view").parse_args(["view", *words])


def test_page_is_for_this_machine_unless_asked_otherwise() -> None:
    args = parsed()
    assert (args.host, args.source, args.smoothed, args.open) == ("127.0.0.1", None, False, False)


def test_missing_viser_is_said_with_the_remedy(pose3d: Pose3d, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert f"pip install {view.VISER}" in pose3d("view", code=2)


@needs_viser
def test_impossible_port_and_address_are_errors(pose3d: Pose3d, tmp_path: object) -> None:
    assert "expected 1 to 65535" in pose3d("view", tmp_path, "--port", 70000, code=2)
    assert "an address of this machine" in pose3d("view", tmp_path, "--host", "203.0.113.7", code=2)


@needs_viser
@pytest.mark.parametrize("name", ["nothing.mp4", "people.jsonl"])
def test_source_that_is_not_there_is_an_error(pose3d: Pose3d, tmp_path: object, name: str) -> None:
    assert "no such file" in pose3d("view", f"{tmp_path}/{name}", "--hfov", 60, code=2)


@needs_viser
def test_taken_port_and_open_page_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = view.serve_page(parsed("--host", "0.0.0.0", "--port", str(port)))
        server.stop()
    printed = capsys.readouterr()
    assert f"port {port} is taken: the page is on {server.get_port()}" in printed.err
    assert "sees the people and the images, without a password" in printed.err
    assert printed.out == f"Open http://127.0.0.1:{server.get_port()} in a browser. Ctrl-C ends it.\n"
