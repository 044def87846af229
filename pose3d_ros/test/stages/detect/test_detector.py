from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines import Engine, ManifestEntry, Normalization, RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.records import Frame
from pose3d_ros.stages.detect.detector import Detector

MakeEngine = Callable[..., Engine]
MakeEntry = Callable[..., ManifestEntry]
# (row, column, score, (left, top, right, bottom))
Cell = tuple[int, int, float, tuple[float, float, float, float]]

IMAGE = {"image": ("batch", 3, "height", "width")}
OUT: dict[str, tuple[int | str, ...]] = {"heat": ("batch", 1, "h", "w"), "ltrb": ("batch", 4, "h", "w")}


def frame(width_px: int = 640, height_px: int = 480, value: int = 0) -> Frame:
    image = np.full((height_px, width_px, 3), value, dtype=np.uint8)
    return Frame(image, Camera.from_hfov(60.0, width_px, height_px), 0)


def maps(cells: list[Cell]) -> Callable[[Any], dict[str, npt.NDArray[np.float32]]]:
    def answer(feeds: Any) -> dict[str, npt.NDArray[np.float32]]:
        height, width = (side // 8 for side in feeds["image"].shape[2:])
        heat = np.zeros((1, 1, height, width), dtype=np.float32)
        ltrb = np.zeros((1, 4, height, width), dtype=np.float32)
        for row, column, score, sides in cells:
            heat[0, 0, row, column] = score
            ltrb[0, :, row, column] = sides
        return {"heat": heat, "ltrb": ltrb}

    return answer


@pytest.fixture
def detector(make_engine: MakeEngine, make_entry: MakeEntry) -> Callable[..., Detector]:
    def make(cells: list[Cell], entry: dict[str, Any] | None = None, **config: Any) -> Detector:
        engine = make_engine(maps(cells), IMAGE, **OUT)
        return Detector(RoleEngine(engine, make_entry("centre_ltrb", **(entry or {}))), DetectorConfig(**config))

    return make


def test_a_person_decodes_to_the_exact_box(detector: Callable[..., Detector]) -> None:
    # 640x480 is halved to 320x240. Cell (10, 5) has its center at input pixel (43.5, 83.5); the box there is
    # 23.5..63.5 by 33.5..143.5, and twice (u' + 0.5) less 0.5 in the image.
    found = detector([(10, 5, 0.75, (20, 50, 20, 60))])(frame())
    assert len(found) == 1
    assert found[0].score == pytest.approx(0.75)
    np.testing.assert_allclose(found[0].box_xyxy_px, [47.5, 67.5, 127.5, 287.5])


def test_boxes_are_clipped_to_the_image(detector: Callable[..., Detector]) -> None:
    found = detector([(0, 0, 0.9, (50, 50, 400, 300))])(frame())
    np.testing.assert_allclose(found[0].box_xyxy_px, [-0.5, -0.5, 639.5, 479.5])


def test_only_peaks_over_the_threshold_count(detector: Callable[..., Detector]) -> None:
    sides = (8.0, 8.0, 8.0, 8.0)
    cells = [(5, 5, 0.9, sides), (5, 6, 0.8, sides), (20, 20, 0.2, sides), (20, 30, 0.5, sides)]
    found = detector(cells, score_threshold=0.3)(frame())
    assert [d.score for d in found] == pytest.approx([0.9, 0.5])


def test_overlapping_boxes_leave_the_best(detector: Callable[..., Detector]) -> None:
    wide = (40.0, 40.0, 40.0, 40.0)
    found = detector([(10, 10, 0.6, wide), (10, 12, 0.9, wide)], nms_iou=0.5)(frame())
    assert [d.score for d in found] == pytest.approx([0.9])


def test_most_people(detector: Callable[..., Detector]) -> None:
    sides = (4.0, 4.0, 4.0, 4.0)
    cells = [(4 * i, 4, 0.5 + 0.05 * i, sides) for i in range(6)]
    found = detector(cells, max_people=2)(frame())
    assert [d.score for d in found] == pytest.approx([0.75, 0.7])


def test_the_padding_holds_nobody(detector: Callable[..., Detector]) -> None:
    # 640x480 → 320x240 padded to 320x256: rows 30 and 31 of the map are padding.
    assert detector([(31, 5, 0.9, (20, 20, 20, 20))])(frame()) == ()


@pytest.mark.parametrize("sides", [(-5, 5, 2, 5), (np.nan, 5, 5, 5), (0.1, 0.1, 0.1, 0.1)])
def test_boxes_without_an_area_are_dropped(
    detector: Callable[..., Detector], sides: tuple[float, float, float, float]
) -> None:
    assert detector([(5, 5, 0.9, sides)])(frame()) == ()


def test_no_people(detector: Callable[..., Detector]) -> None:
    assert detector([])(frame()) == ()


def test_the_input_is_normalized_rgb_with_neutral_padding(make_engine: MakeEngine, make_entry: MakeEntry) -> None:
    engine = make_engine(maps([]), IMAGE, **OUT)
    normalization = Normalization(1 / 255, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0), "rgb")
    shown = frame()
    shown.image_bgr[...] = (51, 102, 255)
    Detector(RoleEngine(engine, make_entry("centre_ltrb", normalization=normalization)))(shown)
    image = engine.calls[0]["image"]  # type: ignore[attr-defined]
    assert image.shape == (1, 3, 256, 320)
    np.testing.assert_allclose(image[0, :, 120, 100], [1.0, 0.6, 0.2], atol=1e-6)
    assert (image[0, :, 240:] == 0).all()


def test_an_image_in_a_fixed_input_size(detector: Callable[..., Detector]) -> None:
    # 640x480 into 416x416: scale 0.65. Cell (0, 0) is at 3.5: 4 / 0.65 − 0.5.
    found = detector([(10, 10, 0.9, (3, 3, 4, 4))], {"input_size_px": (416, 416)})(frame())
    center = (8 * 10 + 3.5 + 0.5) / 0.65 - 0.5
    np.testing.assert_allclose(found[0].box_xyxy_px, center + np.array([-3, -3, 4, 4]) / 0.65)


def test_an_unknown_decoder_is_refused(make_engine: MakeEngine, make_entry: MakeEntry) -> None:
    with pytest.raises(EngineError, match="centre_ltrb"):
        Detector(RoleEngine(make_engine(maps([]), IMAGE, **OUT), make_entry("yolo")))


def test_a_wrong_stride_is_refused(make_engine: MakeEngine, make_entry: MakeEntry) -> None:
    entry = make_entry("centre_ltrb", parameters={"stride": 16})
    with pytest.raises(EngineError, match="stride"):
        Detector(RoleEngine(make_engine(maps([]), IMAGE, **OUT), entry))(frame())


@pytest.mark.parametrize(("width_px", "height_px"), [(640, 480), (1280, 720), (1, 1), (2000, 3), (317, 211)])
def test_letterboxes_keep_the_image_in_multiples_of_32(width_px: int, height_px: int) -> None:
    box = Letterbox.fit_long_side(width_px, height_px, 320)
    assert box.width_px % 32 == box.height_px % 32 == 0
    assert max(box.content_width_px, box.content_height_px) == 320
    assert box.width_px - box.content_width_px < 32
    whole = box.input2img(np.array([[-0.5, -0.5, box.content_width_px - 0.5, box.content_height_px - 0.5]]))
    np.testing.assert_allclose(whole, [[-0.5, -0.5, width_px - 0.5, height_px - 0.5]])
