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

from pose3d_ros.errors import ConfigError, EngineError
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import averaged_weights
from pose3d_training.loop.training_loop import Batch, Task, Trainer, collate


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
    assert rows[-1]["samples"] == 120 * 16
    assert rows[-1]["learning_rate"] == pytest.approx(0.001)
    assert (tmp_path / "recipe.yaml").exists()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
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


def test_a_run_from_before_samples_were_counted_goes_on(tmp_path: Path) -> None:
    Trainer(Line(), recipe(20), tmp_path).run()
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    old = {name: state[name] for name in ("step", "module", "average", "optimizer")}
    torch.save(old, path)
    trainer = Trainer(Line(), recipe(40), tmp_path)
    trainer.run()
    assert (trainer.step, trainer.samples) == (40, 640)


def test_a_run_starts_from_anothers_averaged_weights(tmp_path: Path) -> None:
    Trainer(Line(), recipe(60), tmp_path / "a").run()
    second = Trainer(Line(), recipe(20), tmp_path / "b")
    second.start_from(tmp_path / "a" / "checkpoint.pt")
    assert second.step == 0
    wanted = averaged_weights(tmp_path / "a" / "checkpoint.pt")
    assert torch.equal(second.task.module.state_dict()["weight"], wanted["weight"])
    second.run()
    third = Trainer(Line(), recipe(20), tmp_path / "b")  # an unfinished run goes on rather than start anew
    third.start_from(tmp_path / "a" / "checkpoint.pt")
    assert not torch.equal(third.task.module.state_dict()["weight"], wanted["weight"])


def test_a_checkpoint_of_another_net_is_named(tmp_path: Path) -> None:
    Trainer(Line(), recipe(20), tmp_path / "a").run()
    wider = Line()
    wider.module = nn.Linear(1, 2)
    with pytest.raises(EngineError, match=r"weight is \(1, 1\), not \(2, 1\)"):
        Trainer(wider, recipe(20), tmp_path / "b").start_from(tmp_path / "a" / "checkpoint.pt")


@pytest.mark.parametrize("name", ["nothing.pt", "nothing.onnx", "log.jsonl"])
def test_what_is_no_engine_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(ConfigError, match="--engine"):
        Trainer(Line(), recipe(20), tmp_path / "b").start_from(tmp_path / name)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(EngineError, match=r"broken\.pt"):
        Trainer(Line(), recipe(20), tmp_path / "b").start_from(tmp_path / "broken.pt")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(EngineError, match=r"other\.pt"):
        Trainer(Line(), recipe(20), tmp_path / "b").start_from(tmp_path / "other.pt")


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
