"""Both nodes while their parameters and life-cycle states change at random, under load."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter as RosParameter
from std_srvs.srv import SetBool

from pose3d_ros.config.parameter_table import Parameter
from pose3d_ros.config.settings import parameters_of

from .rigs.soak_rig import SoakRig

pytestmark = pytest.mark.slow

SOAK_S = 0.2 * float(os.environ.get("POSE3D_SOAK_S", "600"))
NODES = ("pose_node", "smoother_node")
# Not those that would end the test: which models run, and how long the node waits for what does not come.
KEPT = {"engines", "backend", "tf_timeout_s"}
TRANSITIONS = (
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
)


def hostile_value(parameter: Parameter, chance: random.Random) -> Any:
    """A value within the limits, mostly; at them, beyond them, or of another type."""
    if chance.random() < 0.1:
        return chance.choice([True, -1, 10**12, -1.5, float("nan"), "", "x" * 5000, "../..", [1, 2]])
    if parameter.choices:
        return chance.choice(parameter.choices)
    if parameter.type is bool:
        return chance.random() < 0.5
    if parameter.limits:
        low, high = parameter.limits
        value = chance.choice([low, high, chance.uniform(low, high)])
        return parameter.type(value)
    return parameter.default


def set_one(rig: SoakRig, node: str, name: str, value: Any) -> bool:
    request = SetParameters.Request(parameters=[RosParameter(name, value=value).to_parameter_msg()])
    return bool(rig.call(SetParameters, f"{node}/set_parameters", request).results[0].successful)


def disturb(rig: SoakRig, chance: random.Random) -> bool:
    """Do one thing at random; whether the node took it."""
    node = chance.choice(NODES)
    if chance.random() < 0.2:
        return rig.change(node, chance.choice(TRANSITIONS))
    if chance.random() < 0.1:
        return bool(rig.call(SetBool, f"{node}/enable", SetBool.Request(data=chance.random() < 0.5)).success)
    parameter = chance.choice([one for one in parameters_of(node) if one.name not in KEPT])
    return set_one(rig, node, parameter.name, hostile_value(parameter, chance))


def restore(rig: SoakRig) -> None:
    """Bring both nodes back to their defaults and to work."""
    for node in NODES:
        for transition in TRANSITIONS[2:]:
            rig.change(node, transition)
        for parameter in parameters_of(node):
            if parameter.name not in KEPT:
                assert set_one(rig, node, parameter.name, parameter.default), parameter.name
        rig.call(SetBool, f"{node}/enable", SetBool.Request(data=True))
        assert rig.change(node, *TRANSITIONS[:2]), rig.states()


def test_random_parameters_and_transitions_under_load(rig: SoakRig, record_promise: Any) -> None:
    rig.listen()
    nodes = [rig.start(name) for name in NODES]
    rig.start_camera()
    rig.until_people()
    chance, taken, slowest_s = random.Random(0), [], 0.0
    end_s = time.monotonic() + SOAK_S
    while time.monotonic() < end_s:
        start_s = time.monotonic()
        taken.append(disturb(rig, chance))
        slowest_s = max(slowest_s, time.monotonic() - start_s)
        rig.spin(chance.choice([0.0, 0.02, 0.3]))
    restore(rig)
    wait_s = rig.until_people()
    figure = f"{len(taken)} changes in {SOAK_S:.0f} s, {sum(taken)} taken; slowest answer {slowest_s:.1f} s"
    promise = "random parameters and life-cycle transitions under load end no node, and every call is answered"
    alive = all(node.child.poll() is None for node in nodes)
    record_promise("random changes", promise, f"{figure}; people {wait_s:.1f} s after", alive and slowest_s < 30)
