"""The nets need torch, which a robot does not have: without it these tests are left out."""

import importlib.util

collect_ignore_glob = ["test_*.py"]

if importlib.util.find_spec("torch"):
    import torch

    collect_ignore_glob = []
    # These nets are so small that a second thread costs more than it does, most of all on a busy machine.
    torch.set_num_threads(1)
