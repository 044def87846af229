from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import DetectorConfig, PipelineConfig, PoseConfig
from pose3d_ros.engines import BackendChoice, Manifest, Normalization
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.geometry import Camera
from pose3d_ros.records import STILL, Detection, Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.detect.region_detector import ANCHORS_PX
from pose3d_ros.stages.landmark_poses import LandmarkPoses, is_landmark_chain
from pose3d_ros.types import Array

from ..conftest import AnsweringEngine, Shapes, Tensors, heat_maps, manifest_entry
from .landmarks.conftest import LANDMARK_ENTRY, landmark_engine

CAMERA = Camera.from_hfov(60.0, 640, 480)
Opened = dict[str, AnsweringEngine]
STEP_NS = 66_666_667
WHERE_PX = (327.5, 247.5)
DETECTOR = manifest_entry("centre_ltrb", name="detector", roles=("detector",))


def frame(stamp_ns: int, *middles_px: tuple[float, float]) -> Frame:
    """Black, with bright squares about the people's middles."""
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    for x, y in middles_px:
        image[int(y) - 30 : int(y) + 30, int(x) - 30 : int(x) + 30] = 200
    return Frame(image, CAMERA, stamp_ns)


@pytest.fixture
def engines() -> Opened:
    return {"detector": heat_maps((15, 20, 0.9, (40, 80, 40, 80))), "landmarks": landmark_engine()}


@pytest.fixture
def opened(engines: Opened) -> EngineSet:
    manifest = Manifest(Path("."), (DETECTOR, LANDMARK_ENTRY))
    return EngineSet(manifest, BackendChoice("onnxruntime", "a test"), opener=lambda entry: engines[entry.name])


@pytest.fixture
def source(opened: EngineSet) -> LandmarkPoses:
    return LandmarkPoses(opened, PipelineConfig())


def batches(engines: Opened) -> list[int]:
    return [len(call["image"]) for call in engines["landmarks"].calls]


def run(source: LandmarkPoses, seen: Frame, given: tuple[Detection, ...] | None = None) -> list[Array]:
    """Middles of the people's boxes."""
    found = source(seen, HostImage(seen.image_bgr), given)
    return [p.detection.box_xyxy_px.reshape(2, 2).mean(axis=0) for p in found.poses]


def test_new_people_are_read_twice_and_followed_ones_once(source: LandmarkPoses, engines: Opened) -> None:
    clear = engines["landmarks"].answer
    engines["landmarks"].answer = lambda feeds: {**(said := clear(feeds)), "heat": said["heat"] - np.float32(1.0)}
    (middle,) = run(source, frame(0, WHERE_PX))
    np.testing.assert_allclose(middle[0], WHERE_PX[0], atol=5.0)
    assert batches(engines) == [1, 1]
    engines["detector"].answer = heat_maps().answer
    assert len(run(source, frame(STEP_NS, WHERE_PX))) == 1
    assert batches(engines) == [1, 1, 1]


def test_clear_people_are_read_once_where_their_place_is_the_next_region(
    source: LandmarkPoses, engines: Opened
) -> None:
    assert len(run(source, frame(0, WHERE_PX))) == 1
    assert batches(engines) == [1]
    given = (Detection(np.array([277.5, 147.5, 377.5, 347.5]), 1.0), Detection(np.array([60.0, 60, 140, 240]), 1.0))
    assert len(run(source, frame(STILL, WHERE_PX), given)) == 1
    assert batches(engines) == [1, 2, 1]  # again where nobody is


def test_one_person_found_and_followed_is_one_pose(source: LandmarkPoses) -> None:
    for i in range(3):
        assert len(run(source, frame(i * STEP_NS, WHERE_PX))) == 1


