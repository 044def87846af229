"""The nets need torch, which a robot does not have: without it these tests are left out."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
