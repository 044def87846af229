"""The device's stream, as far as a CPU shows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pose3d_ros.engines.device.torch_device import TorchDevice

torch = pytest.importorskip("torch")


def test_stream_is_entered_once_in_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    device, entered = TorchDevice("cpu"), []

    @contextmanager
    def stream(_: object) -> Iterator[None]:
        entered.append(threading.current_thread().name)
        yield

    def nested() -> None:
        with device.on_stream(), device.on_stream():
            pass

    monkeypatch.setattr(torch.cuda, "stream", stream)
    with device.on_stream():
        nested()
        other = threading.Thread(target=nested, name="builder")
        other.start()
        other.join()
    assert entered == [threading.current_thread().name, "builder"]
