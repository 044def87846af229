"""Zhou's loss of bone ratios is that of the authors' code, and so are its gradients."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.bone_terms import BoneRatios
from pose3d_training.learning.loss_term import Lifted

CLONE = "POSE3D_POSE_HG_3D"
"""Environment variable: a clone of github.com/xingyizhou/pytorch-pose-hg-3d."""
SKELETON = get_skeleton("hg3d16")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def authors(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Their loss, kept on the CPU."""
    path = Path(os.environ.get(CLONE, "")) / "src" / "lib" / "models" / "losses.py"
    if not path.is_file():
        pytest.skip(f"{CLONE} names no clone of the authors' code")
    losses = ModuleType("losses")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(losses))
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor, *_, **__: tensor)
    return losses.VarLoss


def of_authors(loss: Any, joints: Tensor, known: Tensor, labeled: Tensor) -> tuple[float, Tensor]:
    """Value, and gradient of the depths (N, 16), of joints (N, 16, 3)."""
    own = loss("cpu", 1.0)
    given = joints[..., 2:].float(), known[..., None], labeled[:, None].expand(known.shape), joints[..., :2].float()
    state = SimpleNamespace(
        device="cpu",
        var_weight=1.0,
        skeleton_idx=own.skeleton_idx,
        skeleton_weight=own.skeleton_weight,
        saved_tensors=given,
        save_for_backward=lambda *_: None,
    )  # torch no longer runs functions that keep their own state
    return float(loss.forward(state, *given)), loss.backward(state, torch.ones(1))[0][..., 0]


def of_ours(loss: Any, joints: Tensor, known: Tensor, labeled: Tensor) -> tuple[float, Tensor]:
    """As `of_authors`, with mean lengths that have their ratios."""
    own, at = loss("cpu", 1.0), SKELETON.index_of
    ratios = {
        frozenset(bone): 1 / weight
        for bones, weights in zip(own.skeleton_idx, own.skeleton_weight, strict=True)
        for bone, weight in zip(bones, weights, strict=True)
    }
    term = BoneRatios(SKELETON, SKELETON).eval()
    assert len(term.bones) == len(ratios)
    assert (at["Neck"], at["L_Shoulder"]) in term.bones
    term.lengths_m.copy_(torch.tensor([ratios[frozenset(bone)] for bone in term.bones]))
    placed = joints.clone().requires_grad_()
    value = term.double()(Lifted(placed[:, None], {"labeled": labeled, "known": known[:, None]}, SKELETON, SKELETON))
    value.backward()
    assert placed.grad is not None
    return float(value.detach()), placed.grad[..., 2]


def test_loss_and_gradients_are_the_authors(authors: Any) -> None:
    """Of two people without and one with labels.

    Theirs is half of the variance, ours all of it, as in eq. 5; theirs is over the number of all people.
    """
    torch.manual_seed(1)
    joints, labeled = torch.rand(3, 16, 3, dtype=torch.float64), torch.tensor([0.0, 1.0, 0.0]).double()
    given = joints, torch.ones(3, 16).double(), labeled
    (value, slope), (their, steep) = of_ours(authors, *given), of_authors(authors, *given)
    assert value == pytest.approx(2 * 3 / 2 * their, rel=1e-5)
    torch.testing.assert_close(slope.float(), 2 * 3 / 2 * steep, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("hidden", [["L_Wrist"], ["R_Knee", "L_Knee"], ["Pelvis", "R_Elbow", "R_Hip"]])
def test_bones_with_an_unknown_end_are_left_out_as_the_authors_do(authors: Any, hidden: list[str]) -> None:
    torch.manual_seed(2)
    known = torch.ones(1, 16).double()
    known[:, [SKELETON.index_of[name] for name in hidden]] = 0
    given = torch.rand(1, 16, 3, dtype=torch.float64), known, torch.zeros(1).double()
    (value, slope), (their, steep) = of_ours(authors, *given), of_authors(authors, *given)
    assert value == pytest.approx(2 * their, rel=1e-5)
    torch.testing.assert_close(slope.float(), 2 * steep, rtol=1e-4, atol=1e-6)
