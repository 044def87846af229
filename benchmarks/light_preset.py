"""What the preset `light` saves, and what it costs: the sample recording, on one core.

python benchmarks/light_preset.py [--bag BAG]

Milliseconds are processor time, so that other load counts little. Each row runs in its own process, with one thread
on the first core that this one may use; MediaPipe's rows need `pose3d models get mediapipe`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import report

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.cli.common_options import parse_parameters
from pose3d_ros.config.parameter_presets import preset_values
from pose3d_ros.config.share_folders import user_models_directory

_FULL = ("detector.interval_s=0.1",)
_LIGHT = (f"detector.interval_s={preset_values('light')['detector.interval_s']}",)
_NO_FLIP = ("pose.flip_test=false",)
ROWS = (
    ("mediapipe-full", _FULL),
    ("mediapipe-full", _LIGHT),
    ("mediapipe-lite", _FULL),
    ("mediapipe-lite", _LIGHT),
    ("mediapipe-lite", _LIGHT + _NO_FLIP),
    ("embedded", _FULL),
    ("embedded", _LIGHT),
    ("embedded", _LIGHT + _NO_FLIP),
)


def measure(bag: Path, parameters: list[str]) -> dict[str, Any]:
    """Evaluate a recording in this process. Returns the metrics and the milliseconds of processor time a frame."""
    from pose3d_ros.config.settings import PipelineConfig
    from pose3d_ros.evaluation.recording.offline import run_offline
    from pose3d_ros.evaluation.recording.prediction import open_predictor
    from pose3d_ros.evaluation.recording.summary import summarize

    with open_predictor(PipelineConfig.from_parameters(parse_parameters(parameters))) as predictor:
        find, busy_s, frames = type(predictor).__call__, 0.0, 0

        class Timed(type(predictor)):  # type: ignore[misc]  # the predictor's own class, with a clock around
            def __call__(self, *arguments: Any) -> Any:
                nonlocal busy_s, frames
                start_s = time.process_time()
                try:
                    return find(self, *arguments)
                finally:
                    busy_s, frames = busy_s + time.process_time() - start_s, frames + 1

        timed = Timed(predictor.pipeline, predictor.smoother, predictor.model)
        summary = summarize(run_offline(bag, timed, lambda done, count: None)).as_dict()
    return {"cpu_ms": busy_s / frames * 1e3, **summary}


def measured(bag: Path, engines: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    """The same in a process of its own, on one core."""
    core = str(min(os.sched_getaffinity(0)))
    words = [f"engines={engines}", "threads=1", *parameters]
    command = ["taskset", "-c", core, sys.executable, __file__, "--bag", str(bag), "--measure", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bag", type=Path, default=sample_bag(), help="recording with ground truth")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.bag, args.measure)))
        return
    rows = []
    first_ms: float | None = None
    for engines, parameters in ROWS:
        if engines != "embedded" and not (user_models_directory() / engines).is_dir():
            continue
        found = measured(args.bag, engines, parameters)
        first_ms = first_ms or found["cpu_ms"]
        rows.append(
            {
                "models": engines,
                "parameters": " ".join(parameters),
                "ms": round(found["cpu_ms"], 1),
                "frames/s": round(1e3 / found["cpu_ms"], 1),
                "times the first": round(first_ms / found["cpu_ms"], 2),
                "recall": round(found["detection_recall"], 3),
                "false positives": found["false_positives"],
                "MPJPE": round(found["mpjpe_mm"]),
                "MRPE": round(found["mrpe_mm"]),
                "IDF1": None if found["idf1"] is None else round(found["idf1"], 3),
                "switches": found["id_switches"],
            }
        )
    report("light_preset", rows, {"recording": args.bag.name, "cores": 1})


if __name__ == "__main__":
    main()
