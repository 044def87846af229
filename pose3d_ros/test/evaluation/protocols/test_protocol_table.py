"""Each protocol on a small dataset of its format: figures of predictions whose errors are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.datasets.dataset_formats import FORMATS
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection
from pose3d_ros.evaluation.metrics.identity import has_trackeval
from pose3d_ros.evaluation.protocols.protocol_run import ProtocolResult, evaluate_protocol, read_for_protocol
from pose3d_ros.evaluation.protocols.protocol_table import PROTOCOLS, get_protocol
from pose3d_ros.evaluation.protocols.scored import FoundPeople
from pose3d_ros.records import Person

from ..datasets.conftest import (
    CAMERA,
    write_human36m,
    write_mat,
    write_mot,
    write_muco,
    write_mupots,
    write_panoptic,
    write_pw3d,
)
from .conftest import found_in, grown, moved, with_joints


def read(name: str, path: Path) -> Dataset:
    """The protocol's part of a dataset."""
    return read_for_protocol(path, get_protocol(name), Selection())


def run(name: str, path: Path, change: Callable[[Person], Person | None] = lambda person: person) -> ProtocolResult:
    """The result of a protocol for the changed ground truth."""
    dataset = read(name, path)
    return evaluate_protocol(found_in(dataset, change), dataset, name)


def test_h36m_scores_every_64th_frame_of_its_subjects(tmp_path: Path) -> None:
    folder = write_human36m(tmp_path)
    first, second = read("h36m-p1", folder), read("h36m-p2", folder)
    assert {sequence.name[:4] for sequence in first.sequences} == {"s_11"}
    assert {sequence.name[:4] for sequence in second.sequences} == {"s_09", "s_11"}
    assert [frame.number for frame in first.frames] == [0, 64] * 2
    figures = run("h36m-p1", folder, grown(1.2)).figures
    assert figures["pa_mpjpe_mm"] == pytest.approx(0.0, abs=1e-6)
    assert figures["pa_mpjpe_rigid_mm"] > 30.0


def test_h36m_p1_aligns_as_the_code_of_3dmppe(tmp_path: Path) -> None:
    """With the thorax as an 18th joint, by its own formula of the rotation."""
    dataset = read("h36m-p1", write_human36m(tmp_path))
    rng = np.random.default_rng(0)

    def noisy(person: Person) -> Person:
        return with_joints(person, person.pose.joints_cam_m + rng.normal(0, 0.05, (17, 3)))

    result = evaluate_protocol(found_in(dataset, noisy), dataset, "h36m-p1")
    errors = []
    for pair in result.scored.pairs:
        a, b = (person.pose.joints_cam_m for person in (pair.raw, pair.ground_truth))
        a, b = (np.concatenate([one, (one[11:12] + one[14:15]) / 2]) for one in (a, b))
        u, _, v = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
        if np.linalg.det(v.T @ u.T) < 0:
            v[2] = -v[2]
        turn = v.T @ u.T
        moved_to = a @ turn.T - turn @ a.mean(0) + b.mean(0)
        errors.append(np.linalg.norm(moved_to - b, axis=1)[:17].mean())
    assert len(errors) == 4
    assert result.figures["pa_mpjpe_rigid_mm"] == pytest.approx(1000 * np.mean(errors))


def test_h36m_p2_has_relative_and_root_errors(tmp_path: Path) -> None:
    result = run("h36m-p2", write_human36m(tmp_path), moved((0.03, -0.04, 0.12)))
    figures = result.figures
    assert figures["mpjpe_mm"] == pytest.approx(0.0, abs=1e-6)
    assert figures["mrpe_mm"] == pytest.approx(130.0)
    assert [figures[f"mrpe_{axis}_mm"] for axis in "xyz"] == pytest.approx([30.0, 40.0, 120.0])
    assert np.isnan(result.scored.summary.smoothness.mpjve_mm)


def test_mupots_counts_all_and_matched_people_by_sequence(tmp_path: Path) -> None:
    missed_once = {"left": 1}

    def change(person: Person) -> Person | None:
        if person.track_id == 2 and missed_once["left"]:
            missed_once["left"] = 0
            return None
        return person

    figures = run("mupots", write_mupots(tmp_path), change).figures
    # TS1 has four people, of whom one is missed; TS2 three: the mean is over the two sequences.
    assert figures["pck_rel_all"] == pytest.approx((75.0 + 100.0) / 2)
    assert figures["pck_rel_matched"] == 100.0
    assert figures["auc_rel_matched"] == pytest.approx(100.0 * 30 / 31)
    assert figures["ap_root_25cm"] == pytest.approx(100.0 * 6 / 7)


