"""Metrics of identities against examples worked by hand."""

from __future__ import annotations

import builtins
import math
import sys
from typing import Any

import numpy as np
import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.metrics.identity import IdentityFrame, box_frame, has_trackeval, score_identities


def frame(matches: dict[int, int], missed: tuple[int, ...] = (), extra: tuple[int, ...] = ()) -> IdentityFrame:
    """Ground-truth people 1:1 with predicted ids, others missed, and predictions of nothing; perfect similarity."""
    gt, predicted = (*matches, *missed), (*matches.values(), *extra)
    similarity = np.array([[float(matches.get(g) == p) for p in predicted] for g in gt]).reshape(
        len(gt), len(predicted)
    )
    return IdentityFrame(gt, predicted, similarity)


def test_example_by_hand() -> None:
    # Person 1: ids 7 7 9 9, one switch. Person 2: id 8, missed once in between, one fragment. One false positive.
    frames = [
        frame({1: 7, 2: 8}),
        frame({1: 7}, missed=(2,)),
        frame({1: 9, 2: 8}, extra=(5,)),
        frame({1: 9, 2: 8}),
    ]
    found = score_identities(frames)
    assert (found.id_switches, found.fragments) == (1, 1)
    assert found.mota == pytest.approx(1 - (1 + 1 + 1) / 8)  # missed, false positive, switch; of 8 people
    # Ids: 1 is 7 (or 9) in 2 frames, 2 is 8 in 3: IDTP 5 of 8 people and 8 detections.
    assert found.idf1 == pytest.approx(2 * 5 / (8 + 8))
    # HOTA: DetA = 7 / (7 + 1 + 1). A of a match = TPA / (TPA + FNA + FPA): (1, 7) and (1, 9) 2 / 4, (2, 8) 3 / 4.
    assert found.hota == pytest.approx(math.sqrt(7 / 9 * (4 * 2 / 4 + 3 * 3 / 4) / 7))


def test_ids_exchanged_for_good_are_two_switches() -> None:
    assert score_identities([frame({1: 1, 2: 2}), frame({1: 2, 2: 1})]).id_switches == 2


def test_id_is_remembered_over_a_gap() -> None:
    frames = [frame({1: 7}), frame({}, missed=(1,)), frame({1: 7}), frame({}), frame({1: 8})]
    assert score_identities(frames).id_switches == 1


def test_perfect_tracks_score_one() -> None:
    found = score_identities([frame({1: 3, 2: 4})] * 5)
    assert (found.mota, found.idf1, found.hota) == pytest.approx((1.0, 1.0, 1.0))


def test_nothing_found_scores_zero_and_no_ground_truth_scores_nothing() -> None:
    missed = score_identities([frame({}, missed=(1,))])
    assert (missed.mota, missed.idf1, missed.hota) == pytest.approx((0.0, 0.0, 0.0))
    unknown = score_identities([frame({}, extra=(1,)), frame({})])
    assert all(map(math.isnan, (unknown.mota, unknown.idf1, unknown.hota)))
    assert math.isnan(score_identities([]).mota)


def test_threshold_is_the_least_similarity_of_a_match() -> None:
    weak = [IdentityFrame((1,), (1,), np.array([[0.4]]))]
    assert score_identities(weak).idf1 == 0.0
    assert score_identities(weak, threshold=0.3).idf1 == 1.0


def test_boxes_are_similar_by_their_overlap_and_who_does_not_count_costs_nothing() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    predicted = np.array([[0.0, 0, 10, 5], [20, 0, 30, 10], [50, 0, 60, 10]])
    made = box_frame([1, 2], boxes, [7, 8, 9], predicted, [True, False])
    assert (made.gt_ids, made.predicted_ids) == ((1,), (7, 9))  # 8 is the person who does not count
    assert made.similarity.tolist() == [[0.5, 0.0]]
    assert score_identities([made]).mota == 0.0  # one match, one false positive


def test_box_frame_without_people() -> None:
    made = box_frame([], np.empty((0, 4)), [], np.empty((0, 4)), [])
    assert (made.gt_ids, made.predicted_ids, made.similarity.shape) == ((), (), (0, 0))


def test_missing_library_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("trackeval"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "trackeval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert not has_trackeval()
    with pytest.raises(ConfigError, match="trackeval"):
        score_identities([])


def test_import_of_the_library_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert has_trackeval()
    score_identities([frame({1: 1})])
    assert capsys.readouterr().out == ""


def test_figures_are_those_of_motmetrics() -> None:
    """Boxes of three people who are lost, found again and swapped: another library counts the same."""
    motmetrics = pytest.importorskip("motmetrics")
    rng = np.random.default_rng(2)
    frames, accumulator = [], motmetrics.MOTAccumulator(auto_id=True)
    for t in range(40):
        gt = np.array([[100.0 * i + t, 50, 100 * i + t + 40, 150] for i in range(3)])
        ids = [11, 12, 13] if t < 20 else [12, 11, 14]
        seen = [i for i in range(3) if rng.uniform() > 0.2]
        found = gt[seen] + rng.normal(0, 3, (len(seen), 4))
        frame = box_frame([1, 2, 3], gt, [ids[i] for i in seen], found, [True] * 3)
        frames.append(frame)
        distances = np.where(frame.similarity >= 0.5, 1.0 - frame.similarity, np.nan)
        accumulator.update(frame.gt_ids, frame.predicted_ids, distances)
    names = ["mota", "idf1", "num_switches"]
    expected = motmetrics.metrics.create().compute(accumulator, metrics=names, name="all").loc["all"]
    made = score_identities(frames)
    assert made.mota == pytest.approx(expected["mota"])
    assert made.idf1 == pytest.approx(expected["idf1"])
    assert made.id_switches == expected["num_switches"] > 0
