from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import SkeletonError
from pose3d_ros.skeletons import SKELETONS, Skeleton, ancestors, convert, get_skeleton

ALL = [pytest.param(skeleton, id=name) for name, skeleton in SKELETONS.items()]
ORDERS = {
    "h36m16": (16, 0, "Pelvis", "Pelvis", "R_Wrist"),
    "h36m17": (17, 0, "Pelvis", "Pelvis", "R_Wrist"),
    "h36m18": (18, 0, "Pelvis", "Pelvis", "Thorax"),
    "muco21": (21, 14, "Pelvis", "Head_top", "L_Toe"),
    "mupots17": (17, 14, "Pelvis", "Head_top", "Head"),
    "mpii16": (16, 6, "Pelvis", "R_Ankle", "L_Wrist"),
    "coco17": (17, 0, "Nose", "Nose", "R_Ankle"),
    "mediapipe33": (33, 0, "Nose", "Nose", "R_Toe"),
    "body40": (40, 14, "Pelvis", "Head_top", "R_Heel"),
    "body25": (25, 8, "Pelvis", "Nose", "R_Heel"),
    "common14": (14, 0, "Pelvis", "Pelvis", "R_Wrist"),
    "epipolar16": (16, 6, "Pelvis", "R_Ankle", "L_Wrist"),
    "hg3d16": (16, 6, "Pelvis", "R_Ankle", "L_Wrist"),
}
"""Number of joints, index and name of the root, first and last joint, as the data sets' papers and code have them."""


def test_known_skeletons_and_their_orders() -> None:
    assert {
        name: (len(skeleton), skeleton.root, skeleton.joints[skeleton.root], skeleton.joints[0], skeleton.joints[-1])
        for name, skeleton in SKELETONS.items()
    } == ORDERS


@pytest.mark.parametrize("skeleton", ALL)
def test_edges_make_one_tree_from_the_root(skeleton: Skeleton) -> None:
    reached = {skeleton.root}
    while True:
        more = {child for parent, child in skeleton.edges if parent in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(range(len(skeleton)))
    assert len(skeleton.edges) == len(skeleton) - 1
    assert [i for i, parent in enumerate(skeleton.parents) if parent < 0] == [skeleton.root]


@pytest.mark.parametrize("skeleton", ALL)
def test_flip_pairs_are_left_and_right_of_the_same_joint(skeleton: Skeleton) -> None:
    for left, right in skeleton.flip_pairs:
        assert skeleton.joints[left].replace("L_", "R_", 1) == skeleton.joints[right]
    sided = [joint for joint in skeleton.joints if joint.startswith(("L_", "R_"))]
    assert len(sided) == 2 * len(skeleton.flip_pairs)


@pytest.mark.parametrize("skeleton", ALL)
def test_flipping_twice_changes_nothing_and_mirrors_the_tree(skeleton: Skeleton) -> None:
    order = np.array(skeleton.flip_order)
    np.testing.assert_array_equal(order[order], np.arange(len(skeleton)))
    for joint, parent in enumerate(skeleton.parents):
        mirrored = skeleton.parents[order[joint]]
        assert mirrored == (order[parent] if parent >= 0 else -1)


@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("h36m17", {"L_Shoulder": "Neck", "Head_top": "Nose", "Neck": "Spine"}),
        ("h36m18", {"L_Shoulder": "Thorax"}),
        ("muco21", {"Head_top": "Head", "Head": "Thorax", "L_Toe": "L_Ankle"}),
        ("mupots17", {"R_Wrist": "R_Elbow"}),
        ("mpii16", {"Head_top": "Neck", "R_Hip": "Pelvis"}),
        ("coco17", {"L_Hip": "L_Shoulder", "L_Ear": "L_Eye"}),
        ("mediapipe33", {"R_Ear": "R_Eye_Outer", "L_Thumb": "L_Wrist", "R_Toe": "R_Ankle", "L_Hip": "L_Shoulder"}),
        (
            "body40",
            {"Nose": "Head", "L_Mouth": "Nose", "R_Ear": "R_Eye_Outer", "L_Heel": "L_Ankle", "R_Index": "R_Wrist"},
        ),
        ("body25", {"Nose": "Thorax", "L_Ear": "L_Eye", "R_Small_Toe": "R_Ankle", "L_Shoulder": "Thorax"}),
        ("common14", {"L_Shoulder": "Thorax", "Thorax": "Pelvis", "R_Wrist": "R_Elbow"}),
        ("epipolar16", {"L_Shoulder": "Neck", "Head_top": "Nose", "Neck": "Pelvis", "Nose": "Neck"}),
        ("hg3d16", {"L_Shoulder": "Neck", "Head_top": "Neck", "Neck": "Spine"}),
    ],
)
def test_parents_by_hand(name: str, parents: dict[str, str]) -> None:
    skeleton = get_skeleton(name)
    found = {joint: skeleton.joints[skeleton.parents[skeleton.index_of[joint]]] for joint in parents}
    assert found == parents


def test_mupots_is_the_first_17_of_muco() -> None:
    assert get_skeleton("mupots17").joints == get_skeleton("muco21").joints[:17]


def test_body40_is_muco_and_then_what_only_mediapipe_has() -> None:
    body, muco, mediapipe = (get_skeleton(name).joints for name in ("body40", "muco21", "mediapipe33"))
    assert body[:21] == muco
    assert set(body) == set(muco) | set(mediapipe)


