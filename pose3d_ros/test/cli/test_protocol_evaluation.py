"""`pose3d evaluate X --ground-truth DATASET --protocol NAME`, end to end on small sets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.bags.people_lines import frame_line
from pose3d_ros.cli.main import main
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import GroundTruthFrame, Selection
from pose3d_ros.evaluation.metrics.identity import has_trackeval
from pose3d_ros.records import Frame, Person
from pose3d_ros.skeletons import get_skeleton

from ..evaluation.datasets.conftest import CAMERA, JOINTS19, write_json, write_mupots, write_panoptic
from ..evaluation.protocols.conftest import moved


def write_lines(dataset: Path, path: Path, change: Callable[[Person], Person] = lambda person: person) -> Path:
    """The dataset's own people as people.jsonl, changed."""
    lines = []
    for sequence in read_dataset(dataset).sequences:
        for frame in sequence.frames:
            image = Frame(np.zeros((1, 1, 3), np.uint8), sequence.camera or CAMERA, frame.stamp_ns)
            people = [change(person) for person in frame.people]
            lines.append(frame_line(frame.name, image, sequence.skeleton, people, calibrated=True))
    path.write_text("\n".join(lines))
    return path


def evaluate(predictions: Path, dataset: Path, protocol: str, folder: Path, *more: str) -> dict[str, object]:
    """summary.json of a run that ends with 0."""
    summary = folder / "summary.json"
    command = ["evaluate", str(predictions), "--ground-truth", str(dataset), "--protocol", protocol]
    assert main([*command, "--json", str(summary), *more]) == 0
    made: dict[str, object] = json.loads(summary.read_text())
    return made


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images of the sample recording as a MuPoTS-like, a MOT-like and a Panoptic-like set."""
    folder = tmp_path_factory.mktemp("sample")
    bag = str(sample_bag())
    assert main(["convert", bag, str(folder / "mupots/MuPoTS-3D.json"), "--step", "30"]) == 0
    images = sorted((folder / "mupots/MultiPersonTestSet").rglob("*.jpg"))
    (folder / "mot/gt").mkdir(parents=True)
    (folder / "mot/img1").mkdir()
    assert main(["convert", bag, str(folder / "mot/gt/gt.txt"), "--step", "30"]) == 0
    (sequence,) = read_dataset(sample_bag(), Selection(step=30)).sequences
    assert sequence.camera is not None
    for number, (image, frame) in enumerate(zip(images, sequence.frames, strict=True)):
        shutil.copy(image, folder / f"mot/img1/{number + 1:06d}.jpg")
        write_scene(folder / "panoptic", 60 * number, frame, image)  # as far apart as they are, at about 30 Hz
    camera = {"type": "hd", "panel": 0, "node": 16, "resolution": [sequence.camera.width_px, sequence.camera.height_px]}
    place = {"K": sequence.camera.K_px.tolist(), "distCoef": [0.0] * 5, "R": np.eye(3).tolist(), "t": [[0], [0], [0]]}
    write_json(folder / "panoptic/calibration_panoptic.json", {"cameras": [camera | place]})
    return folder


def write_scene(folder: Path, number: int, frame: GroundTruthFrame, image: Path) -> None:
    """A body3DScene in centimetres, the world that of the camera, and its image."""
    bodies = []
    for person in frame.people:
        joints = person.converted(get_skeleton("body40")).pose.joints_cam_m
        rows: list[float] = []
        for name in JOINTS19:
            point = joints[get_skeleton("body40").index_of[name]]
            rows += [*(100 * np.nan_to_num(point)).tolist(), float(np.isfinite(point).all())]
        bodies.append({"id": person.track_id, "joints19": rows})
    write_json(folder / f"hdPose3d_stage1_coco19/body3DScene_{number:08d}.json", {"bodies": bodies})
    target = folder / f"hdImgs/00_16/00_16_{number:08d}.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(image, target)


@pytest.mark.parametrize(
    ("name", "protocol", "more", "figure", "least"),
    [
        ("mupots", "mupots", (), "pck_rel_matched", 60.0),
        ("mupots", "mupots-abs", (), "pck_abs_matched", 5.0),
        ("panoptic", "panoptic", (), "recall", 60.0),
        ("mot", "mot", ("--hfov", "62"), "mota", 20.0),
    ],
)
def test_models_are_scored_on_a_dataset(
    sample: Path, tmp_path: Path, name: str, protocol: str, more: tuple[str, ...], figure: str, least: float
) -> None:
    if protocol == "mot" and not has_trackeval():
        pytest.skip("TrackEval is not installed")
    people = tmp_path / "people.jsonl"
    predict = ["predict", str(sample / name), "--output", str(people), "--engines", "embedded", *more]
    assert main([*predict, "--protocol", protocol]) == 0
    made = evaluate(people, sample / name, protocol, tmp_path)
    assert made["protocol"] == protocol
    value = made[figure]
    assert isinstance(value, float)
    assert value >= least


def test_figures_of_known_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_mupots(tmp_path / "mupots")
    people = write_lines(dataset, tmp_path / "x.jsonl", moved((0, 0, 0.2)))
    made = evaluate(people, dataset, "mupots-abs", tmp_path)
    assert (made["pck_abs_all"], made["mrpe_mm"], made["ap_root_25cm"]) == (0.0, pytest.approx(200.0, abs=0.1), 100.0)
    shown = capsys.readouterr().out
    assert "mupots-abs: TS1 to TS20" in shown
    assert "TS2" in shown
    narrowed = evaluate(people, dataset, "mupots", tmp_path, "--sequence", "TS2")
    assert (narrowed["sequences"], narrowed["pck_rel_all"]) == (1, 100.0)


def test_a_converted_sequence_is_scored_by_the_same_protocol(tmp_path: Path) -> None:
    dataset = write_mupots(tmp_path / "mupots")
    people = write_lines(dataset, tmp_path / "x.jsonl", moved((0, 0, 0.1)))
    assert main(["convert", str(dataset), str(tmp_path / "bags")]) == 0
    made = evaluate(people, tmp_path / "bags/TS1.mcap", "mupots-abs", tmp_path)
    assert (made["pck_abs_all"], made["dataset"]) == (100.0, "bag")


def test_requirements_read_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_panoptic(tmp_path)
    people = write_lines(dataset, tmp_path / "x.jsonl")
    command = ["evaluate", str(people), "--ground-truth", str(dataset), "--protocol", "panoptic", "--require"]
    assert main([*command, "mpjpe_mm<=1"]) == 0
    assert main([*command, "recall>100"]) == 1
    assert "recall" in capsys.readouterr().err


def test_two_results_on_a_benchmark_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_mupots(tmp_path / "mupots")
    for name, error_m in (("a", 0.2), ("b", 0.1)):
        people = write_lines(dataset, tmp_path / f"{name}.jsonl", moved((0, 0, error_m)))
        evaluate(people, dataset, "mupots", tmp_path, "--tables", str(tmp_path / name))
    assert {path.name for path in (tmp_path / "a").iterdir()} >= {"summary.json", "people.csv"}
    made = tmp_path / "compared.json"
    assert main(["evaluate", "--compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json", str(made)]) == 0
    assert json.loads(made.read_text())["mrpe_mm"]["difference"] == pytest.approx(-100.0, abs=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "mupost"], "h36m-p1"),
        (["--protocol", "mot"], "which is mupots"),
        (["--protocol", "mupots", "--report", "out"], "--json and --tables have all metrics"),
        (["--protocol", "mupots", "--format", "muco"], "format mupots"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = write_mupots(tmp_path / "mupots")
    people = write_lines(dataset, tmp_path / "x.jsonl")
    assert main(["evaluate", str(people), "--ground-truth", str(dataset), *options]) == 2
    assert message in capsys.readouterr().err


def test_protocol_needs_predictions_and_ground_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--protocol", "mupots", "--ground-truth", str(tmp_path)]) == 2
    assert "pose3d predict" in capsys.readouterr().err
