"""The training loop every net shares: cosine schedule, mixed precision, averaged weights, resumable checkpoints."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
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
from pose3d_ros.output_files import output_error
from pose3d_ros.reading.files import is_file
from pose3d_training.loop.fine_tune import start_from_engine
from pose3d_training.loop.logbook import Logbook
from pose3d_training.loop.optimizers import make_optimizer
from pose3d_training.loop.recipe import Recipe
from pose3d_training.loop.run_checkpoints import read_checkpoint, samples_seen, start_from_checkpoint

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from lightning_fabric import Fabric

Batch = dict[str, Tensor]
Loss = tuple[Tensor, dict[str, Tensor]]
"""The scalar loss, and named scalars for the log."""
Sample = TypeVar("Sample", bound="DataclassInstance")

_STATISTICS_BATCHES = 24
"""Batches over which a net that starts from an engine takes the statistics of its batch normalizations."""
_MAX_GRADIENT_NORM = 20.0
_SEED_STRIDE = 1_000_000_007
"""Between the data seeds of two processes: further than any step number that a resumed run adds to its seed."""


def collate(samples: Sequence[DataclassInstance]) -> Batch:
    """Stack samples (dataclasses of arrays) field by field into tensors."""
    names = [f.name for f in fields(samples[0])]
    return {name: torch.from_numpy(np.stack([np.asarray(getattr(s, name)) for s in samples])) for name in names}


def loaded(samples: IterableDataset[Sample], recipe: Recipe) -> Iterator[Batch]:
    """Endless batches of endless samples, made by the recipe's workers; pinned where a GPU will want them."""
    loader = DataLoader(
        samples, recipe.batch_size, num_workers=recipe.workers, collate_fn=collate, pin_memory=torch.cuda.is_available()
    )
    return iter(loader)


class Task(ABC):
    """A net, its samples and its loss.

    auxiliary: what is trained with the net but not delivered. critic: what is trained against the net, by an optimizer
    of its own, a step for each of the net. progress: share of the training done, which the loop sets.
    """

    module: nn.Module
    auxiliary: nn.Module | None = None
    critic: nn.Module | None = None
    critic_learning_rate: float = 1e-4
    progress: float = 0.0

    @abstractmethod
    def batches(self, seed: int) -> Iterator[Batch]:
        """Endless batches, different for another seed."""

    @abstractmethod
    def loss(self, batch: Batch) -> Loss:
        """Loss of a batch and what to log beside it."""

    def critic_loss(self, batch: Batch) -> Loss:
        """Loss of the critics, through which no gradient reaches the net, and what to log beside it."""
        raise NotImplementedError


