"""Engines and entries that can't place anybody are refused when the stage is made, with a message that says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import attr
import pytest
from onnx import TensorProto

from pose3d_ros.engines import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator

Scene = Any
"""conftest.Scene."""


@pytest.mark.parametrize(
    ("decoder", "parameters", "message"),
    [
        ("simcc_2d", {}, "Joints in the image alone need a lifter in the same folder"),
        (
            "simcc_2d",
            {"root": "closed_form"},
            "a model of the role lifter, or a decoder that gives depths",
        ),
        ("simcc_3d", {}, "expected a model of the role root, got the decoder simcc_3d alone"),
        ("integral_volume", {"root": "closed_form"}, "role root, and no parameter root"),
        ("3dmppe_posenet", {}, "expected a model of the role root"),
        ("root_pose_metric", {}, "expected a model of the role root"),
        ("metrabs", {"root": "guessed"}, "one of closed_form, weak_perspective, got 'guessed'"),
        ("metrabs", {"ahead": "sideways"}, "parameter ahead of test: expected one of camera, crop"),
        ("metrabs", {"joints": [1.5]}, "parameter joints of test: expected a count, or a list of indices"),
        ("metrabs", {"joints": 0}, "parameter joints of test: expected an integer, 1 or above"),
        ("metrabs", {"metres_per_unit": -1}, "parameter metres_per_unit of test: expected a number above 0"),
        ("metrabs", {"outputs": ["coords2d"]}, "parameter outputs of test: expected a list of 2 names"),
        ("metrabs", {"outputs": ["a", "b"]}, "expected a; b, got coords2d: float32"),
        ("metrabs", {"image_input": "pixels"}, "expected pixels: float32 .* got image: float32"),
    ],
)
def test_decoders_and_parameters(scene: Scene, decoder: str, parameters: dict[str, Any], message: str) -> None:
    model = scene.metrabs(scene.person(17, (256, 256)))
    with pytest.raises(EngineError, match=message):
        RootPoseEstimator(replace(model, entry=scene.entry(decoder, 256, 256, "h36m17", **parameters)))


def test_a_root_net_does_not_lift_pixels(scene: Scene) -> None:
    model = scene.metrabs(scene.person(17, (256, 256)))
    with pytest.raises(EngineError, match="role lifter"):
        RootPoseEstimator(replace(model, entry=scene.entry("simcc_2d", 256, 256, "coco17")), scene.root(4.0))


def test_uint8_pixels_are_not_normalized(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    entry = scene.metrabs(who).entry
    engine = scene.make_net(who.metrabs, image=(TensorProto.UINT8, (1, 256, 256, 3)))
    scaled = attr.evolve(entry.normalization, scale=1 / 255)
    with pytest.raises(EngineError, match="expected scale 1, mean 0 and std 1 for uint8"):
        RootPoseEstimator(RoleEngine(engine, attr.evolve(entry, normalization=scaled)))


def test_answers_that_do_not_fit(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    model = scene.metrabs(who)
    with pytest.raises(EngineError, match=r"1 people with the 21 joints of muco21, .* its parameter joints chooses"):
        scene.pose(replace(model, entry=attr.evolve(model.entry, skeleton="muco21")))
    with pytest.raises(EngineError, match=r"outputs of .* expected coords2d; coords3d, got other: float32"):
        scene.pose(replace(model, engine=scene.net({"other": who.crop_px}, 256, 256)))
    with pytest.raises(EngineError, match="parameter joints: expected up to 17 joints, got 18"):
        scene.pose(replace(model, entry=scene.entry("metrabs", 256, 256, "h36m18", joints=18)))
