"""A headless Chromium with software WebGL, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from websockets.sync.client import connect

from pose3d_ros.types import ImageArray

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_START_S = 40.0
_OPTIONS = (
    "--headless=new --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars --remote-debugging-port=0"
).split()


class HeadlessBrowser:
    """A context manager with one page. requests: the URLs that the page asked for. folder: of the browser's profile."""

    def __init__(self, folder: Path, size_px: tuple[int, int] = (1280, 720)) -> None:
        assert PROGRAM is not None
        self._folder, self._numbers = folder, itertools.count(1)
        self.requests: list[str] = []
        self.messages: list[str] = []
        command = [PROGRAM, *_OPTIONS, f"--window-size={size_px[0]},{size_px[1]}", f"--user-data-dir={folder}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def __enter__(self) -> HeadlessBrowser:
        address = self._address()
        self._socket = connect(address, max_size=None)
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session: str | None = None
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            self._session = None
            self._call("Browser.close")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()

    def open(self, url: str) -> None:
        """Go to a page."""
        self._call("Page.navigate", {"url": url})

    def wait(self, seconds: float) -> None:
        """Let the page run."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                self._note(json.loads(self._socket.recv(left)))

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        found = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True})
        return found["result"].get("value")

    def wait_for(self, script: str, timeout_s: float = 60.0) -> Any:
        """The first value of a script that is true. Raises AssertionError when there is none in time."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            value = self.evaluate(script)
            if value:
                return value
            self.wait(0.3)
        raise AssertionError(f"not within {timeout_s} s: {script}; {self.messages[-3:]}; {self.evaluate(_TEXT)}")

    @property
    def text(self) -> str:
        """All words of the page."""
        return str(self.evaluate(_TEXT))

    def screenshot(self) -> ImageArray:
        """The page as (H, W, 3) uint8 BGR."""
        data = base64.b64decode(self._call("Page.captureScreenshot", {"format": "png"})["data"])
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return np.asarray(image, dtype=np.uint8)

    def scene_when(self, there: Callable[[ImageArray], bool], timeout_s: float = 90.0) -> ImageArray:
        """The 3D part of the page when it is as it should be, (H, W, 3) uint8 BGR."""
        until = time.monotonic() + timeout_s
        while True:
            left = self.evaluate(_SCENE_RIGHT_PX)
            scene = self.screenshot()[:, : int(left)] if left else None
            if scene is not None and there(scene):
                return scene
            if time.monotonic() > until:
                raise AssertionError(f"the scene is not as it should be; {self.text}; {self.messages[-3:]}")
            self.wait(0.5)

    def _address(self) -> str:
        file, until = self._folder / "DevToolsActivePort", time.monotonic() + _START_S
        while time.monotonic() < until:
            with suppress(OSError):
                lines = file.read_text().splitlines()
                if len(lines) == 2:
                    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            assert self._process.poll() is None, "the browser ended"
            time.sleep(0.1)
        raise AssertionError("the browser did not start")

    def _call(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        number = next(self._numbers)
        call: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if getattr(self, "_session", None):
            call["sessionId"] = self._session
        self._socket.send(json.dumps(call))
        while True:
            message = json.loads(self._socket.recv(60))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(parameters["url"])
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.messages.append(json.dumps(parameters)[:500])


def colored_share(image: ImageArray, color_bgr: tuple[int, int, int], apart: int = 36) -> float:
    """Share of the pixels of about that color."""
    return float((np.abs(image.astype(int) - color_bgr).max(axis=2) <= apart).mean())


_SCENE_RIGHT_PX = (
    "[...document.images].filter(i => i.naturalWidth >= 300).map(i => i.getBoundingClientRect().left)[0] - 12"
)
_TEXT = "document.body ? document.body.innerText : ''"
