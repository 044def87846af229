"""Gets the models that have seen real people, where there is a network."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from bootstrap.console import Console, SetupError
from bootstrap.stamps import Stamp

COMMAND = "pose3d models get mediapipe"


def models_folder() -> Path:
    """The folder that `pose3d models` writes to."""
    home = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local/share") / "pose3d_ros/models"


def get_models(console: Console, env: Path, stamp: Stamp) -> None:
    """Run the command in the environment of a script, unless its result is there; without it set-up goes on."""
    if stamp.is_current() and any(models_folder().glob("mediapipe-*/manifest.yaml")):
        console.skip()
        return
    try:
        with console.step("MediaPipe's models"):
            console.run(["sh", "-c", f". {shlex.quote(str(env))} && {COMMAND}"])
    except SetupError as error:
        reason = next(
            (line.strip() for line in str(error).splitlines() if line.strip().startswith("pose3d ")), str(error)
        )
        console.note(f"{reason}\nSet-up goes on. Later: . tools/env.sh && {COMMAND}")
        return
    stamp.write()
