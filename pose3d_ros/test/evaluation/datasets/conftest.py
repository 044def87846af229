"""Small datasets in the published formats, of walking stick figures whose joints in metres are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.types import Array

from ...conftest import MUCO, gait_joints_m

CAMERA = Camera(np.array([[700.0, 0, 330], [0, 710, 250], [0, 0, 1]]), 640, 480)
PEOPLE, FRAMES = 2, 4
JOINTS19 = (
    "Thorax Nose Pelvis L_Shoulder L_Elbow L_Wrist L_Hip L_Knee L_Ankle R_Shoulder R_Elbow R_Wrist R_Hip R_Knee "
    "R_Ankle L_Eye L_Ear R_Eye R_Ear"
).split()
TSAI = """<Camera name="one"><Geometry width="768" height="576" dpx="5e-3" dpy="4.6e-3"/>
<Intrinsic focal="5.5" kappa1="5e-3" cx="380" cy="290" sx="1.1"/>
<Extrinsic tx="0" ty="0" tz="20000" rx="2.0" ry="0.0" rz="0.0"/></Camera>"""


MAT_HEAD = b"MATLAB 7.3 MAT-file".ljust(512, b" ")


def walker_m(person: int, frame: int) -> Array:
    """muco21 joints (21, 3) of a person in a frame, metres, in the camera's optical frame."""
    joints: Array = gait_joints_m(0.4 * frame + person, 0.3) + np.array(
        [1.2 * person - 0.5 + 0.05 * frame, 0.1, 4.0 + person]
    )
    return joints


def box_of(points_px: Array) -> list[float]:
    """Left, top, width and height around points (N, 2)."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def write_image(path: Path, level: int = 128) -> None:
    """A plain image of the camera's size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((CAMERA.height_px, CAMERA.width_px, 3), level, np.uint8))


def write_json(path: Path, content: object) -> Path:
    """A JSON file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def _annotation(number: int, image: int, joints_m: Array, **more: Any) -> dict[str, Any]:
    points = CAMERA.project(joints_m)
    return {
        "id": number,
        "image_id": image,
        "keypoints_cam": (1000.0 * joints_m).tolist(),
        "keypoints_img": points.tolist(),
        "keypoints_vis": [1] * len(joints_m),
        "bbox": box_of(points),
        **more,
    }


def _coco(names: Sequence[str], joints: int, fields: Mapping[str, Any], **annotation: Any) -> dict[str, Any]:
    images = [{"id": i, "file_name": name, "width": 640, "height": 480, **fields} for i, name in enumerate(names)]
    annotations = [
        _annotation(PEOPLE * i + p, i, walker_m(p, i)[:joints], **annotation)
        for i in range(len(names))
        for p in range(PEOPLE)
    ]
    return {"images": images, "annotations": annotations}


def write_mupots(folder: Path) -> Path:
    """Sequences TS1 and TS2 of two images with two people each; the last person is not valid."""
    names = [f"TS{s}/img_{i:06d}.jpg" for s in (1, 2) for i in range(FRAMES // 2)]
    content = _coco(names, 17, {"intrinsic": [700.0, 710.0, 330.0, 250.0]}, is_valid=1)
    content["annotations"][-1]["is_valid"] = 0
    for name in names:
        write_image(folder / "MultiPersonTestSet" / name)
    return write_json(folder / "MuPoTS-3D.json", content).parent


def write_muco(folder: Path) -> Path:
    """Images of augmented and unaugmented_set, of two cameras."""
    names = ["augmented_set/1.jpg", "augmented_set/2.jpg", "unaugmented_set/3.jpg", "unaugmented_set/4.jpg"]
    content = _coco(names, 21, {"f": [700.0, 710.0], "c": [330.0, 250.0]})
    content["images"][1]["f"] = [900.0, 900.0]
    return write_json(folder / "MuCo-3DHP.json", content)


def write_pw3d(folder: Path) -> Path:
    """One sequence of four images in SMPL's joints, metres."""
    smpl = (
        "Pelvis L_Hip R_Hip - L_Knee R_Knee - L_Ankle R_Ankle - L_Toe R_Toe - - - - L_Shoulder R_Shoulder L_Elbow "
        "R_Elbow L_Wrist R_Wrist L_Hand R_Hand"
    ).split()
    camera = {"focal": [700.0, 710.0], "princpt": [330.0, 250.0]}
    content = _coco(
        [f"image_{i:05d}.jpg" for i in range(FRAMES)], 21, {"sequence": "downtown_walk_00", "cam_param": camera}
    )
    for entry in content["annotations"]:
        joints = walker_m(entry["id"] % PEOPLE, entry["image_id"])
        entry["joint_cam"] = [joints[MUCO.index_of[n]].tolist() if n != "-" else [9.0, 9.0, 9.0] for n in smpl]
        entry["person_id"] = entry["id"] % PEOPLE
    return write_json(folder / "3DPW_test.json", content)


ROTATION = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
TRANSLATION_M = np.array([0.3, -0.2, 6.0])


