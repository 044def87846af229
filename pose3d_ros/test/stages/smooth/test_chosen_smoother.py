from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.chosen_smoother import ChosenSmoother

from .conftest import person_at

MPII, COCO = get_skeleton("mpii16"), get_skeleton("coco17")
JOINTS = np.linspace(-0.5, 0.5, 48).reshape(16, 3) + [0.0, 0.0, 4.0]
WITHOUT_NET = "kinematic"


def net() -> Mock:
    """Knows all skeletons but coco17, and moves people a metre."""

    def update(people: list[Person], *_: object) -> tuple[Person, ...]:
        return tuple(replace(p, pose=replace(p.pose, root_cam_m=p.pose.root_cam_m + 1)) for p in people)

    made = Mock(skeleton=MPII, delay_frames=3, config=None)
    made.name = "the net"
    made.update.side_effect = update
    made.why_unsmoothed.side_effect = lambda people: "unknown" if people is COCO else None
    return made


def people() -> list[Person]:
    return [
        person_at(np.vstack([JOINTS, JOINTS[-1:]]), COCO, 1),
        person_at(JOINTS, MPII, 2),
        person_at(JOINTS, MPII, 3),
    ]


def test_auto_takes_the_net_for_skeletons_that_it_knows() -> None:
    chosen = ChosenSmoother(net())
    before = people()
    after = chosen.update(before, 0)
    assert [p.track_id for p in after] == [1, 2, 3]
    assert [round(a.pose.root_cam_m[0] - b.pose.root_cam_m[0]) for a, b in zip(after, before, strict=True)] == [0, 1, 1]
    assert (chosen.method_for(MPII), chosen.model_for(MPII)) == ("temporal_conv", "the net")
    assert (chosen.method_for(COCO), chosen.model_for(COCO)) == (WITHOUT_NET, WITHOUT_NET)
    assert (chosen.why_unsmoothed(COCO), chosen.skeleton, chosen.delay_frames) == (None, MPII, 3)


def test_auto_without_a_net_smooths_too() -> None:
    chosen = ChosenSmoother(None)
    assert chosen.method_for(None) == chosen.model_for(MPII) == WITHOUT_NET
    assert (chosen.skeleton, chosen.delay_frames) == (None, 0)
    chosen.update(people(), 0)
    moved = [person_at(p.pose.joints_cam_m + 0.1, p.pose.skeleton, p.track_id) for p in people()]
    after = chosen.update(moved, 50_000_000)
    assert all(a.pose.root_cam_m[0] < m.pose.root_cam_m[0] - 0.01 for a, m in zip(after, moved, strict=True))


@pytest.mark.parametrize("method", ["kinematic", "one_euro", "savitzky_golay", "none"])
def test_method_that_is_named_is_taken_for_every_skeleton(method: str) -> None:
    model = net()
    chosen = ChosenSmoother(model, SmootherConfig(method=method))
    before = people()
    after = chosen.update(before, 0)
    assert chosen.method_for(MPII) == chosen.method_for(COCO) == method
    assert chosen.model_for(MPII) == ("" if method == "none" else method)
    assert (chosen.why_unsmoothed(COCO), chosen.delay_frames) == (None, 0)
    model.update.assert_not_called()
    assert [a is b for a, b in zip(after, before, strict=True)] == [method == "none"] * 3


def test_net_that_is_named_leaves_skeletons_it_does_not_know() -> None:
    chosen = ChosenSmoother(net(), SmootherConfig(method="temporal_conv"))
    assert chosen.why_unsmoothed(COCO) == "unknown"


def test_net_that_is_not_there_is_refused_and_nothing_changes() -> None:
    chosen = ChosenSmoother(None, SmootherConfig(method="one_euro"))
    with pytest.raises(ConfigError, match="a model of the role smoother"):
        chosen.config = SmootherConfig(method="temporal_conv", max_gap_s=2.0)
    assert chosen.config == SmootherConfig(method="one_euro")
    with pytest.raises(ConfigError, match="a model of the role smoother"):
        ChosenSmoother(None, SmootherConfig(method="temporal_conv"))


def test_another_method_starts_everyone_afresh_and_other_settings_reach_it() -> None:
    model = net()
    chosen = ChosenSmoother(model)
    chosen.config = SmootherConfig(max_gap_s=1.0)
    model.reset.assert_not_called()
    assert model.config.max_gap_s == 1.0
    chosen.config = SmootherConfig(method="one_euro")
    model.reset.assert_called_once()
    chosen.reset()
    assert model.reset.call_count == 2


def test_lookahead_gives_people_of_an_earlier_frame_and_adds_to_the_delay() -> None:
    chosen = ChosenSmoother(net(), SmootherConfig(lookahead_frames=2))
    assert (chosen.lookahead_frames, chosen.delay_frames) == (2, 5)
    stamps_ns = [1_000_000_000 + 50_000_000 * i for i in range(4)]
    came = []
    for stamp_ns in stamps_ns:
        after = chosen.update(people(), stamp_ns)
        came.append((chosen.stamp_ns, [p.track_id for p in after]))
    assert came == [(None, []), (None, []), (stamps_ns[0], [1, 2, 3]), (stamps_ns[1], [1, 2, 3])]
    assert after[1].pose.root_cam_m[0] == pytest.approx(people()[1].pose.root_cam_m[0] + 1)


def test_changed_lookahead_starts_afresh_and_none_never_waits() -> None:
    chosen = ChosenSmoother(net(), SmootherConfig(lookahead_frames=1))
    chosen.update(people(), 0)
    chosen.config = SmootherConfig(lookahead_frames=2)
    for number in (1, 2):
        assert chosen.update(people(), number * 50_000_000) == ()
    chosen.config = SmootherConfig(method="none", lookahead_frames=2)
    before = people()
    assert chosen.update(before, 150_000_000) == tuple(before)
    assert (chosen.stamp_ns, chosen.delay_frames) == (150_000_000, 0)
