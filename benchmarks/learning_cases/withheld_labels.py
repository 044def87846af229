"""What labels are worth: the frame for every other case."""

from __future__ import annotations

from learning_bench import Case, LearningBench


def _run(bench: LearningBench, seed: int) -> dict[str, float]:
    people, figures = bench.people(), {}
    for share in (0.05, 0.5, 1.0):
        net = bench.train("withheld_labels", f"{share:g}", seed, losses={"joints": 10.0}, labeled_share=share)
        figures[f"{share:.0%} of the labels"] = bench.error(net, people).mpjpe_mm
    return figures


CASES = (Case("withheld_labels", "Martinez 2017", "What is lost with fewer 3D labels?", "mm MPJPE", _run),)