def write_human36m(folder: Path, subjects: Sequence[int] = (9, 11), step: int = 32) -> Path:
    """An action of each subject by two cameras; frames 0, 32, 64 and 96. Joints are in a world of their own."""
    h36m = get_skeleton("h36m17")
    for subject in subjects:
        images: list[dict[str, object]] = []
        annotations: list[dict[str, object]] = []
        poses: dict[str, object] = {}
        for view in (1, 2):
            for i in range(FRAMES):
                number, frame = len(images), i * step
                joints_m = np.nan_to_num(convert(walker_m(0, i), MUCO, h36m), nan=1.0)
                poses[str(frame)] = (1000.0 * (joints_m - TRANSLATION_M) @ ROTATION).tolist()
                name = f"s_{subject:02d}_act_02_subact_01_ca_{view:02d}"
                about = {"subject": subject, "action_name": "Directions", "action_idx": 2, "subaction_idx": 1}
                images.append(
                    {"id": number, "file_name": f"{name}/{name}_{frame + 1:06d}.jpg", "width": 640, "height": 480}
                    | about | {"cam_idx": view, "frame_idx": frame}
                )  # fmt: skip
                annotations.append(
                    {"id": number, "image_id": number, "bbox": [100.0, 50, 200, 300], "keypoints_vis": []}
                )
        camera = {
            "R": ROTATION.tolist(),
            "t": (1000 * TRANSLATION_M).tolist(),
            "f": [700.0, 710.0],
            "c": [330.0, 250.0],
        }
        files = {
            "data": {"images": images, "annotations": annotations},
            "camera": {"1": camera, "2": camera},
            "joint_3d": {"2": {"1": poses}},
        }
        for kind, content in files.items():
            write_json(folder / "annotations" / f"Human36M_subject{subject}_{kind}.json", content)
    return folder


def mat_arrays() -> dict[str, Array]:
    """The variables of annot_data.mat in MATLAB's order of axes; the last frame is not valid."""
    joints = np.array([walker_m(0, i)[:17] for i in range(FRAMES)])
    points = CAMERA.project(joints)
    univ = joints.copy()
    univ = univ[:, 14:15] + 1.1 * (univ - univ[:, 14:15])

    def matlab(array: Array) -> Array:
        return array.transpose(2, 1, 0)[:, :, None, :]

    valid = np.ones((1, FRAMES))
    valid[0, -1] = 0
    return {
        "annot2": matlab(points),
        "annot3": matlab(1000 * joints),
        "univ_annot3": matlab(1000 * univ),
        "valid_frame": valid,
    }


def write_mat(path: Path, arrays: Mapping[str, Array] | None = None) -> Path:
    """A file as MATLAB 7.3 writes it: a head of 512 bytes, axes reversed."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in (mat_arrays() if arrays is None else arrays).items():
            file[name] = np.ascontiguousarray(array.T)
    with path.open("r+b") as file:
        file.write(MAT_HEAD)
    return path


def write_panoptic(folder: Path, name: str = "171204_pose1_sample") -> Path:
    """A recording by the HD cameras 00_00 and 00_16, images of the first alone; one joint is not confident."""
    root, turn = folder / name, ROTATION
    cameras = [
        {"name": f"00_{node:02d}", "type": "hd", "resolution": [640, 480], "panel": 0, "node": node}
        | {"K": CAMERA.K_px.tolist(), "distCoef": [0.01, 0, 0, 0, 0], "R": turn.tolist()}
        | {"t": [[100 * v] for v in TRANSLATION_M]}
        for node in (0, 16)
    ]
    write_json(root / f"calibration_{name}.json", {"cameras": [*cameras, {**cameras[0], "type": "vga", "panel": 1}]})
    body = get_skeleton("body40")
    for i in range(FRAMES):
        bodies = []
        for p in range(PEOPLE):
            joints_m = np.nan_to_num(convert(walker_m(p, i), MUCO, body), nan=4.0)
            world_cm = 100.0 * (joints_m - TRANSLATION_M) @ turn
            rows = [
                [*world_cm[body.index_of[joint]].tolist(), 0.1 if joint == "L_Wrist" else 0.6] for joint in JOINTS19
            ]
            bodies.append({"id": p, "joints19": [value for row in rows for value in row]})
        scene = {"version": 0.7, "univTime": 53541.542, "fpsType": "hd_29_97", "bodies": bodies}
        write_json(root / "hdPose3d_stage1_coco19" / f"body3DScene_{100 + i:08d}.json", scene)
        write_image(root / "hdImgs" / "00_00" / f"00_00_{100 + i:08d}.jpg", 100 + i)
    return root


MOT_ROWS = """1,1,101,51,40,100,1,1,1
1,2,201,51,40,100,1,1,0.5
2,1,106,51,40,100,1,1,1
2,2,206,51,40,100,0,1,0.5
2,3,10,10,5,5,1,3,1
3,1,111,51,40,100,1,1,1
"""


def write_mot(folder: Path) -> Path:
    """A sequence of three frames with two people, one of them not counted in frame 2, and a car."""
    (folder / "gt").mkdir(parents=True)
    (folder / "gt/gt.txt").write_text(MOT_ROWS)
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=small\nframeRate=10\nimWidth=640\nimHeight=480\n")
    for i in range(1, 4):
        write_image(folder / "img1" / f"{i:06d}.jpg")
    return folder


def write_cvml(folder: Path) -> Path:
    """Two frames of the PETS kind beside a Tsai calibration: one person on the floor."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "View_001.xml").write_text(TSAI)
    boxes = [
        f'<frame number="{i}"><objectlist><object id="7"><orientation>0</orientation>'
        f'<box h="90" w="30" xc="{380 + 4 * i}" yc="245"/></object></objectlist></frame>'
        for i in range(2)
    ]
    path = folder / "PETS2009-S2L1.xml"
    path.write_text(f'<?xml version="1.0"?><dataset name="PETS2009-S2L1">{"".join(boxes)}</dataset>')
    return path
