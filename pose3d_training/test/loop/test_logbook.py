"""Log of a training run and TensorBoard's events."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_training.loop.logbook import Logbook, read_log


def row(step: int, loss: float) -> dict[str, float]:
    return {"step": step, "samples": 8 * step, "samples_per_s": 100.0, "learning_rate": 0.01, "loss": loss}


def events(folder: Path, name: str) -> list[tuple[int, float]]:
    """(samples, value) of a scalar in the folder's event files."""
    accumulator: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    made = accumulator.EventAccumulator(str(folder))
    made.Reload()
    return [(int(event.step), float(event.value)) for event in made.Scalars(name)]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_events_have_all_columns(tmp_path: Path) -> None:
    first = Logbook(tmp_path, "detector", 40)
    for step in (10, 20, 30):
        first.add(row(step, 1 / step))
    first.draw()
    first.close()
    again = Logbook(tmp_path, "detector", 40)  # resumed at step 10: later steps are logged again
    again.add(row(20, 0.5))
    again.close()
    np.testing.assert_allclose(events(tmp_path, "loss"), [(80, 0.1), (160, 0.5)], rtol=1e-6)
    np.testing.assert_allclose(events(tmp_path, "learning_rate"), [(80, 0.01), (160, 0.01)], rtol=1e-6)


def test_missing_tensorboard_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    book = Logbook(tmp_path, "detector", 40)
    book.add(row(10, 1.0))
    book.add(row(20, 0.5))
    book.draw()
    book.close()
    said = capsys.readouterr().out
    assert said.count("tensorboard") == 1
    assert "detector 20/40  100/s  loss 0.5" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "log.jsonl"]


def test_log_is_read_without_rows_after_the_resumed_checkpoint(tmp_path: Path) -> None:
    book = Logbook(tmp_path, "detector", 40)
    for step, loss in ((10, 3.0), (20, 2.0), (30, 1.0), (20, 1.5)):
        book.add(row(step, loss))
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 30, "sam')
    book.close()
    assert [(r["step"], r["loss"]) for r in read_log(tmp_path / "log.jsonl")] == [(10, 3.0), (20, 1.5)]
    assert read_log(tmp_path / "nowhere.jsonl") == []
