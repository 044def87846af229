"""Engines that give a test's answers, manifest entries, and a scene of walking stick figures with ground truth."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.engines import Engine, ManifestEntry, Normalization, TensorSpec
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection, Frame, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array, ImageArray

RATE_HZ = 15.0
CAMERA_HEIGHT_M = 1.4
IMAGES, CAMERA_INFO, GROUND_TRUTH = "/camera/image_raw/compressed", "/camera/camera_info", "/ground_truth/people"
FRAME_ID = "camera_optical_frame"
MUCO = get_skeleton("muco21")

Tensors = Mapping[str, npt.NDArray[Any]]
Shapes = Mapping[str, tuple[int | str, ...]]
# (row, column, score, (left, top, right, bottom)) of a detection, in cells of 8 pixels and in pixels
Cell = tuple[int, int, float, tuple[float, float, float, float]]


FileLimit = Callable[[int], AbstractContextManager[None]]


@pytest.fixture
def file_limit() -> FileLimit:
    """Within it, files of this process and of its children can't grow beyond so many bytes, as on a full disk."""

    @contextmanager
    def limit(most_bytes: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address, in RAY_ADDRESS too, of a cluster on this machine: a head that does no work, and two workers."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster.address
    finally:
        cluster.shutdown()


class AnsweringEngine(Engine):
    """Gives what `answer` makes of its feeds, and keeps the feeds of every call. dtypes: of what is not float32."""

    def __init__(
        self,
        answer: Callable[[Tensors], Tensors],
        inputs: Shapes,
        outputs: Shapes,
        dtypes: Mapping[str, str] | None = None,
    ) -> None:
        specs = [
            tuple(TensorSpec(name, shape, (dtypes or {}).get(name, "float32")) for name, shape in side.items())
            for side in (inputs, outputs)
        ]
        super().__init__("answering", *specs)
        self.answer = answer
        self.calls: list[Tensors] = []
        self.released = False

    def _run(self, feeds: Tensors) -> dict[str, npt.NDArray[Any]]:
        self.calls.append(feeds)
        return dict(self.answer(feeds))

    def _release(self) -> None:
        self.released = True


def heat_maps(*cells: Cell) -> AnsweringEngine:
    """A `centre_ltrb` network for images of any size, with these cells and nothing elsewhere."""

    def answer(feeds: Tensors) -> Tensors:
        height, width = (side // 8 for side in feeds["image"].shape[2:])
        heat, ltrb = (np.zeros((1, channels, height, width), dtype=np.float32) for channels in (1, 4))
        for row, column, score, sides in cells:
            heat[0, 0, row, column] = score
            ltrb[0, :, row, column] = sides
        return {"heat": heat, "ltrb": ltrb}

    outputs: Shapes = {"heat": ("batch", 1, "h", "w"), "ltrb": ("batch", 4, "h", "w")}
    return AnsweringEngine(answer, {"image": ("batch", 3, "height", "width")}, outputs)


def failing(feeds: Tensors) -> Tensors:
    """The answer of an engine that fails."""
    raise EngineError("engine", expected="an answer", got="none", fix="Try again.")


def manifest_entry(decoder: str, **changes: Any) -> ManifestEntry:
    """The entry of a pose and root net of any image size, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "test",
        "roles": ("pose", "root"),
        "file": Path("test.onnx"),
        "sha256": "0" * 64,
        "input_size_px": None,
        "normalization": Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb"),
        "skeleton": None,
        "units": "m",
        "license": "Apache-2.0",
        "training_data": "none",
    }
    return ManifestEntry(decoder=decoder, **{**fields, **changes})


def gait_joints_m(phase: float, heading_rad: float) -> Array:
    """muco21 joints (21, 3) of a walker around its pelvis, camera axes (y down); heading 0 walks along +z."""
    positions_m: dict[str, tuple[float, float, float]] = {
        "Pelvis": (0, 0, 0),
        "Spine": (0, -0.25, 0),
        "Thorax": (0, -0.5, 0),
    }
    positions_m |= {"Head": (0, -0.66, 0.04), "Head_top": (0, -0.84, 0.02)}
    for side, x, sign in (("L", -1.0, 1.0), ("R", 1.0, -1.0)):
        thigh, shin = 0.5 * np.sin(sign * phase), 0.35 * (1 - np.cos(sign * phase))
        knee = (0.1 * x, 0.42 * np.cos(thigh), 0.42 * np.sin(thigh))
        lower = thigh - shin
        ankle = (0.1 * x, knee[1] + 0.42 * np.cos(lower), knee[2] + 0.42 * np.sin(lower))
        swing = -0.45 * np.sin(sign * phase)
        elbow = (0.2 * x, -0.48 + 0.28 * np.cos(swing), 0.28 * np.sin(swing))
        wrist = (0.2 * x, elbow[1] + 0.25 * np.cos(swing + 0.4), elbow[2] + 0.25 * np.sin(swing + 0.4))
        positions_m |= {f"{side}_Hip": (0.1 * x, 0, 0), f"{side}_Knee": knee, f"{side}_Ankle": ankle}
        positions_m |= {f"{side}_Toe": (ankle[0], ankle[1] + 0.07, ankle[2] + 0.17)}
        positions_m |= {f"{side}_Shoulder": (0.18 * x, -0.48, 0), f"{side}_Elbow": elbow, f"{side}_Wrist": wrist}
        positions_m |= {f"{side}_Hand": (wrist[0], wrist[1] + 0.08, wrist[2])}
    turn = np.array(
        [[np.cos(heading_rad), 0, np.sin(heading_rad)], [0, 1, 0], [-np.sin(heading_rad), 0, np.cos(heading_rad)]]
    )
    joints: Array = np.array([positions_m[name] for name in MUCO.joints]) @ turn.T
    return joints


def person_at(
    track_id: int, joints_cam_m: Array, camera: Camera, *, state: TrackState = TrackState.TRACKED, score: float = 1.0
) -> Person:
    """A person with these joints, its pixels and box by projection."""
    joints_px = camera.project(joints_cam_m)
    box = np.concatenate([joints_px.min(axis=0) - 8.0, joints_px.max(axis=0) + 8.0])
    pose = Pose(
        joints_cam_m[MUCO.root], joints_cam_m, joints_px, np.full(len(MUCO), 0.9), MUCO, Detection(box, score), 0.1
    )
    return Person(track_id, state, pose, np.zeros(3), score)


@dataclass(frozen=True, eq=False)
class Scene:
    """Three people walking across each other, frame by frame."""

    camera: Camera
    stamps_ns: tuple[int, ...]
    ground_truth: tuple[tuple[Person, ...], ...]

    def image(self, index: int) -> ImageArray:
        """A plain image, 640x480, a little different in each frame."""
        return np.full((self.camera.height_px, self.camera.width_px, 3), (150, 160 + index % 3, 170), np.uint8)

    def noisy(self, sigma_m: float, seed: int = 0, depth_sigma_m: float = 0.0) -> tuple[tuple[Person, ...], ...]:
        """The ground truth with independent noise on every joint, and on every root's depth."""
        rng = np.random.default_rng(seed)

        def moved(person: Person) -> Person:
            noise_m = rng.normal(0, sigma_m, (len(MUCO), 3)) + np.array([0, 0, rng.normal(0, depth_sigma_m)])
            return person_at(person.track_id, person.pose.joints_cam_m + noise_m, self.camera, score=0.9)

        return tuple(tuple(moved(person) for person in people) for people in self.ground_truth)

    def write(self, path: Path, frames: int = 30, camera: Camera | None = None) -> Path:
        """A bag of the first frames: images, camera_info (of another camera) and ground truth."""
        with BagWriter(path) as bag:
            for i, stamp_ns in enumerate(self.stamps_ns[:frames]):
                bag.write_image(IMAGES, stamp_ns, FRAME_ID, self.image(i))
                bag.write_camera(CAMERA_INFO, stamp_ns, FRAME_ID, camera or self.camera)
                bag.write_people(GROUND_TRUTH, stamp_ns, FRAME_ID, self.ground_truth[i], MUCO, id_prefix="gt_")
        return path


def recorded_frames(*span: int) -> list[Frame]:
    """Frames of the sample recording, as `range` counts them."""
    with BagReader(sample_bag()) as bag:
        camera = next(iter(bag.cameras())).camera
        return [Frame(image.image_bgr, camera, image.stamp_ns) for image in islice(bag.images(), *span)]


def crop_pixel_px(person: Person) -> float:
    """Pixels of the image in one of the embedded pose net's crop."""
    x0, y0, x1, y1 = person.pose.detection.box_xyxy_px
    return float(max(x1 - x0, y1 - y0)) * 1.25 / 128


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Three walkers, 30 frames long at 15 Hz."""
    camera = Camera.from_hfov(70.0, 640, 480)
    paths = (((-2.2, 4.0), (0.8, 0.05)), ((2.0, 5.2), (-0.7, -0.1)), ((0.3, 7.5), (-0.1, -0.5)))
    stamps, ground_truth = [], []
    for i in range(30):
        time_s = i / RATE_HZ
        people = []
        for number, ((x, z), (vx, vz)) in enumerate(paths, start=1):
            root = np.array([x + vx * time_s, CAMERA_HEIGHT_M - 0.95, z + vz * time_s])
            joints = gait_joints_m(5.5 * time_s + number, float(np.arctan2(vx, vz))) + root
            people.append(person_at(number, joints, camera))
        stamps.append(1_700_000_000_000_000_000 + round(time_s * 1e9))
        ground_truth.append(tuple(people))
    return Scene(camera, tuple(stamps), tuple(ground_truth))
