"""Other trackers as a process of their own: their packages are installed for the comparison only, in out/.

BoxMOT (ByteTrack, BoT-SORT without a network for looks) is AGPL-3.0; it is run here, and nothing of it is shipped.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import OUTPUT
from peers.mediapipe_process import call

from pose3d_ros.records import Detection

REQUIREMENTS = ("boxmot==25.0.0", "filterpy==1.4.5", "lapx==0.11.1", "norfair==2.3.0")
PACKAGES = OUTPUT.parent / "bench-trackers"
WORKER = Path(__file__).parent / "trackers_worker.py"


@dataclass(frozen=True)
class Tracked:
    """A frame's boxes that got an id: index among the detections, and id."""

    index: int
    track_id: int


def run_trackers(
    folder: Path, frames: Sequence[Sequence[Detection]], rate_hz: float
) -> dict[str, list[tuple[Tracked, ...]]]:
    """Tracker → what it made of each frame's boxes; the images are in the folder. Raises Skipped."""
    content = [
        {"boxes": [one.box_xyxy_px.tolist() for one in found], "scores": [float(one.score) for one in found]}
        for found in frames
    ]
    (folder / "detections.json").write_text(json.dumps(content), encoding="utf-8")
    path = os.pathsep.join((str(packages().resolve()), os.environ.get("PYTHONPATH", "")))
    call(["env", f"PYTHONPATH={path}", sys.executable, str(WORKER), str(folder), str(rate_hz)])
    tracks = json.loads((folder / "tracks.json").read_text(encoding="utf-8"))
    return {
        name: [tuple(Tracked(index, track_id) for index, track_id in frame) for frame in of_tracker]
        for name, of_tracker in tracks.items()
    }


def packages() -> Path:
    """The folder with the trackers, installed beside this environment's own packages. Raises Skipped."""
    ready = PACKAGES / "-".join(one.replace("==", "-") for one in REQUIREMENTS)
    if not ready.exists():
        print(f"installing {', '.join(REQUIREMENTS)} in {PACKAGES} …", flush=True)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]
        call([sys.executable, "-m", "pip", "install", *quiet, "--target", str(PACKAGES), *REQUIREMENTS])
        ready.touch()
    return PACKAGES
