from __future__ import annotations

import pytest

from pose3d_ros.skeletons import SKELETONS, get_skeleton
from pose3d_ros.stages.smooth.body_model import body_model


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_has_limbs_whose_sides_are_alike(name: str) -> None:
    skeleton = get_skeleton(name)
    model = body_model(skeleton)
    bones = [tuple(skeleton.joints[i] for i in bone) for bone in model.bones]
    for side in "LR":
        assert (f"{side}_Knee", f"{side}_Ankle") in bones
        assert (f"{side}_Shoulder", f"{side}_Elbow") in bones
    assert len(model.hinges) == 4
    assert len({frozenset(bone) for bone in bones}) == len(bones) == len(model.sigmas_m)
    for bone, twin in zip(bones, model.twins, strict=True):
        other = [{"L": "R", "R": "L"}[joint[0]] + joint[1:] if joint[1] == "_" else joint for joint in bone]
        assert frozenset(bones[twin]) == frozenset(other)


def test_hinges_know_their_bones() -> None:
    skeleton = get_skeleton("coco17")
    model = body_model(skeleton)
    for (first, last), (upper, lower) in zip(model.hinges, model.hinge_bones, strict=True):
        assert (model.bones[upper][0], model.bones[lower][1]) == (first, last)
        assert model.bones[upper][1] == model.bones[lower][0]


def test_feet_are_those_that_the_skeleton_has() -> None:
    names = {name: [get_skeleton(name).joints[i] for i in body_model(get_skeleton(name)).feet] for name in SKELETONS}
    assert sorted(names["coco17"]) == ["L_Ankle", "R_Ankle"]
    assert len(names["body40"]) == 6
