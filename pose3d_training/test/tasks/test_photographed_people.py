"""COCO files of photographs: what is read by hand, what is left out, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.errors import ConfigError, Pose3DError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.tasks.photographed_people import PhotographedPerson, read_photographs

MUCO = get_skeleton("muco21")
COCO_NAMES = [
    "nose", *(f"{side}_{part}" for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")),
]  # fmt: skip


def annotation(**changes: Any) -> dict[str, Any]:
    """Joint k at (10 + k, 20 + 2k), all visible."""
    keypoints = [value for k in range(17) for value in (10 + k, 20 + 2 * k, 2)]
    made = {"image_id": 1, "category_id": 1, "iscrowd": 0, "num_keypoints": 17, "bbox": [5, 15, 30, 60]}
    return {**made, "keypoints": keypoints, **changes}


def content(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    image = {"id": 1, "file_name": "a.png", "width": 64, "height": 96}
    category = {"id": 1, "name": "person", "keypoints": COCO_NAMES}
    return {"images": [image], "annotations": list(annotations), "categories": [category], **changes}


def write(folder: Path, made: object, image: str = "a.png") -> Path:
    (folder / image).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / image), np.full((96, 64, 3), 90, np.uint8))
    (folder / "people.json").write_text(json.dumps(made))
    return folder / "people.json"


def read(folder: Path, *annotations: dict[str, Any], **changes: Any) -> list[PhotographedPerson]:
    return read_photographs(write(folder, content(*annotations, **changes)), MUCO)


def test_joints_are_taken_by_name_and_pelvis_and_thorax_derived(tmp_path: Path) -> None:
    (person,) = read(tmp_path, annotation())
    at = MUCO.index_of
    wrist = COCO_NAMES.index("right_wrist")
    np.testing.assert_allclose(person.joints_img_px[at["R_Wrist"]], [10 + wrist, 20 + 2 * wrist])
    hips = [COCO_NAMES.index(f"{side}_hip") for side in ("left", "right")]
    np.testing.assert_allclose(person.joints_img_px[at["Pelvis"], 0], 10 + np.mean(hips))
    known = {name for name, (x, _) in zip(MUCO.joints, person.joints_img_px, strict=True) if np.isfinite(x)}
    assert len(known) == 14
    assert {"Head_top", "Spine", "Head", "L_Hand", "R_Toe"}.isdisjoint(known)
    np.testing.assert_allclose(person.box_xyxy_px, [4.5, 14.5, 34.5, 74.5])


def test_file_without_categories_has_the_joints_of_coco(tmp_path: Path) -> None:
    made = content(annotation())
    del made["categories"]
    (person,) = read_photographs(write(tmp_path, made), MUCO)
    assert int(np.isfinite(person.joints_img_px[:, 0]).sum()) == 14


def test_unmarked_joint_and_what_derives_from_it_are_unknown(tmp_path: Path) -> None:
    one = annotation()
    one["keypoints"][3 * COCO_NAMES.index("left_hip") + 2] = 0
    hidden = 3 * COCO_NAMES.index("left_knee") + 2
    one["keypoints"][hidden] = 1
    (person,) = read(tmp_path, one)
    unknown = {name for name, (x, _) in zip(MUCO.joints, person.joints_img_px, strict=True) if np.isnan(x)}
    assert {"L_Hip", "Pelvis"} <= unknown
    assert "L_Knee" not in unknown


@pytest.mark.parametrize(
    "changes",
    [
        {"iscrowd": 1},
        {"num_keypoints": 0},
        {"bbox": [200, 15, 30, 60]},
        {"bbox": [5, 15, 30, 3]},
        {"bbox": [5, 15, -30, 60]},
        {"keypoints": [10, 20, 2] * 3 + [0, 0, 0] * 14},
    ],
    ids=["crowd", "no keypoints", "off the image", "flat", "negative", "face alone"],
)
def test_people_who_can_not_be_learned_from_are_left_out(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert len(read(tmp_path, annotation(**changes), annotation())) == 1
    with pytest.raises(ConfigError, match="at least 4 joints of muco21, got none"):
        read(tmp_path, annotation(**changes))


def test_order_of_two_joints_is_that_of_the_file(tmp_path: Path) -> None:
    nose, elbow, knee = (COCO_NAMES.index(name) for name in ("nose", "left_elbow", "right_knee"))
    (person,) = read(tmp_path, annotation(depth_order=[[elbow, knee, 1], [nose, knee, -1]]))
    a, b = MUCO.index_of["L_Elbow"], MUCO.index_of["R_Knee"]
    assert (person.order[a, b], person.order[b, a]) == (1, -1)
    assert person.ordered.sum() == 2  # the nose is no joint of muco21


@pytest.mark.parametrize("place", ["images/a.png", "../people/a.png", "../images/people/a.png"])
def test_images_are_found_beside_the_file_and_in_cocos_folders(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "annotations"
    folder.mkdir()
    path = write(folder, content(annotation()), place)
    (person,) = read_photographs(path, MUCO)
    assert person.image.resolve() == (folder / place).resolve()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [1, 2]}, "keypoints"),
        ({"keypoints": [[1e9, 2, 2]] * 17}, "pixels up to 1000000"),
        ({"keypoints": ["x"] * 51}, "17 x 3 finite numbers"),
        ({"keypoints": None}, "17 x 3 finite numbers"),
        ({"bbox": [0, 0, 1]}, "4 finite numbers"),
        ({"bbox": [0, 0, 1e300, 5]}, "pixels up to"),
        ({"category_id": 7}, "category_id"),
        ({"category_id": [1]}, "category_id"),
        ({"image_id": 2}, "image_id"),
        ({"depth_order": [[1, 2]]}, "depth_order"),
        ({"depth_order": [[1, 99, 1]]}, "keypoints below 17"),
        ({"depth_order": [[1, 2, 5]]}, "1, -1 or 0"),
        ({"depth_order": "all"}, "depth_order"),
    ],
)
def test_wrong_annotation_is_an_error_that_names_it(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Pose3DError, match=message):
        read(tmp_path, annotation(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {}}, "a list"),
        ({"annotations": [3]}, "a mapping"),
        ({"categories": [{"id": "one"}]}, "categories, id"),
        ({"categories": [{"id": 1, "keypoints": [1, 2]}]}, "names of keypoints"),
        ({"images": [{"id": 1, "file_name": "../../etc/passwd", "width": 64, "height": 96}]}, "inside the folder"),
        ({"images": [{"id": 1, "file_name": "/etc/passwd", "width": 64, "height": 96}]}, "inside the folder"),
        ({"images": [{"id": 1, "file_name": "other.png", "width": 64, "height": 96}]}, "no 'other.png'"),
    ],
)
def test_wrong_file_is_an_error(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Pose3DError, match=message):
        read(tmp_path, annotation(), **changes)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"images": NaN}', "\x00"])
def test_other_text_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(ConfigError, match="photographs"):
        read_photographs(tmp_path / "people.json", MUCO)
