"""The training loop every net shares: cosine schedule, mixed precision, averaged weights, resumable checkpoints."""

from __future__ import annotations

import json
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pose3d_ros.training.recipe import Recipe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Batch = dict[str, Tensor]


def collate(samples: Sequence[DataclassInstance]) -> Batch:
    """Stack samples (dataclasses of arrays) field by field into tensors."""
    names = [f.name for f in fields(samples[0])]
    return {name: torch.from_numpy(np.stack([np.asarray(getattr(s, name)) for s in samples])) for name in names}


class Task(ABC):
    """A net, its samples and its loss; `metrics` are named scalars for the log."""

    module: nn.Module

    @abstractmethod
    def batches(self, seed: int) -> Iterator[Batch]:
        """Endless batches, different for another seed."""

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Scalar loss of a batch and what to log beside it."""


class Trainer:
    """Runs a task for the recipe's steps and leaves checkpoint.pt, log.jsonl and recipe.yaml in `folder`."""

    def __init__(self, task: Task, recipe: Recipe, folder: Path, device: str = "cpu") -> None:
        self.task, self.recipe, self.folder, self.device = task, recipe, folder, torch.device(device)
        task.module.to(self.device)
        if recipe.net != "smoother":
            task.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            task.module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.average = AveragedModel(task.module, avg_fn=self._blend, use_buffers=True)
        self.step = 0

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to 1% of the recipe's rate."""
        done = min(step / self.recipe.steps, 1.0)
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
        return self.recipe.learning_rate * min(1.0, (step + 1) / self.recipe.warmup_steps) * cosine

    def run(self) -> nn.Module:
        """Train to the end (or go on from the folder's checkpoint) and return the averaged net."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.recipe.save(self.folder / "recipe.yaml")
        self.resume()
        batches = self.task.batches(seed=self.recipe.seed * 100003 + self.step)
        self.task.module.train()
        began, since = time.monotonic(), self.step
        while self.step < self.recipe.steps:
            logged = self._one_step(next(batches))
            if self.step % self.recipe.log_every == 0:
                rate = (self.step - since) * self.recipe.batch_size / (time.monotonic() - began)
                self._log(logged, rate)
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self.save()
        return self.average.module

    def _one_step(self, batch: Batch) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            loss, logged = self.task.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.task.module.parameters(), 20.0)
        self.optimizer.step()
        self.step += 1
        self.average.update_parameters(self.task.module)
        return {"loss": loss.detach(), **logged}

    def _blend(self, averaged: Tensor, current: Tensor, _: Tensor | int) -> Tensor:
        """Exponential average with a short memory at first: it must not keep the random start."""
        if not averaged.is_floating_point():
            return current
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        return torch.lerp(current, averaged, decay)

    def _log(self, logged: dict[str, Tensor], rate: float) -> None:
        row = {"step": self.step, "samples": self.step * self.recipe.batch_size, "samples_per_s": round(rate, 1)}
        values = {k: round(float(v), 5) for k, v in logged.items()}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({**row, **values}) + "\n")
        print(
            f"{self.recipe.net} {self.step}/{self.recipe.steps}  {rate:.0f}/s  "
            + "  ".join(f"{k} {v:.4g}" for k, v in values.items()),
            flush=True,
        )

    def save(self) -> None:
        """Write checkpoint.pt through a temporary file, so that a stop never leaves half of one."""
        state = {
            "step": self.step,
            "module": self.task.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Take up the folder's checkpoint where there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.task.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def averaged_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The averaged net's state dict out of a checkpoint that `Trainer` wrote."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    return {k.removeprefix("module."): v for k, v in state.items() if k.startswith("module.")}
