from __future__ import annotations

import re
import socket
import urllib.request
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pose3d_ros.errors import ConfigError
from pose3d_ros.viewer.page import Page
from pose3d_ros.viewer.web_server import WebServer, free_port, is_own_origin, is_public


def test_page_is_served_to_this_machine(page: Page) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{page.server.get_port()}/", timeout=20) as answer:
        assert b"<html" in answer.read()[:2000].lower()
    assert page.server.get_host() == "127.0.0.1"


def test_starting_and_ending_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    server = WebServer("127.0.0.1", 8400, "x")
    server.stop()
    assert capfd.readouterr().out == ""


def test_nothing_is_shared_outside(page: Page) -> None:
    assert page.server.request_share_url() is None


def test_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 50


@pytest.mark.parametrize("host", ["203.0.113.7", "no such name.invalid"])
def test_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("expected an address of this machine")):
        free_port(host, 8060)


@pytest.mark.parametrize(
    ("host", "public"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("192.168.1.4", True)],
)
def test_only_loopback_addresses_are_private(host: str, public: bool) -> None:
    assert is_public(host) is public


@pytest.mark.parametrize(
    ("origin", "host", "local", "own"),
    [
        (None, "127.0.0.1:8060", True, True),
        ("http://127.0.0.1:8060", "127.0.0.1:8060", True, True),
        ("http://localhost:9000", "localhost:9000", True, True),  # by a forwarded port
        ("https://example.com", "127.0.0.1:8060", True, False),
        ("http://example.com:8060", "example.com:8060", True, False),  # a name that was made to mean this machine
        ("http://robot:8060", "robot:8060", False, True),
        ("https://example.com", "robot:8060", False, False),
        ("null", "127.0.0.1:8060", True, False),
    ],
)
def test_origin(origin: str | None, host: str, local: bool, own: bool) -> None:
    assert is_own_origin(origin, host, local=local) is own


def _messages(page: Page, origin: Any) -> int:
    """How many messages a page of that origin gets."""
    import viser

    url = f"ws://127.0.0.1:{page.server.get_port()}"
    protocol: Any = f"viser-v{viser.__version__}"
    with connect(url, origin=origin, subprotocols=[protocol], max_size=None) as socket_:
        try:
            socket_.recv(10)
        except ConnectionClosed:
            return 0
    return 1


def test_pages_of_other_sites_get_nothing(page: Page) -> None:
    assert _messages(page, "https://example.com") == 0
    assert _messages(page, f"http://127.0.0.1:{page.server.get_port()}") == 1