def test_people_who_are_gone_are_dropped(source: LandmarkPoses, engines: Opened) -> None:
    run(source, frame(0, WHERE_PX))
    assert run(source, frame(STEP_NS)) == []
    engines["detector"].answer = heat_maps().answer
    engines["landmarks"].calls.clear()
    assert run(source, frame(20 * STEP_NS, WHERE_PX)) == []
    assert batches(engines) == []


@pytest.mark.parametrize("stamp_ns", [-STEP_NS, STILL, 10 * STEP_NS])
def test_nobody_is_followed_into_another_recording(source: LandmarkPoses, engines: Opened, stamp_ns: int) -> None:
    run(source, frame(0, WHERE_PX))
    engines["detector"].answer = heat_maps().answer
    assert run(source, frame(stamp_ns, WHERE_PX)) == []


def test_reset_forgets(source: LandmarkPoses, engines: Opened) -> None:
    run(source, frame(0, WHERE_PX))
    source.reset()
    engines["detector"].answer = heat_maps().answer
    assert run(source, frame(STEP_NS, WHERE_PX)) == []


def test_given_boxes_are_not_looked_for(source: LandmarkPoses, engines: Opened) -> None:
    given = (Detection(np.array([60.0, 60, 140, 240]), 1.0), Detection(np.array([400.0, 100, 480, 300]), 1.0))
    middles = run(source, frame(STILL, (100.0, 150.0), (440.0, 200.0)), given)
    assert sorted(round(x, -1) for x, _ in middles) == [100, 440]
    assert engines["detector"].calls == []


def test_settings_hold_from_the_next_frame_on(source: LandmarkPoses) -> None:
    source.configure(PipelineConfig(detector=DetectorConfig(score_threshold=0.95)))
    assert run(source, frame(0, WHERE_PX)) == []


def test_poses_are_whole_bodies_in_metres(source: LandmarkPoses) -> None:
    seen = frame(0, WHERE_PX)
    found = source(seen, HostImage(seen.image_bgr), None)
    (pose,) = found.poses
    assert pose.skeleton is source.skeleton
    assert source.usual_skeleton.name == "muco21"
    joints = {name: pose.joints_cam_m[i] for i, name in enumerate(pose.skeleton.joints)}
    assert np.isfinite(pose.joints_cam_m).all()
    np.testing.assert_allclose(joints["L_Ankle"] - joints["L_Knee"], [0.0, 0.4, 0.04], atol=0.02)
    assert list(found.timings_ms) == ["detect", "pose"]


def test_warm_up_runs_each_batch_size_and_leaves_nobody(source: LandmarkPoses, engines: Opened) -> None:
    seen = frame(0, WHERE_PX)
    source.warm_up(seen, HostImage(seen.image_bgr), (1, 2))
    assert batches(engines) == [1, 2]
    engines["detector"].answer = heat_maps().answer
    assert run(source, seen) == []


def test_chain_is_known_by_its_landmark_net(opened: EngineSet) -> None:
    assert is_landmark_chain(opened)
    assert not is_landmark_chain(EngineSet(Manifest(Path("."), (DETECTOR,)), BackendChoice("onnxruntime", "a test")))


def with_second(engines: Opened, score: float) -> LandmarkPoses:
    """With another pose net, which sees a body in each crop and is that sure of its joints."""
    at = np.stack(np.meshgrid(np.linspace(20, 44, 3), np.linspace(8, 56, 7)), axis=-1).reshape(21, 2)
    at[get_skeleton("muco21").root] = 31.5

    def answer(feeds: Tensors) -> Tensors:
        people = len(feeds["image"])
        return {
            "joints_crop_px": np.tile(at, (people, 1, 1)).astype(np.float32),
            "relative_depth_m": np.zeros((people, 21), dtype=np.float32),
            "joint_scores": np.full((people, 21), score, dtype=np.float32),
            "root_depth_m": np.full(people, 4.0, dtype=np.float32),
            "root_log_sigma": np.full(people, -2.0, dtype=np.float32),
        }

    outputs: Shapes = {"joints_crop_px": ("b", 21, 2), "relative_depth_m": ("b", 21), "joint_scores": ("b", 21)}
    engines["second"] = AnsweringEngine(answer, {"image": ("b", 3, 64, 64), "k_m": ("b",)}, outputs)
    entry = manifest_entry(
        "root_pose_metric", name="second", roles=("root",), skeleton="muco21", input_size_px=(64, 64)
    )
    manifest = Manifest(Path("."), (DETECTOR, LANDMARK_ENTRY, entry))
    choice = BackendChoice("onnxruntime", "a test")
    config = PipelineConfig(pose=PoseConfig(flip_test=False))
    return LandmarkPoses(EngineSet(manifest, choice, opener=lambda entry: engines[entry.name]), config)


