"""Several processes that train one net together, on one machine or many, as torchrun starts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pose3d_ros.errors import ConfigError

T = TypeVar("T")

_SEEDS_APART = 1_000_000_007
"""Between the data seeds of two processes: further than any step number that a resumed run adds to its seed."""
_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together: its number, the one on its machine, and how many there are."""

    rank: int = 0
    local_rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that logs and saves."""
        return self.rank == 0

    def device(self, wanted: str) -> torch.device:
        """The device of this process; empty: a GPU where there is one. Of several GPUs each process has its own."""
        kind = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(kind, self.local_rank) if kind == "cuda" and self.count > 1 else torch.device(kind)

    def seed(self, seed: int) -> int:
        """A seed for this process's data; the first one's is the seed itself."""
        return seed + self.rank * _SEEDS_APART

    def shared(self, value: T) -> T:
        """The first process's value, in all of them."""
        if self.count == 1:
            return value
        box: list[T] = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def synchronised(self, module: nn.Module, device: torch.device) -> nn.Module:
        """The module with gradients averaged over the processes; it starts everywhere with the first one's weights.

        On GPUs batch normalizations take their statistics over all processes as well.
        """
        if self.count == 1:
            return module
        if device.type != "cuda":
            return DistributedDataParallel(module)
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(synchronised, device_ids=[device])


@contextmanager
def joined(environment: Mapping[str, str], device: str = "") -> Iterator[Processes]:
    """Join the processes that torchrun's variables in the environment name; alone where there are none.

    Raises ConfigError when some of the variables are missing or are no numbers.
    """
    if _number(environment, "WORLD_SIZE", 1) == 1:
        yield Processes()
        return
    processes = _named_in(environment)
    if processes.device(device).type == "cuda":
        torch.cuda.set_device(processes.device(device))
    dist.init_process_group(
        "nccl" if processes.device(device).type == "cuda" else "gloo", rank=processes.rank, world_size=processes.count
    )
    try:
        yield processes
    finally:
        dist.destroy_process_group()


def _named_in(environment: Mapping[str, str]) -> Processes:
    missing = [name for name in _TORCHRUN if not environment.get(name)]
    if missing:
        raise ConfigError(
            "environment of a training with several processes",
            expected=", ".join(_TORCHRUN),
            got=f"no {' and no '.join(missing)}",
            fix="Start it with torchrun, or unset WORLD_SIZE.",
        )
    rank, local_rank, count = (_number(environment, name, 0) for name in _TORCHRUN[:3])
    return Processes(rank, local_rank, count)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit():
        raise ConfigError(
            f"environment variable {name}", expected="a whole number", got=repr(text), fix="Start it with torchrun."
        )
    return int(text)
