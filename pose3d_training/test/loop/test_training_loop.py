"""The training loop on a net of one weight."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

pytest.importorskip("lightning_fabric")

from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from pose3d_ros.errors import ConfigError, EngineError, OutputError
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import averaged_weights, read_checkpoint
from pose3d_training.loop.training_loop import Batch, Task, Trainer, collate

RECIPE = Recipe(
    net="smoother", steps=20, batch_size=16, learning_rate=0.1, warmup_steps=5, bfloat16=False, log_every=10,
    save_every=20, weight_decay=0.0, ema_decay=0.9,
)  # fmt: skip


class Line(Task):
    """y = slope x, learned."""

    def __init__(self, slope: float = 3.0) -> None:
        torch.manual_seed(0)
        self.module = nn.Linear(1, 1)
        self.slope = slope
        self.computed_in: set[torch.dtype] = set()
        self.batches_in: set[torch.dtype] = set()

    def batches(self, seed: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield {"x": torch.randn(16, 1, generator=generator)}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, Batch]:
        found = self.module(batch["x"])
        self.computed_in.add(found.dtype)
        self.batches_in.add(batch["x"].dtype)
        error = (found.float() - self.slope * batch["x"]).square().mean()
        return error, {"error": error.detach()}


def make_trainer(folder: Path, steps: int = 20, task: Task | None = None, fabric: Fabric | None = None) -> Trainer:
    return Trainer(task or Line(), replace(RECIPE, steps=steps), folder, fabric or open_fabric(device="cpu"))


def weight(trainer: Trainer) -> torch.Tensor:
    return trainer.task.module.get_parameter("weight").detach().clone()


def test_training_reduces_the_error_and_writes_log_curves_and_checkpoint(tmp_path: Path) -> None:
    make_trainer(tmp_path, 120).run()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 120
    assert rows[-1]["error"] < 0.2 * rows[0]["error"]
    assert rows[-1]["samples"] == 120 * 16
    assert rows[-1]["learning_rate"] == pytest.approx(0.001)
    assert (tmp_path / "recipe.yaml").exists()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert set(averaged_weights(tmp_path / "checkpoint.pt")) == set(Line().module.state_dict())


def test_checkpoint_without_room_keeps_the_one_before(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    trainer.run()
    before = trainer.checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OutputError, match=r"checkpoint\.pt.*The one before is kept"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert trainer.checkpoint.read_bytes() == before


def test_interrupted_run_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    first = make_trainer(tmp_path, 40)
    first.run()
    second = make_trainer(tmp_path, 60)
    second.resume()
    assert second.step == 40
    assert torch.equal(weight(first), weight(second))
    second.run()
    assert second.step == 60


def test_checkpoint_without_sample_count_and_precision_resumes(tmp_path: Path) -> None:
    make_trainer(tmp_path).run()
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    torch.save({name: state[name] for name in ("step", "module", "average", "optimizer")}, path)
    trainer = make_trainer(tmp_path, 40)
    trainer.run()
    assert (trainer.step, trainer.samples) == (40, 640)


class Duel(Line):
    """A net with an auxiliary offset, and a critic that learns y = 2."""

    critic_learning_rate = 0.15

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Linear(1, 1, bias=False)
        self.auxiliary, self.critic = self.offset, nn.Linear(1, 1)
        self.at: list[float] = []

    def loss(self, batch: Batch) -> tuple[torch.Tensor, Batch]:
        self.at.append(self.progress)
        error = (self.module(batch["x"]) + self.offset(batch["x"]) - 3 * batch["x"]).square().mean()
        return error, {"error": error.detach()}

    def critic_loss(self, batch: Batch) -> tuple[torch.Tensor, Batch]:
        assert self.critic is not None
        off = (self.critic(batch["x"]) - 2).square().mean()
        return off, {"off": off.detach()}


def test_critic_and_auxiliary_are_trained_beside_the_net_and_resumed(tmp_path: Path) -> None:
    task = Duel()
    start = task.offset.weight.detach().clone()
    make_trainer(tmp_path, 60, task).run()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["off"] < 0.5 * rows[0]["off"]
    assert task.at == pytest.approx([i / 60 for i in range(60)])
    assert not torch.equal(start, task.offset.weight)
    again = Duel()
    trainer = make_trainer(tmp_path, 80, again)
    trainer.resume()
    for part in ("auxiliary", "critic"):
        for one, other in zip(getattr(task, part).parameters(), getattr(again, part).parameters(), strict=True):
            assert torch.equal(one, other)
    assert trainer.critic_optimizer is not None
    assert trainer.critic_optimizer.state_dict()["state"][0]["step"] == 60
    (group,) = trainer.critic_optimizer.state_dict()["param_groups"]
    assert group["lr"] < 0.05 * Duel.critic_learning_rate  # as the net's, at the end of the schedule
    assert set(averaged_weights(tmp_path / "checkpoint.pt")) == set(task.module.state_dict())


def test_checkpoint_of_another_net_is_not_resumed(tmp_path: Path) -> None:
    make_trainer(tmp_path).run()
    wider = Line()
    wider.module = nn.Linear(1, 2)
    with pytest.raises(ConfigError, match="one of this recipe's net"):
        make_trainer(tmp_path, 40, wider).run()


def test_run_starts_from_averaged_weights_of_another_run_but_prefers_to_resume(tmp_path: Path) -> None:
    other = tmp_path / "a/checkpoint.pt"
    make_trainer(other.parent, 60).run()
    second = make_trainer(tmp_path / "b")
    second.start_from(other)
    assert second.step == 0
    wanted = averaged_weights(other)["weight"]
    assert torch.equal(weight(second), wanted)
    second.run()
    third = make_trainer(tmp_path / "b")
    third.start_from(other)
    assert not torch.equal(weight(third), wanted)


def test_start_from_checkpoint_of_another_net_names_the_tensor(tmp_path: Path) -> None:
    make_trainer(tmp_path / "a").run()
    wider = Line()
    wider.module = nn.Linear(1, 2)
    with pytest.raises(EngineError, match=r"weight is \(1, 1\), not \(2, 1\)"):
        make_trainer(tmp_path / "b", task=wider).start_from(tmp_path / "a/checkpoint.pt")


@pytest.mark.parametrize("name", ["nothing.pt", "nothing.onnx", "log.jsonl"])
def test_start_from_missing_or_other_kind_of_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(ConfigError, match="--engine"):
        make_trainer(tmp_path / "b").start_from(tmp_path / name)


def test_start_from_file_that_is_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(b"not a checkpoint")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    for name in ("broken.pt", "other.pt"):
        with pytest.raises(EngineError, match=name):
            make_trainer(tmp_path / "b").start_from(tmp_path / name)


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_half_precision_applies_to_the_net_only_and_learns(tmp_path: Path, precision: str) -> None:
    plugin = MixedPrecision("16-mixed" if precision == "16-mixed" else "bf16-mixed", "cpu")
    task = Line()
    trainer = make_trainer(tmp_path, 120, task, Fabric(accelerator="cpu", devices=1, plugins=[plugin]))
    trainer.run()
    half = torch.float16 if precision == "16-mixed" else torch.bfloat16
    assert task.computed_in == {half}
    assert task.batches_in == {torch.float32}  # ground truth keeps its precision
    assert float(weight(trainer)) == pytest.approx(3.0, abs=0.1)
    assert weight(trainer).dtype == torch.float32
    state = read_checkpoint(trainer.checkpoint)["precision"]
    assert bool(state) == (precision == "16-mixed")
    resumed = MixedPrecision("16-mixed", "cpu")
    make_trainer(tmp_path, 140, fabric=Fabric(accelerator="cpu", devices=1, plugins=[resumed])).resume()
    if state:
        assert resumed.state_dict() == state


def test_infinite_float16_gradient_skips_the_step_and_lowers_the_loss_scale(tmp_path: Path) -> None:
    plugin = MixedPrecision("16-mixed", "cpu")
    scale = plugin.state_dict()["scale"]
    task = Line(slope=float("inf"))
    before = task.module.state_dict()["weight"].clone()
    trainer = make_trainer(tmp_path, 1, task, Fabric(accelerator="cpu", devices=1, plugins=[plugin]))
    trainer.run()
    assert torch.equal(weight(trainer), before)
    assert plugin.state_dict()["scale"] < scale


def test_gradient_norm_is_limited(tmp_path: Path) -> None:
    task = Line(slope=1e6)
    trainer = make_trainer(tmp_path, 1, task)
    trainer.run()
    norm = torch.stack([p.grad.norm() for p in task.module.parameters() if p.grad is not None]).norm()
    assert float(norm) == pytest.approx(20.0, rel=1e-4)


def test_learning_rate_warms_up_and_ends_low(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, 100)
    assert trainer.learning_rate(0) == pytest.approx(0.1 / 5, rel=1e-3)
    assert trainer.learning_rate(5) > trainer.learning_rate(50) > trainer.learning_rate(100)
    assert trainer.learning_rate(100) == pytest.approx(0.001)


def test_collate_stacks_dataclasses_by_field() -> None:
    @dataclass
    class Sample:
        a: npt.NDArray[np.float64]
        b: np.float32

    batch = collate([Sample(np.zeros(3), np.float32(1)), Sample(np.ones(3), np.float32(2))])
    assert batch["a"].shape == (2, 3)
    assert batch["b"].tolist() == [1, 2]
