"""The curves of a training run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pose3d_training.loop.curves import curves_figure, smoothed, write_curves


def rows(count: int) -> list[dict[str, float]]:
    return [
        {"step": i, "samples": 32 * i, "samples_per_s": 90.0, "learning_rate": 1e-3 / i, "loss": 8.0 / i,
         "joint_mm": 50 + 100 / i, "joint_mm_before": 160.0, "root": 1.0 - i}
        for i in range(1, count + 1)
    ]  # fmt: skip


def test_smoothing_keeps_constant_values() -> None:
    np.testing.assert_allclose(smoothed(np.full(300, 2.5)), 2.5)
    np.testing.assert_allclose(smoothed(np.full(300, -2.5)), -2.5)


def test_positive_values_are_smoothed_in_logarithms() -> None:
    up_and_down = np.tile([0.1, 10.0], 200)
    assert np.all(np.abs(np.log10(smoothed(up_and_down)[-2:])) < 0.2)  # about their geometric mean, 1
    np.testing.assert_allclose(smoothed(up_and_down)[0], 0.1)
    mixed = np.tile([-1.0, 3.0], 200)
    assert np.all(np.abs(smoothed(mixed)[-2:] - 1) < 0.3)


def test_each_column_but_references_has_a_panel() -> None:
    figure = curves_figure(rows(40), "smoother")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert [title.split("  ")[0] for title in titles] == [
        "loss", "joint mm", "root", "learning rate", "samples per s",
    ]  # fmt: skip
    scales = {t.split("  ")[0]: a.get_yscale() for t, a in zip(titles, figure.axes, strict=False)}
    assert scales["loss"] == "log"
    assert scales["root"] == "linear"
    lines = {t.split("  ")[0]: len(a.lines) for t, a in zip(titles, figure.axes, strict=False)}
    assert lines == {"loss": 2, "joint mm": 3, "root": 2, "learning rate": 1, "samples per s": 2}


def test_columns_with_gaps_are_drawn(tmp_path: Path) -> None:
    some = rows(6)
    some[4]["late"] = 3.0
    some[5]["late"] = float("nan")
    write_curves(some, tmp_path / "curves.png", "detector")
    image = cv2.imread(str(tmp_path / "curves.png"))
    assert image is not None
    assert image.shape[1] > image.shape[0] > 400
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png"]


def test_curves_of_one_row_and_of_none(tmp_path: Path) -> None:
    write_curves([], tmp_path / "none.png", "detector")
    assert not (tmp_path / "none.png").exists()
    write_curves(rows(1), tmp_path / "one.png", "detector")
    assert (tmp_path / "one.png").exists()
