"""Makes the environment in .venv: `python -m bootstrap demo|test`, called by tools/bootstrap.sh.

Without a ROS: the pinned ROS 2 wheels. With one sourced (ROS_DISTRO): that ROS, and from pip only what it lacks.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import sys
from pathlib import Path

from bootstrap.console import Console, SetupError
from bootstrap.environment import Environment

PROFILES = ("demo", "test")
FREE_BYTES = {"demo": 2 * 1024**3, "test": 4 * 1024**3}
STEPS = 7


def check_machine(root: Path, profile: str, ros_distro: str) -> None:
    """Raise SetupError where the wheels can't work or the disk is too full."""
    if not ros_distro and platform.machine() not in ("x86_64", "AMD64"):
        raise SetupError(
            f"this machine is {platform.machine()}; without a ROS only x86-64 is served. "
            "Install ROS 2 (Humble, Jazzy or Kilted), source its setup.bash and run this again."
        )
    needed, free = FREE_BYTES[profile], shutil.disk_usage(root).free
    if free < needed and not (root / ".venv").exists():
        raise SetupError(f"{needed / 1e9:.0f} GB of free disk are needed, {free / 1e9:.1f} GB are free in {root}.")


def main() -> int:
    """Bring the environment up to date. Returns the exit status."""
    root = Path(__file__).resolve().parents[2]
    profile = sys.argv[1] if len(sys.argv) > 1 else "demo"
    if profile not in PROFILES:
        print(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}", file=sys.stderr)
        return 2
    ros_distro = os.environ.get("ROS_DISTRO", "")
    try:
        check_machine(root, profile, ros_distro)
        with (root / "tools/bootstrap.sh").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting for another set-up of this folder", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            Environment(root, profile, ros_distro, Console(root / "out/setup.log", STEPS)).update()
    except SetupError as error:
        print(f"set-up stopped: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
