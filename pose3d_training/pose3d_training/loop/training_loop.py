"""The training loop every net shares: cosine schedule, mixed precision, averaged weights, resumable checkpoints."""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, IterableDataset

from pose3d_ros.errors import ConfigError
from pose3d_training.loop.distributed import Processes
from pose3d_training.loop.fine_tune import start_from_engine
from pose3d_training.loop.logbook import Logbook
from pose3d_training.loop.optimizers import make_optimizer
from pose3d_training.loop.precision import MixedPrecision, half_type
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import read_checkpoint, samples_seen, start_from_checkpoint

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Batch = dict[str, Tensor]
Sample = TypeVar("Sample", bound="DataclassInstance")

_STATISTICS_BATCHES = 24
"""Batches of which the normalizations of a net that starts from an engine take their statistics."""
_ALONE = Processes()


def collate(samples: Sequence[DataclassInstance]) -> Batch:
    """Stack samples (dataclasses of arrays) field by field into tensors."""
    names = [f.name for f in fields(samples[0])]
    return {name: torch.from_numpy(np.stack([np.asarray(getattr(s, name)) for s in samples])) for name in names}


def loaded(samples: IterableDataset[Sample], recipe: Recipe) -> Iterator[Batch]:
    """Endless batches of endless samples, made by the recipe's workers; pinned where a GPU will want them."""
    loader = DataLoader(
        samples,
        recipe.batch_size,
        num_workers=recipe.workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
    )
    return iter(loader)


class Task(ABC):
    """A net, its samples and its loss; `metrics` are named scalars for the log."""

    module: nn.Module

    @abstractmethod
    def batches(self, seed: int) -> Iterator[Batch]:
        """Endless batches, different for another seed."""

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Scalar loss of a batch and what to log beside it."""


class _Objective(nn.Module):
    """A task's loss as a module: what synchronises gradients has to see the whole forward pass."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.module = task.module
        self._task = task

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return self._task.loss(batch)


class Trainer:
    """Runs a task for the recipe's steps and leaves its checkpoint, its log and its recipe in `folder`.

    Of several processes each has its own data, batch_size is that of each, and the first one alone logs and saves.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        folder: Path,
        device: str | torch.device = "cpu",
        processes: Processes = _ALONE,
    ) -> None:
        self.task, self.recipe, self.folder, self.processes = task, recipe, folder, processes
        self.device = torch.device(device)
        task.module.to(self.device)
        if recipe.net != "smoother":
            task.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(recipe, task.module)
        self.average = AveragedModel(task.module, avg_fn=self._blend, use_buffers=True)
        self.precision = MixedPrecision(self.device, half_type(self.device) if recipe.bfloat16 else None)
        self.step = 0
        self.samples = 0

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to 1% of the recipe's rate."""
        done = min(step / self.recipe.steps, 1.0)
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
        return self.recipe.learning_rate * min(1.0, (step + 1) / max(self.recipe.warmup_steps, 1)) * cosine

    def start_from(self, engine: Path) -> None:
        """Begin with a delivered engine's weights or a run's averaged ones, unless the folder has a checkpoint.

        engine: a .onnx, or a checkpoint.pt of another run. Raises EngineError for one of another net, ConfigError for
        another kind of file.
        """
        if not self.processes.leads or (self.folder / "checkpoint.pt").exists():
            return  # the other processes get the first one's weights
        if engine.suffix not in (".onnx", ".pt") or not engine.is_file():
            raise ConfigError(
                "option --engine",
                expected="a file: a delivered .onnx or a run's checkpoint.pt",
                got=str(engine),
                fix="Name one that exists, or leave the option out.",
            )
        if engine.suffix == ".pt":
            start_from_checkpoint(self.task.module, engine)
            return
        source = self.task.batches(seed=self.recipe.seed * 100003 + 99991)
        batches = [{k: v.to(self.device) for k, v in next(source).items()} for _ in range(_STATISTICS_BATCHES)]
        start_from_engine(self.task.module, engine, [partial(self.task.loss, batch) for batch in batches])

    def run(self) -> nn.Module:
        """Train to the end (or go on from the folder's checkpoint) and return the averaged net."""
        if self.processes.leads:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        if self.processes.leads:  # after it: a folder of another net keeps its recipe
            self.recipe.save(self.folder / "recipe.yaml")
        objective = self.processes.synchronised(_Objective(self.task), self.device)
        batches = self.task.batches(seed=self.processes.seed(self.recipe.seed * 100003 + self.step))
        logbook = Logbook(self.folder, self.recipe.net, self.recipe.steps)
        objective.train()
        began, since = time.monotonic(), self.samples
        while self.step < self.recipe.steps:
            logged = self._one_step(objective, next(batches))
            if self.processes.leads and self.step % self.recipe.log_every == 0:
                logbook.add(self._row(logged, (self.samples - since) / (time.monotonic() - began)))
            if self.processes.leads and (self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps):
                self.save()
                logbook.draw()
        logbook.close()
        return self.average.module

    def _one_step(self, objective: nn.Module, batch: Batch) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        with self.precision.forward():
            loss, logged = objective(batch)
        self.precision.update(loss, self.optimizer, self.task.module.parameters())
        self.step += 1
        self.samples += self.recipe.batch_size * self.processes.count
        self.average.update_parameters(self.task.module)
        return {"loss": loss.detach(), **logged}

    def _blend(self, averaged: Tensor, current: Tensor, _: Tensor | int) -> Tensor:
        """Exponential average with a short memory at first: it must not keep the random start."""
        if not averaged.is_floating_point():
            return current
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        return torch.lerp(current, averaged, decay)

    def _row(self, logged: dict[str, Tensor], samples_per_s: float) -> dict[str, float]:
        row = {"step": self.step, "samples": self.samples, "samples_per_s": round(samples_per_s, 1)}
        rate = {"learning_rate": float(f"{self.learning_rate(self.step):.4g}")}
        return row | rate | {k: round(float(v), 5) for k, v in logged.items()}

    def save(self) -> None:
        """Write checkpoint.pt through a temporary file, so that a stop never leaves half of one."""
        state = {
            "step": self.step,
            "samples": self.samples,
            "module": self.task.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.precision.state_dict(),
        }
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Take up the folder's checkpoint where there is one; the first process reads it for all."""
        path = self.folder / "checkpoint.pt"
        state = self.processes.shared(read_checkpoint(path) if self.processes.leads and path.exists() else None)
        if state is None:
            return
        try:
            self.task.module.load_state_dict(state["module"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            # Checkpoints of before the loss was scaled have no precision.
            self.precision.load_state_dict(state.get("precision", {}))
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"checkpoint {path}",
                expected="one of this recipe's net and optimiser",
                got=str(error).splitlines()[0],
                fix="Choose another --output, and start from the old run with --engine.",
            ) from error
        self.step = state["step"]
        self.samples = samples_seen(state, self.recipe.batch_size)
