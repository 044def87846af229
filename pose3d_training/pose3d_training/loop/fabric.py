"""Device, precision and processes of a training, by Lightning Fabric."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import Literal

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from pose3d_ros.errors import ConfigError

_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def open_fabric(half: bool = False, device: str = "", environment: Mapping[str, str] = os.environ) -> Fabric:
    """Join the processes that torchrun started, or train alone where there are none, on the device of this process.

    half: 16-bit floats in the forward pass (Micikevicius et al. 2018), 32-bit weights. device: `cpu`, `cuda`, `cuda:1`;
    empty: a GPU where there is one. environment: with torchrun's variables, if any. Raises ConfigError for an unknown
    device and for torchrun's variables that are missing or not integers.
    """
    count, local_count = _process_counts(environment)
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = wanted.partition(":")
    try:
        fabric = Fabric(
            accelerator=kind,
            strategy="ddp" if count > 1 else "auto",
            devices=local_count if count > 1 or kind == "cpu" else [int(index or 0)],
            num_nodes=count // local_count,
            precision=_half_precision(torch.device(kind)) if half else "32-true",
            plugins=[TorchElasticEnvironment()] if count > 1 else None,
        )
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        raise ConfigError(
            "option --device",
            expected="cpu, or the GPU that torch sees, such as cuda or cuda:1",
            got=f"{device!r}: {str(error).splitlines()[0]}",
            fix="Name another device, or leave the option out.",
        ) from error
    fabric.launch()
    if count > 1:
        atexit.register(_leave_process_group)
    return fabric


def _leave_process_group() -> None:
    """Join gloo's threads: an interpreter that ends with them running calls std::terminate.

    Fabric does so for NCCL alone.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _half_precision(device: torch.device) -> Literal["16-mixed", "bf16-mixed"]:
    """bfloat16, and on GPUs without it float16, whose range is short: Fabric scales the loss for it."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "16-mixed"
    return "bf16-mixed"


def _process_counts(environment: Mapping[str, str]) -> tuple[int, int]:
    """How many processes there are, and how many of them on this machine."""
    if _integer(environment, "WORLD_SIZE", "1") == 1:
        return 1, 1
    missing = [name for name in _TORCHRUN if not environment.get(name)]
    if missing:
        raise ConfigError(
            "environment of a training with several processes",
            expected=", ".join(_TORCHRUN),
            got=f"no {' and no '.join(missing)}",
            fix="Start it with torchrun, or unset WORLD_SIZE.",
        )
    _, _, count, local_count = (_integer(environment, name) for name in _TORCHRUN[:4])
    return count, local_count


def _integer(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name) or default
    if not text.isdigit():
        raise ConfigError(
            f"environment variable {name}", expected="an integer", got=repr(text), fix="Start it with torchrun."
        )
    return int(text)