@pytest.mark.parametrize(("score", "people"), [(0.6, 1), (0.5, 0)])
@pytest.mark.parametrize("stamp_ns", [STILL, 0])
def test_sure_box_in_which_nobody_is_read_is_asked_about(
    engines: Opened, score: float, people: int, stamp_ns: int
) -> None:
    """The detector says 0.9: 0.9 · 0.6 is more likely a person than not, 0.9 · 0.5 is not."""
    source = with_second(engines, score)
    assert len(run(source, frame(stamp_ns))) == people
    assert len(engines["second"].calls) == 1


def test_nothing_is_asked_where_nothing_is_in_doubt(engines: Opened) -> None:
    source = with_second(engines, 0.9)
    assert len(run(source, frame(0, WHERE_PX))) == 1
    assert engines["second"].calls == []


def test_nobody_is_asked_about_beyond_the_wanted_people(engines: Opened) -> None:
    source = with_second(engines, 0.9)
    engines["detector"].answer = heat_maps((15, 20, 0.95, (40, 80, 40, 80)), (15, 8, 0.9, (40, 80, 40, 80))).answer
    one = PipelineConfig(detector=DetectorConfig(max_people=1), pose=PoseConfig(flip_test=False))
    source.configure(one)
    assert len(run(source, frame(0, WHERE_PX))) == 1
    assert engines["second"].calls == []
    source.configure(PipelineConfig(pose=PoseConfig(flip_test=False)))
    source.reset()
    assert len(run(source, frame(0, WHERE_PX))) == 2
    assert len(engines["second"].calls) == 1


def test_who_is_lost_is_asked_about_and_followed_while_the_other_net_sees_them(engines: Opened) -> None:
    source = with_second(engines, 0.6)
    run(source, frame(0, WHERE_PX))
    engines["detector"].answer = heat_maps().answer
    for i in (1, 2, 3):
        (middle,) = run(source, frame(i * STEP_NS))
        np.testing.assert_allclose(middle, WHERE_PX, atol=25.0)
    assert len(engines["second"].calls) == 3
    source = with_second(engines, 0.4)
    engines["detector"].answer = heat_maps((15, 20, 0.9, (40, 80, 40, 80))).answer
    run(source, frame(0, WHERE_PX))
    engines["detector"].answer = heat_maps().answer
    assert [len(run(source, frame(i * STEP_NS))) for i in (1, 2, 3)] == [0, 0, 0]
    assert len(engines["second"].calls) == 1


def test_distance_stays_known_while_the_other_net_sees_someone(engines: Opened) -> None:
    """The other net is asked about a person's distance in the frame after the first, and then for a second no more."""
    source = with_second(engines, 0.6)
    for i in range(2):
        run(source, frame(i * STEP_NS, WHERE_PX))
    assert len(engines["second"].calls) == 1
    engines["detector"].answer = heat_maps().answer
    assert len(run(source, frame(2 * STEP_NS))) == 1
    for i in range(3, 6):
        assert len(run(source, frame(i * STEP_NS, WHERE_PX))) == 1
    assert len(engines["second"].calls) == 2


