"""Devices and processes: two processes train one net together over gloo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning_fabric")

import pose3d_training
from pose3d_ros.errors import ConfigError
from pose3d_training.loop.fabric import open_fabric

LIMIT_S = 300.0
ROOT = Path(pose3d_training.__file__).parents[1]
WORKER = """
import json, os, sys
from pathlib import Path
import torch
from torch import nn
from pose3d_training.loop.fabric import open_fabric
from pose3d_training.loop.training_loop import Task, Trainer
from pose3d_training.loop.recipe import Recipe

class Plane(Task):
    def __init__(self, rank):
        torch.manual_seed(rank)  # the first one's weights have to reach the other
        self.module = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        self.seen = []

    def batches(self, seed):
        generator = torch.Generator().manual_seed(seed)
        while True:
            x = torch.randn(8, 2, generator=generator)
            self.seen.append(x[0].tolist())
            yield {"x": x}

    def loss(self, batch):
        error = (self.module(batch["x"]) - batch["x"].sum(1, keepdim=True)).square().mean()
        return error, {"error": error.detach()}

def recipe(steps):
    return Recipe(net="smoother", steps=steps, batch_size=8, learning_rate=0.05, warmup_steps=5, bfloat16=False,
                  log_every=10, save_every=20, weight_decay=0.0, ema_decay=0.9)

torch.set_num_threads(1)
report = {}
fabric = open_fabric(device="cpu")
rank = fabric.global_rank
# Another machine's folder: the other process finds no checkpoint in it.
folder = Path(sys.argv[1]) / str(rank)
first = Plane(rank)
Trainer(first, recipe(20), folder, fabric).run()
again = Trainer(Plane(rank + 7), recipe(40), folder, fabric)
again.resume()
report["resumed"] = [again.step, again.samples]
again.run()
report["weights"] = [p.tolist() for p in again.task.module.parameters()]
report["seen"] = first.seen[0]
report["end"] = [again.step, again.samples]
report["files"] = sorted(p.name for p in folder.iterdir() if p.suffix) if folder.exists() else []
(Path(sys.argv[1]) / f"{rank}.json").write_text(json.dumps(report))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    mine = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    there = {"LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return {**os.environ, **mine, **there, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_train_on_different_data_to_the_same_weights_and_resume(tmp_path: Path) -> None:
    port = free_port()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)],
            env=environment(rank, 2, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        printed = [child.communicate(timeout=LIMIT_S)[0] for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0], printed
    one, two = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert one["weights"] == two["weights"]
    assert one["seen"] != two["seen"]
    assert one["resumed"] == two["resumed"] == [20, 20 * 8 * 2]
    assert one["end"] == two["end"] == [40, 40 * 8 * 2]
    assert {"checkpoint.pt", "curves.png", "log.jsonl", "recipe.yaml"} <= set(one["files"])
    assert two["files"] == []
    rows = [json.loads(line) for line in (tmp_path / "0" / "log.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [160, 320, 480, 640]
    assert "smoother" not in printed[1]


@pytest.mark.parametrize("variables", [{}, {"WORLD_SIZE": "1"}, {"RANK": "0", "WORLD_SIZE": ""}])
def test_single_process_without_torchrun(variables: dict[str, str]) -> None:
    fabric = open_fabric(device="cpu", environment=variables)
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero) == (1, 0, True)
    assert fabric.device == torch.device("cpu")


def test_missing_torchrun_variables_are_named() -> None:
    with pytest.raises(ConfigError, match="LOCAL_RANK and no LOCAL_WORLD_SIZE and no MASTER_ADDR"):
        open_fabric(environment={"WORLD_SIZE": "2", "RANK": "1"})


@pytest.mark.parametrize("wrong", [{"WORLD_SIZE": "two"}, {"LOCAL_WORLD_SIZE": "a"}, {"RANK": "-1"}])
def test_torchrun_variable_that_is_no_integer_is_an_error(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="an integer"):
        open_fabric(environment={**environment(0, 2, 29999), **wrong})


@pytest.mark.parametrize("device", ["abacus", "cuda:x", "cuda:99"])
def test_unknown_device_is_an_error(device: str) -> None:
    with pytest.raises(ConfigError, match=f"--device.*{device}"):
        open_fabric(device=device, environment={})


@pytest.mark.parametrize(("half", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_cpu_computes_in_bfloat16_where_half_precision_is_wanted(half: bool, precision: str) -> None:
    assert open_fabric(half, "cpu", {}).strategy.precision.precision == precision
