"""The training loop on a net of one weight."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from pose3d_ros.training.loop import Batch, Task, Trainer, averaged_weights, collate
from pose3d_ros.training.recipe import Recipe


class Line(Task):
    """y = 3x, learned."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = nn.Linear(1, 1)

    def batches(self, seed: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield {"x": torch.randn(16, 1, generator=generator)}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, Batch]:
        error = (self.module(batch["x"]) - 3 * batch["x"]).square().mean()
        return error, {"error": error.detach()}


def recipe(steps: int) -> Recipe:
    return Recipe(
        net="smoother", steps=steps, batch_size=16, learning_rate=0.1, warmup_steps=5, bfloat16=False,
        log_every=10, save_every=20, weight_decay=0.0, ema_decay=0.9,
    )  # fmt: skip


def test_it_learns_and_leaves_its_trace(tmp_path: Path) -> None:
    Trainer(Line(), recipe(120), tmp_path).run()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 120
    assert rows[-1]["error"] < 0.2 * rows[0]["error"]
    assert (tmp_path / "recipe.yaml").exists()
    assert set(averaged_weights(tmp_path / "checkpoint.pt")) == set(Line().module.state_dict())


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    first = Trainer(Line(), recipe(40), tmp_path)
    first.run()
    second = Trainer(Line(), recipe(60), tmp_path)
    second.resume()
    assert second.step == 40
    for a, b in zip(first.task.module.parameters(), second.task.module.parameters(), strict=True):
        assert torch.equal(a, b)
    second.run()
    assert second.step == 60


def test_learning_rate_warms_up_and_ends_low(tmp_path: Path) -> None:
    trainer = Trainer(Line(), recipe(100), tmp_path)
    assert trainer.learning_rate(0) == pytest.approx(0.1 / 5, rel=1e-3)
    assert trainer.learning_rate(5) > trainer.learning_rate(50) > trainer.learning_rate(100)
    assert trainer.learning_rate(100) == pytest.approx(0.001)


def test_collate_stacks_by_field() -> None:
    @dataclass
    class Sample:
        a: npt.NDArray[np.float64]
        b: np.float32

    batch = collate([Sample(np.zeros(3), np.float32(1)), Sample(np.ones(3), np.float32(2))])
    assert batch["a"].shape == (2, 3)
    assert batch["b"].tolist() == [1, 2]
