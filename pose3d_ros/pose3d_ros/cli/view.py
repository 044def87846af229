"""`pose3d view`: people in a browser page, on the image and in 3D, of what runs now or of files."""

from __future__ import annotations

import argparse
import importlib.util
import threading
import webbrowser
from typing import TYPE_CHECKING

from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.source_run import add_source_options
from pose3d_ros.errors import ConfigError

if TYPE_CHECKING:
    from pose3d_ros.viewer.web_server import WebServer

VISER = "viser==1.1.1"
_LOCAL, _PORT = "127.0.0.1", 8060


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="people.jsonl or the folder that `pose3d run` wrote, a recording with people; or an image, a video, a "
        "recording, a dataset or a camera in which they are found now. Without: what the nodes publish now",
    )
    parser.add_argument("--smoothed", action="store_true", help="the people behind the smoother")
    parser.add_argument(
        "--images", metavar="SOURCE", help="what people.jsonl was found in: a video, a recording, a folder of images"
    )
    page = parser.add_argument_group("page")
    page.add_argument("--host", default=_LOCAL, help="address to listen on (%(default)s: this machine only)")
    page.add_argument("--port", type=int, default=_PORT, help="port, else the next free one (%(default)s)")
    page.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    live = parser.add_argument_group("what the nodes publish now")
    live.add_argument("--namespace", default="", metavar="NS", help="of the nodes")
    live.add_argument("--people-topic", metavar="TOPIC", help="people (default: people, or people_smoothed)")
    add_source_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    if importlib.util.find_spec("viser") is None:
        fix = f"`pip install {VISER}`, with this Python."
        raise ConfigError("page", expected="the package viser, which serves it", got="not installed", fix=fix)
    if not 1 <= args.port <= 65535:
        raise ConfigError("--port", expected="1 to 65535", got=str(args.port), fix="The default is 8060.")
    if args.source is None:
        from pose3d_ros.cli.live_graph import require_ros

        require_ros()
        from pose3d_ros.cli.view_live import view_live as view
    else:
        from pose3d_ros.cli.view_files import view_files as view
    server = serve_page(args)
    try:
        from pose3d_ros.viewer.page import Page

        return view(args, Page(server))
    except KeyboardInterrupt:
        return 0
    finally:
        server.stop()


def serve_page(args: argparse.Namespace) -> WebServer:
    """The server of the page, with words on where it is. Raises ConfigError as `WebServer`."""
    from pose3d_ros.viewer.web_server import WebServer, is_public

    server = WebServer(args.host, args.port, "pose3d view")
    port = server.get_port()
    if port != args.port:
        warn_of((f"port {args.port} is taken: the page is on {port}",))
    if is_public(args.host):
        warn_of((f"everyone who reaches {args.host}:{port} sees the people and the images, without a password",))
    shown_host = _LOCAL if args.host in ("0.0.0.0", "::") else args.host
    url = f"http://{f'[{shown_host}]' if ':' in shown_host else shown_host}:{port}"
    print(f"Open {url} in a browser. Ctrl-C ends it.", flush=True)
    if args.open:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return server