class _Objective(nn.Module):
    """Runs a loss as the forward pass of a module that has the net's parameters, as DDP needs it.

    The batch is bound in the call: Fabric would cast one among the arguments to 16 bits, the ground truth with it.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, loss: Callable[[], Loss]) -> Loss:
        return loss()


class Trainer:
    """Runs a task for the recipe's steps and leaves its checkpoint, its log and its recipe in `folder`.

    Of several processes each has its own data, batch_size is that of each, and the first one alone logs and saves.
    """

    def __init__(self, task: Task, recipe: Recipe, folder: Path, fabric: Fabric) -> None:
        self.task, self.recipe, self.folder, self.fabric = task, recipe, folder, fabric
        task.module.to(fabric.device)
        if recipe.net != "smoother":
            task.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.trained = nn.ModuleList([task.module, *filter(None, [task.auxiliary])]).to(fabric.device)
        self.optimizer = make_optimizer(recipe, self.trained)
        self.critic_optimizer = self._open_critic()
        self.average = AveragedModel(task.module, avg_fn=self._blend, use_buffers=True)
        self.step = 0
        self.samples = 0

    @property
    def checkpoint(self) -> Path:
        """The file that a stopped run resumes from."""
        return self.folder / "checkpoint.pt"

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
        if not self.fabric.is_global_zero or self.checkpoint.exists():
            return  # the other processes get the first one's weights
        if engine.suffix not in (".onnx", ".pt") or not is_file(engine):
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
        batches = [self._on_device(next(source)) for _ in range(_STATISTICS_BATCHES)]
        start_from_engine(self.task.module, engine, [partial(self.task.loss, batch) for batch in batches])

    def run(self) -> nn.Module:
        """Train to the end (or resume from the folder's checkpoint) and return the averaged net."""
        leads = self.fabric.is_global_zero
        if leads:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        if leads:  # after it: a folder of another net keeps its recipe
            self.recipe.save(self.folder / "recipe.yaml")
        objective, optimizer = self._set_up()
        seed = self.recipe.seed * 100003 + self.step + self.fabric.global_rank * _SEED_STRIDE
        batches = self.task.batches(seed)
        logbook = Logbook(self.folder, self.recipe.net, self.recipe.steps)
        objective.train()
        began, since = time.monotonic(), self.samples
        while self.step < self.recipe.steps:
            self.task.progress = self.step / self.recipe.steps
            batch = self._on_device(next(batches))
            against = self._critic_step(batch)
            logged = self._one_step(objective, optimizer, batch) | against
            if leads and self.step % self.recipe.log_every == 0:
                logbook.add(self._row(logged, round((self.samples - since) / (time.monotonic() - began), 1)))
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self.save()
                if leads:
                    logbook.draw()
        logbook.close()
        return self.average.module

    def _set_up(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Net and optimizer behind Fabric's wrappers. Every process starts with the first one's weights.

        On several GPUs batch normalizations take their statistics over all processes as well.
        """
        objective: nn.Module = _Objective(self.trained)
        if self.fabric.world_size > 1 and self.fabric.device.type == "cuda":
            objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)  # type: ignore[no-untyped-call]
        wrapped, optimizer = self.fabric.setup(objective, self.optimizer, move_to_device=False)
        return wrapped, optimizer

    def _open_critic(self) -> torch.optim.Optimizer | None:
        """Adam without momentum, as critics that learn beside their net need it (Gulrajani 2017, algorithm 1)."""
        critic = self.task.critic
        if critic is None:
            return None
        if self.fabric.world_size > 1:
            raise ConfigError(
                "recipe key losses",
                expected="no critic in a training of several processes",
                got=f"{self.fabric.world_size} processes",
                fix="Train with one process.",
            )
        critic.to(self.fabric.device)
        return torch.optim.Adam(critic.parameters(), self.task.critic_learning_rate, betas=(0.0, 0.9))

    def _critic_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train the critic, if there is one, on the net's batch, since samples cost more than steps.

        Its learning rate falls with the net's, which else could not follow it in the end. Returns what to log.
        """
        logged: dict[str, Tensor] = {}
        if self.critic_optimizer is not None:
            share = self.learning_rate(self.step) / self.recipe.learning_rate
            for group in self.critic_optimizer.param_groups:
                group["lr"] = self.task.critic_learning_rate * share
            self.critic_optimizer.zero_grad(set_to_none=True)
            loss, logged = self.task.critic_loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            self.critic_optimizer.step()
        return logged

    def _one_step(self, objective: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        optimizer.zero_grad(set_to_none=True)
        loss, logged = objective(partial(self.task.loss, batch))
        self.fabric.backward(loss)
        # float16 gradients that are not finite are no error: Fabric leaves the step out and scales the loss down.
        self.fabric.clip_gradients(objective, optimizer, max_norm=_MAX_GRADIENT_NORM, error_if_nonfinite=False)
        optimizer.step()
        self.step += 1
        self.samples += self.recipe.batch_size * self.fabric.world_size
        self.average.update_parameters(self.task.module)
        return {"loss": loss.detach(), **logged}

    def _on_device(self, batch: Batch) -> Batch:
        return {name: value.to(self.fabric.device, non_blocking=True) for name, value in batch.items()}

    def _blend(self, averaged: Tensor, current: Tensor, _: Tensor | int) -> Tensor:
        """Exponential average with a short memory at first: it must not keep the random start."""
        if not averaged.is_floating_point():
            return current
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        return torch.lerp(current, averaged, decay)

    def _row(self, logged: dict[str, Tensor], samples_per_s: float) -> dict[str, float]:
        rate = float(f"{self.learning_rate(self.step):.4g}")
        row = {"step": self.step, "samples": self.samples, "samples_per_s": samples_per_s, "learning_rate": rate}
        return row | {name: round(float(value), 5) for name, value in logged.items()}

    def save(self) -> None:
        """Write checkpoint.pt as a whole, or raise OutputError; all processes call it, the first one writes."""
        state = {
            "step": self.step,
            "samples": self.samples,
            "module": self.task.module,
            "average": self.average,
            "optimizer": self.optimizer,
            "precision": self.fabric.strategy.precision.state_dict(),
            **self._beside(),
        }
        try:
            self.fabric.save(self.checkpoint, state)
        except OSError as error:
            raise output_error(self.checkpoint, error, "The one before is kept, if any.") from error

    def _beside(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """What is trained beside the net, by its name in checkpoints."""
        named = {
            "auxiliary": self.task.auxiliary,
            "critic": self.task.critic,
            "critic_optimizer": self.critic_optimizer,
        }
        return {name: part for name, part in named.items() if part is not None}

    def resume(self) -> None:
        """Load the folder's checkpoint where there is one; the first process reads it for all."""
        leads = self.fabric.is_global_zero
        state = self.fabric.broadcast(read_checkpoint(self.checkpoint) if leads and self.checkpoint.exists() else None)
        if state is None:
            return
        try:
            self.task.module.load_state_dict(state["module"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            for name, part in self._beside().items():
                part.load_state_dict(state[name])
            # Empty unless the loss was scaled; the oldest checkpoints have none.
            if state.get("precision"):
                self.fabric.strategy.precision.load_state_dict(state["precision"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"checkpoint {self.checkpoint}",
                expected="one of this recipe's net and optimizer",
                got=str(error).splitlines()[0],
                fix="Choose another --output, and start from the old run with --engine.",
            ) from error
        self.step = state["step"]
        self.samples = samples_seen(state, self.recipe.batch_size)
