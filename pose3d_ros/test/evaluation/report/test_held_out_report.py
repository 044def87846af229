from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.rendered.held_out_run import HeldOutScene
from pose3d_ros.evaluation.rendered.round_occluder import summarize_round_occluder
from pose3d_ros.evaluation.report.held_out_report import write_held_out_report

from ..rendered.conftest import FRAME, MUCO, RUN, found, ground_truth, scored, summary_of


def test_report_has_every_image_it_names(tmp_path: Path) -> None:
    hidden = np.zeros(len(MUCO), dtype=bool)
    people = [
        ground_truth(number, x_m, z_m, hidden_joints=hidden)
        for number, x_m, z_m in ((1, -1.0, 4.0), (2, 1.0, 6.0), (3, 0.2, 3.0))
    ]
    persons = [found(p, (0, 0, 0.1 * i)) for i, p in enumerate(people[:2])]
    detections = [replace(p.person.pose.detection, score=0.5 + 0.1 * i) for i, p in enumerate(people)]
    scores = [scored(people, persons, detections)]
    scenes = [HeldOutScene(FRAME, tuple(people))]
    group = summarize_round_occluder(scores, scores, RUN)
    summary = replace(summary_of(*scores), round_occluder=group)
    page = write_held_out_report(scenes, scores, RUN, summary, tmp_path).read_text(encoding="utf-8")
    images = {path.name for path in tmp_path.glob("*.png")}
    assert {"worst.png", "missed.png", "random.png", "root_sigma.png", "joint_scores.png"} <= images
    assert all(f'src="{name}"' in page for name in images)
    assert "<td>behind a disc</td><td>3</td>" in page
    assert "the same images without it" in page


def test_report_without_people(tmp_path: Path) -> None:
    empty = [scored([], [], [])]
    write_held_out_report([HeldOutScene(FRAME, ())], empty, RUN, summary_of(*empty), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"summary.json", "report.html", "random.png"}