def test_distance_stays_known_of_people_in_given_boxes(engines: Opened) -> None:
    """As of those who are followed; the boxes come in another order in each frame."""
    source = with_second(engines, 0.6)
    given = (Detection(np.array([60.0, 60, 140, 240]), 1.0), Detection(np.array([400.0, 100, 480, 300]), 1.0))
    learned = []
    for i in range(6):
        seen = frame(i * STEP_NS, (100.0 + i, 150.0), (440.0 - i, 200.0))
        poses = source(seen, HostImage(seen.image_bgr), given[:: 1 - 2 * (i % 2)]).poses
        learned.append([any(reading.solver == "learned" for reading in pose.readings) for pose in poses])
    assert learned[0] == [False, False]
    assert learned[1].count(True) == 1
    assert learned[2:] == [[True, True]] * 4
    assert len(engines["second"].calls) == 2


def test_distance_is_learned_anew_after_a_pause_of_given_boxes(engines: Opened) -> None:
    source = with_second(engines, 0.6)
    given = (Detection(np.array([400.0, 100, 480, 300]), 1.0),)
    for stamp_ns in (0, STEP_NS, 20 * STEP_NS, 21 * STEP_NS):
        run(source, frame(stamp_ns, (440.0, 200.0)), given)
        run(source, frame(stamp_ns + 1), ())
    assert len(engines["second"].calls) == 2


def region_answer(hips_px: tuple[float, float], top_px: tuple[float, float]) -> AnsweringEngine:
    """A region detector that sees a person at those pixels of every view's input."""

    def answer(feeds: Tensors) -> Tensors:
        views, anchor = len(feeds["image"]), 1000
        boxes = np.zeros((views, len(ANCHORS_PX), 12), dtype=np.float32)
        logits = np.full((views, len(ANCHORS_PX), 1), -20.0, dtype=np.float32)
        boxes[:, anchor, 4:6], boxes[:, anchor, 6:8] = hips_px - ANCHORS_PX[anchor], top_px - ANCHORS_PX[anchor]
        logits[:, anchor] = 3.0
        return {"boxes": boxes, "logits": logits}

    outputs: Shapes = {"boxes": ("b", len(ANCHORS_PX), 12), "logits": ("b", len(ANCHORS_PX), 1)}
    return AnsweringEngine(answer, {"image": ("b", 3, 224, 224)}, outputs)


def test_who_lies_in_a_wide_box_is_read_lying(engines: Opened) -> None:
    """The head is to the right; the upright reading of the box is of no one."""
    engines["regions"] = region_answer((112.0, 112.0), (190.0, 112.0))
    upright = engines["landmarks"].answer

    def lying_only(feeds: Tensors) -> Tensors:
        # The bright strip along the box is upright in a crop that is turned with the person.
        answer = dict(upright(feeds))
        tall = feeds["image"][:, :, 60:70, 120:136].mean(axis=(1, 2, 3)) > 0.1
        answer["person"] = tall[:, None].astype(np.float32)
        return answer

    engines["landmarks"].answer = lying_only
    entry = manifest_entry(
        "mediapipe_detector",
        name="regions",
        roles=("region_detector",),
        input_size_px=(224, 224),
        normalization=Normalization(1 / 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), "rgb"),
    )
    manifest = Manifest(Path("."), (DETECTOR, LANDMARK_ENTRY, entry))
    opened = EngineSet(manifest, BackendChoice("onnxruntime", "a test"), opener=lambda e: engines[e.name])
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    image[230:250, 240:400] = 200
    seen = Frame(image, CAMERA)
    given = (Detection(np.array([240.0, 220.0, 400.0, 260.0]), 1.0),)
    found = LandmarkPoses(opened, PipelineConfig())(seen, HostImage(image), given)
    (pose,) = found.poses
    joints = {name: pose.joints_img_px[i] for i, name in enumerate(pose.skeleton.joints)}
    assert joints["Nose"][0] > joints["L_Ankle"][0] + 80
    assert pose.detection is given[0]