def test_mupots_abs_depends_on_the_root(tmp_path: Path) -> None:
    folder = write_mupots(tmp_path)
    near, far = (run("mupots-abs", folder, moved((0, 0, z))).figures for z in (0.14, 0.3))
    assert (near["pck_abs_all"], far["pck_abs_all"]) == (100.0, 0.0)
    assert (near["ap_root_25cm"], far["ap_root_25cm"]) == (100.0, 0.0)
    assert run("mupots", folder, moved((0, 0, 0.3))).figures["pck_rel_all"] == 100.0


def test_3dhp_scores_skeletons_of_one_size(tmp_path: Path) -> None:
    (tmp_path / "TS1").mkdir()
    write_mat(tmp_path / "TS1/annot_data.mat")
    assert run("3dhp", tmp_path).figures == pytest.approx({"pck_150mm": 100.0, "auc": 100 * 30 / 31, "mpjpe_mm": 0.0})
    shrunk = run("3dhp", tmp_path, grown(1 / 1.1)).figures
    assert shrunk["pck_150mm"] == 100.0
    assert shrunk["mpjpe_mm"] > 20.0


def test_3dpw_counts_limbs_and_pelvis(tmp_path: Path) -> None:
    result = run("3dpw", write_pw3d(tmp_path), moved((0, 0, 0.5)))
    assert result.figures["mrpe_z_mm"] == pytest.approx(500.0)
    assert result.figures["mpjpe_mm"] == pytest.approx(0.0, abs=1e-6)
    assert result.scored.summary.accuracy.joint_coverage == 1.0
    counted = np.isfinite(result.scored.pairs[0].ground_truth.pose.joints_cam_m).all(axis=1)
    assert counted.sum() == 13


def test_panoptic_scores_15_joints_of_two_cameras(tmp_path: Path) -> None:
    result = run("panoptic", write_panoptic(tmp_path))
    assert [sequence.name[-5:] for sequence in result.dataset.sequences] == ["00_16"]
    assert result.figures == {"mpjpe_mm": pytest.approx(0.0, abs=1e-6), "recall": 100.0}
    counted = np.isfinite(result.scored.pairs[0].ground_truth.pose.joints_cam_m).all(axis=1)
    assert counted.sum() == 14  # of 15 one is not confident


def test_muco_has_absolute_errors(tmp_path: Path) -> None:
    figures = run("muco", write_muco(tmp_path), moved((0, 0, 0.2))).figures
    assert figures == {
        "mpjpe_mm": pytest.approx(0, abs=1e-6),
        "mpjpe_abs_mm": pytest.approx(200),
        "mrpe_mm": pytest.approx(200),
    }


@pytest.mark.skipif(not has_trackeval(), reason="TrackEval is not installed")
def test_mot_scores_boxes_and_identities(tmp_path: Path) -> None:
    dataset = read("mot", write_mot(tmp_path / "small"))
    own = found_in(dataset)
    whole = evaluate_protocol(FoundPeople(own.people, camera=CAMERA), dataset, "mot").figures
    assert whole == {"mota": 100.0, "idf1": 100.0, "hota": pytest.approx(100.0), "id_switches": 0, "fragments": 0}
    first = dataset.frames[0].stamp_ns
    some = FoundPeople({**own.people, first: (own.people[first] or ())[:1]}, camera=CAMERA)
    assert evaluate_protocol(some, dataset, "mot").figures["mota"] == pytest.approx(75.0)


def test_every_protocol_belongs_to_a_format() -> None:
    assert {protocol.format for protocol in PROTOCOLS.values()} == set(FORMATS) - {"bag"}


def test_unknown_protocol_and_another_dataset_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="h36m-p1, h36m-p2, mupots"):
        get_protocol("h36m")
    with pytest.raises(ConfigError, match=r"format mupots or bag, got .*which is mot"):
        read("mupots", write_mot(tmp_path / "small"))
