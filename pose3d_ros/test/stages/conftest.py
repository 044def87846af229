"""Engines that answer what a test tells them, and the manifest entries that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

from pose3d_ros.engines import Engine, ManifestEntry, Normalization, TensorSpec

Feeds = Mapping[str, npt.NDArray[Any]]
Answer = Callable[[Feeds], dict[str, npt.NDArray[Any]]]
MakeEngine = Callable[..., Engine]
MakeEntry = Callable[..., ManifestEntry]


class AnsweringEngine(Engine):
    """Gives what `answer` makes of its feeds, and keeps the feeds of every call."""

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], answer: Answer) -> None:
        super().__init__("answering", inputs, outputs)
        self.answer = answer
        self.calls: list[Feeds] = []

    def _run(self, feeds: Feeds) -> dict[str, npt.NDArray[Any]]:
        self.calls.append(feeds)
        return self.answer(feeds)

    def _release(self) -> None:
        self.calls = []


@pytest.fixture
def make_engine() -> MakeEngine:
    def make(answer: Answer, inputs: Mapping[str, tuple[int | str, ...]], **outputs: tuple[int | str, ...]) -> Engine:
        specs = tuple(TensorSpec(name, shape, "float32") for name, shape in inputs.items())
        return AnsweringEngine(specs, tuple(TensorSpec(n, s, "float32") for n, s in outputs.items()), answer)

    return make


@pytest.fixture
def make_entry() -> MakeEntry:
    def make(decoder: str, **changes: Any) -> ManifestEntry:
        fields: dict[str, Any] = {
            "name": "test",
            "roles": ("pose", "root"),
            "file": Path("test.onnx"),
            "sha256": "0" * 64,
            "decoder": decoder,
            "input_size_px": None,
            "normalization": Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb"),
            "skeleton": None,
            "units": "m",
            "license": "Apache-2.0",
            "training_data": "none",
        }
        return ManifestEntry(**{**fields, **changes})

    return make
