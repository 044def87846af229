"""Two processes on this machine train one net together, over gloo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pose3d_ros
from pose3d_ros.errors import ConfigError
from pose3d_training.loop.distributed import Processes, joined

LIMIT_S = 300.0
ROOT = Path(pose3d_ros.__file__).parents[1]

WORKER = """
import json, os, sys
from pathlib import Path
import torch
from torch import nn
from pose3d_training.loop.distributed import joined
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
told = {}
with joined(os.environ, "cpu") as processes:
    # Another machine's folder: the other process finds no checkpoint in it.
    folder = Path(sys.argv[1]) / str(processes.rank)
    first = Plane(processes.rank)
    Trainer(first, recipe(20), folder, processes.device("cpu"), processes).run()
    again = Trainer(Plane(processes.rank + 7), recipe(40), folder, processes.device("cpu"), processes)
    again.resume()
    told["resumed"] = [again.step, again.samples]
    again.run()
    told["weights"] = [p.tolist() for p in again.task.module.parameters()]
    told["seen"] = first.seen[0]
    told["end"] = [again.step, again.samples]
    told["files"] = sorted(p.name for p in folder.iterdir() if p.suffix) if folder.exists() else []
(Path(sys.argv[1]) / f"{processes.rank}.json").write_text(json.dumps(told))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    mine = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
    return {**os.environ, **mine, "MASTER_PORT": str(port), "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_end_with_the_same_weights_and_go_on(tmp_path: Path) -> None:
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
        said = [child.communicate(timeout=LIMIT_S)[0] for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0], said
    one, two = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert one["weights"] == two["weights"]
    assert one["seen"] != two["seen"]
    assert one["resumed"] == two["resumed"] == [20, 20 * 8 * 2]
    assert one["end"] == two["end"] == [40, 40 * 8 * 2]
    assert {"checkpoint.pt", "curves.png", "log.jsonl", "recipe.yaml"} <= set(one["files"])
    assert two["files"] == []
    rows = [json.loads(line) for line in (tmp_path / "0" / "log.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [160, 320, 480, 640]
    assert "smoother" not in said[1]


def test_alone_without_torchrun() -> None:
    for variables in ({}, {"WORLD_SIZE": "1"}, {"RANK": "0", "WORLD_SIZE": ""}):
        with joined(variables) as processes:
            assert processes == Processes(0, 0, 1)
            assert processes.leads


def test_half_an_environment_is_named() -> None:
    with pytest.raises(ConfigError, match="LOCAL_RANK and no MASTER_ADDR"), joined({"WORLD_SIZE": "2", "RANK": "1"}):
        pass


@pytest.mark.parametrize("wrong", [{"WORLD_SIZE": "two"}, {"WORLD_SIZE": "2", "RANK": "a"}])
def test_what_is_no_number_is_named(wrong: dict[str, str]) -> None:
    others = {"RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29999"}
    with pytest.raises(ConfigError, match="whole number"), joined(others | wrong):
        pass


def test_every_process_has_its_own_data_and_gpu() -> None:
    first, second = Processes(0, 0, 4), Processes(3, 1, 4)
    assert first.seed(42) == 42
    assert abs(second.seed(42) - first.seed(42)) > 10**9
    assert second.device("cuda") == torch.device("cuda", 1)
    assert second.device("cpu") == torch.device("cpu")
    assert Processes().device("cuda") == torch.device("cuda")