def test_ancestors_lead_to_the_pelvis() -> None:
    assert ancestors("L_Heel") == ("L_Ankle", "L_Knee", "L_Hip", "Pelvis")
    assert ancestors("R_Ear") == ("R_Eye", "Nose", "Head", "Neck", "Thorax", "Spine", "Pelvis")
    assert ancestors("Pelvis") == ()


def test_unknown_skeleton_names_the_known_ones() -> None:
    with pytest.raises(SkeletonError, match="h36m17") as caught:
        get_skeleton("h37m")
    assert caught.value.got == "'h37m'"


@settings(deadline=None)
@given(st.sampled_from(sorted(SKELETONS)), st.sampled_from(sorted(SKELETONS)), st.integers(1, 3))
def test_convert_keeps_shared_joints_and_invents_none(source_name: str, target_name: str, batch: int) -> None:
    source, target = get_skeleton(source_name), get_skeleton(target_name)
    points = np.arange(batch * len(source) * 3, dtype=np.float64).reshape(batch, len(source), 3)
    out = convert(points, source, target)
    assert out.shape == (batch, len(target), 3)
    for joint, index in target.index_of.items():
        if joint in source.index_of:
            np.testing.assert_array_equal(out[:, index], points[:, source.index_of[joint]])
        elif joint not in ("Pelvis", "Thorax"):
            assert np.isnan(out[:, index]).all()


def test_pelvis_and_thorax_of_coco_are_the_middles_of_hips_and_shoulders() -> None:
    coco, muco = get_skeleton("coco17"), get_skeleton("muco21")
    points = np.zeros((17, 3))
    points[coco.index_of["L_Hip"]] = [0.2, 1.0, 3.0]
    points[coco.index_of["R_Hip"]] = [-0.1, 1.2, 3.4]
    points[coco.index_of["L_Shoulder"]] = [0.4, 0.2, 3.0]
    points[coco.index_of["R_Shoulder"]] = [0.0, 0.0, 3.0]
    out = convert(points, coco, muco)
    np.testing.assert_allclose(out[muco.root], [0.05, 1.1, 3.2], atol=1e-12)
    np.testing.assert_allclose(out[muco.index_of["Thorax"]], [0.2, 0.1, 3.0], atol=1e-12)


def test_derived_joint_of_a_lost_one_is_lost() -> None:
    coco, muco = get_skeleton("coco17"), get_skeleton("muco21")
    points = np.zeros((17, 3))
    points[coco.index_of["L_Hip"]] = np.nan
    out = convert(points, coco, muco)
    assert np.isnan(out[muco.root]).all()
    assert np.isfinite(out[muco.index_of["Thorax"]]).all()


@pytest.mark.parametrize("shape", [(17,), (16, 3), (2, 18, 3)])
def test_convert_rejects_joints_of_another_skeleton(shape: tuple[int, ...]) -> None:
    with pytest.raises(SkeletonError, match="h36m17"):
        convert(np.zeros(shape), get_skeleton("h36m17"), get_skeleton("coco17"))


def test_mediapipe_landmarks_become_coco_joints() -> None:
    mediapipe, coco = get_skeleton("mediapipe33"), get_skeleton("coco17")
    points = np.arange(33.0)[:, None]
    # PoseLandmark: 7 is the left ear, 16 the right wrist, 23 the left hip, 28 the right ankle.
    by_name = dict(zip(coco.joints, convert(points, mediapipe, coco)[:, 0], strict=True))
    assert [by_name[name] for name in ("L_Ear", "R_Wrist", "L_Hip", "R_Ankle")] == [7, 16, 23, 28]
    assert np.isfinite(list(by_name.values())).all()


def test_order_of_published_nets_in_joints_of_human36m() -> None:
    # The authors' permutations of Human3.6M's 17 joints: EpipolarPose's H36M_TO_MPII_PERM, pose-hg-3d's h36m_to_mpii.
    orders = {
        "epipolar16": [3, 2, 1, 4, 5, 6, 0, 8, 9, 10, 16, 15, 14, 11, 12, 13],
        "hg3d16": [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13],
    }
    h36m = get_skeleton("h36m17").joints
    assert {name: get_skeleton(name).joints for name in orders} == {
        name: tuple(h36m[i] for i in order) for name, order in orders.items()
    }


def test_openpose_is_read_as_the_joints_that_it_shares_with_muco() -> None:
    # depthpose's OPENPOSE25_TO_COMMON2D14 and MUPOTS17_TO_COMMON2D14.
    openpose = [8, 9, 10, 11, 12, 13, 14, 1, 5, 6, 7, 2, 3, 4]
    mupots = [14, 8, 9, 10, 11, 12, 13, 1, 5, 6, 7, 2, 3, 4]
    common = get_skeleton("common14")
    for name, order in (("body25", openpose), ("mupots17", mupots)):
        source = get_skeleton(name)
        points = np.arange(float(len(source)))[:, None]
        np.testing.assert_array_equal(convert(points, source, common)[:, 0], order)


def test_coco_and_openpose_share_all_but_the_feet() -> None:
    coco, openpose = get_skeleton("coco17"), get_skeleton("body25")
    found = convert(np.zeros((17, 2)), coco, openpose)
    lost = [name for name, joint in zip(openpose.joints, found, strict=True) if np.isnan(joint).any()]
    assert lost == list(openpose.joints[19:])
    assert np.isfinite(convert(np.zeros((25, 2)), openpose, coco)).all()
