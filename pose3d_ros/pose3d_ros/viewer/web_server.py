"""viser's web server on one address, without what would let others in: the only importer of viser."""

from __future__ import annotations

import contextlib
import errno
import io
import ipaddress
import socket
import warnings
from typing import Any
from urllib.parse import urlsplit

import viser

from pose3d_ros.errors import ConfigError

PORT = 8060
_TRIED_PORTS = 50


class WebServer(viser.ViserServer):
    """Serves one page. Raises ConfigError for an address or port that can't be had.

    Differs from viser's: no share links, which would carry the page outside; on this machine's own address, no
    connection from a page of another site that the same browser has open; and no words on stdout.

    host: address to listen on. port: the one wanted; the next free one is taken in its place.
    """

    def __init__(self, host: str, port: int, label: str) -> None:
        self._is_local = _is_loopback(host)
        free = free_port(host, port)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(host=host, port=free, label=label, verbose=False)
        self._websock_server.on_client_connect(self._check_origin)

    def request_share_url(self, verbose: bool = True) -> str | None:
        """None: nothing is shared."""
        return None

    def stop(self) -> None:
        """End it, silently."""
        with contextlib.redirect_stdout(io.StringIO()):
            super().stop()

    async def _check_origin(self, client: Any) -> None:
        """Browsers let any page open a WebSocket to this machine, and say which page it was."""
        connection = self._websock_server._live_connections.get(client.client_id)
        headers = None if connection is None or connection.request is None else connection.request.headers
        if headers is None or connection is None:
            return
        if not is_own_origin(headers.get("Origin"), headers.get("Host"), local=self._is_local):
            await connection.close(1008, "another site's page")


def is_own_origin(origin: str | None, host: str | None, *, local: bool) -> bool:
    """Whether a request comes from the served page itself, or from a program, which names no origin.

    local: whether the page is for this machine alone, so that it must have been opened by a name of this machine.
    """
    if origin is None:
        return True
    name = urlsplit(origin)
    if local:
        return _is_loopback(name.hostname or "")
    return name.netloc == (host or "")


def free_port(host: str, port: int) -> int:
    """The port, or the next free one. Raises ConfigError for an address that is not this machine's, and for no port."""
    for tried in range(port, min(port + _TRIED_PORTS, 65536)):
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, tried, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            fix = "Use 127.0.0.1, or 0.0.0.0 for all addresses of this machine."
            raise ConfigError("--host", expected="an address of this machine", got=host, fix=fix) from error
        return tried
    fix = "Name another with --port."
    raise ConfigError("--port", expected="a free port", got=f"none from {port} on", fix=fix)


def is_public(host: str) -> bool:
    """Whether others than this machine reach what listens there."""
    return not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
