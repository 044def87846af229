"""RepNet's critic, camera net and losses are those of the authors' Keras code, with its weights.

Their script is run as it is, on `tensorflow-cpu` and `tf_keras`, with 40 random poses, too few for it to train.
Its arrays hold x of all joints, then y, then z; ours hold joints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.critics import PoseCritic, kinematic_chain_space
from pose3d_training.learning.loss_term import Lifted
from pose3d_training.learning.projection_terms import WeakPerspective

CLONE = "POSE3D_REPNET"
"""Environment variable: a clone of github.com/bastianwandt/RepNet."""

BONES = (
    (0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (7, 10), (10, 11), (11, 12), (7, 13), (13, 14), (14, 15),
    (0, 3), (0, 6),
)  # fmt: skip
"""Columns of the matrix in `kcs_layer`: parent and child."""
SKELETON = Skeleton("repnet", tuple(f"joint {i}" for i in range(16)), (-1,) * 16, BONES, (), 0)
WEIGHTS = [1, 1, 1, 1, 1, 1, 0, 1, 0.1, 0.1, 1, 1, 1, 1, 1, 1]
"""Of joints in `weighted_pose_2d_loss`."""
PEOPLE = 32
SHARE = 0.3
"""Where between made and true poses the gradient penalty is taken, instead of at random."""


@pytest.fixture(scope="module")
def authors() -> Iterator[dict[str, Any]]:
    """What their script defines."""
    path = Path(os.environ.get(CLONE, "")) / "train_repnet.py"
    if not path.is_file():
        pytest.skip(f"{CLONE} names no clone of the authors' code")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_USE_LEGACY_KERAS", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        keras, tf = pytest.importorskip("tf_keras"), pytest.importorskip("tensorflow").compat.v1
        tf.disable_v2_behavior()
        modules = {
            "tensorflow": tf,
            "keras": keras,
            "keras.models": keras.models,
            "keras.layers": keras.layers,
            "keras.layers.merge": module("keras.layers.merge", _Merge=keras.layers.Add.__mro__[1]),
            "keras.backend": keras.backend,
            "keras.optimizers": keras.optimizers.legacy,
            "eval_functions": module("eval_functions", err_3dpe=None),
        }
        for name, value in modules.items():
            patch.setitem(sys.modules, name, value)
        rng = np.random.default_rng(1)
        arrays = {"Att3d": 300 * rng.normal(size=(40, 48)), "Att2d": rng.normal(size=(40, 32))}
        patch.setattr("scipy.io.loadmat", lambda _: arrays)
        patch.setattr(keras.backend, "random_uniform", lambda shape: SHARE * tf.ones(shape))
        keras.utils.set_random_seed(1)
        defined: dict[str, Any] = {"__name__": "train_repnet"}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), defined)
        for model in (defined[name] for name in ("generator", "cam_net", "discriminator")):
            model.set_weights([w if w.ndim > 1 else 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
        yield defined


def module(name: str, **content: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(content)
    return made


def theirs(joints: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(N, J, C) → (N, C·J)."""
    return joints.mT.flatten(1).float().numpy()


def with_weights(ours: nn.Module, model: Any, values: int) -> nn.Module:
    """Ours with their weights: dense layers in the order that they were made in. values: of a joint that it reads."""
    dense = [layer for layer in model.layers if type(layer).__name__ == "Dense"]
    dense.sort(key=lambda layer: int((layer.name + "_0").split("_")[1]))
    layers = [layer for layer in ours.modules() if isinstance(layer, nn.Linear)]
    for at, (layer, their) in enumerate(zip(layers, dense, strict=True)):
        kernel, bias = (torch.from_numpy(array) for array in their.get_weights())
        if at == 0:  # of coordinates and joints, to joints and coordinates, without weights for scores
            kernel = kernel.reshape(-1, 16, kernel.shape[1]).transpose(0, 1)
            kernel = nn.functional.pad(kernel, (0, 0, 0, values - kernel.shape[1])).flatten(0, 1)
        layer.load_state_dict({"weight": kernel.mT, "bias": bias})
    return ours.double()


def critic_of(authors: dict[str, Any]) -> PoseCritic:
    """Ours says more of true poses, theirs less."""
    critic = with_weights(PoseCritic(SKELETON, SKELETON, channels=1000), authors["discriminator"], 3)
    assert isinstance(critic, PoseCritic)
    with torch.no_grad():
        critic.out.weight.neg_()
        critic.out.bias.neg_()
    return critic


def poses(seed: int) -> Tensor:
    """(N, 16, 3), float64, as float32 has them."""
    generator = torch.Generator().manual_seed(seed)
    return (0.4 * torch.randn(PEOPLE, 16, 3, generator=generator)).double()


def of_batch(joints: Tensor, **batch: Tensor) -> Lifted:
    """People of one frame."""
    return Lifted(joints[:, None], {name: value[:, None] for name, value in batch.items()}, SKELETON, SKELETON)


def test_chain_spaces_are_the_authors(authors: dict[str, Any]) -> None:
    joints = poses(1)
    found = authors["K"].eval(authors["kcs_layer"](authors["tf"].constant(theirs(joints))))
    np.testing.assert_allclose(kinematic_chain_space(joints, BONES).numpy(), found, rtol=1e-5, atol=1e-6)


def test_scores_and_their_gradients_are_the_authors(authors: dict[str, Any]) -> None:
    joints, model, keras = poses(2).requires_grad_(), authors["discriminator"], authors["K"]
    score = critic_of(authors).score(joints.flatten(1)[:, None])
    (slope,) = torch.autograd.grad(score.sum(), joints)
    read = keras.function([model.input], [model.output, *keras.gradients(model.output, model.input)])
    found, steep = read([theirs(joints.detach())])
    np.testing.assert_allclose(score.detach().numpy(), -found[:, 0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(theirs(slope), -steep, rtol=1e-4, atol=1e-5)


def test_critic_losses_are_the_authors(authors: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of true poses, and of those that their lifter makes of 2D joints; the gradient penalty is part of it."""
    seen, true = theirs(poses(3)[..., :2]), poses(4)
    made = torch.from_numpy(authors["generator"].predict(seen)).double().reshape(-1, 3, 16).mT
    ones = np.ones((PEOPLE, 1))
    wanted = authors["discriminator_model"].test_on_batch([theirs(true), seen], [ones, -ones, 0 * ones])
    monkeypatch.setattr(torch, "rand", lambda *shape, **kept: torch.full(shape, 1 - SHARE, **kept))
    critic, lifted = critic_of(authors), of_batch(made, prior_m=true)
    assert float(critic.critic_loss(lifted).detach()) == pytest.approx(float(wanted[0]), rel=1e-4)
    of_net = authors["adversarial_model"].test_on_batch(seen, [ones, seen, 0 * ones])
    assert float(critic(lifted).detach()) == pytest.approx(float(of_net[1]), rel=1e-4)


def camera_term(authors: dict[str, Any]) -> WeakPerspective:
    term = with_weights(WeakPerspective(SKELETON, SKELETON, channels=1000), authors["cam_net"], 3)
    assert isinstance(term, WeakPerspective)
    return term


def test_cameras_are_the_authors(authors: dict[str, Any]) -> None:
    seen = poses(5)[..., :2]
    found = camera_term(authors).camera(nn.functional.pad(seen, (0, 1), value=0.7)[:, None])
    wanted = authors["cam_net"].predict(theirs(seen))
    np.testing.assert_allclose(found.detach().numpy().reshape(-1, 6), wanted, rtol=1e-4, atol=1e-5)


def test_reprojection_and_camera_losses_are_the_authors(authors: dict[str, Any]) -> None:
    """Of poses and 2D joints about their weighted mean, as theirs has no translation.

    Ours is a mean over the joints' weights, theirs over all 32 coordinates.
    """
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)[:, None]
    joints, keypoints = (values - (values * weights).sum(1, True) / weights.sum() for values in (poses(6), poses(7)))
    seen, tf = keypoints[..., :2], authors["tf"]
    features = torch.cat([seen, weights.expand(PEOPLE, 16, 1)], dim=-1)
    lifted = of_batch(joints, features=features, center=torch.zeros(PEOPLE, 2), spread=torch.ones(PEOPLE))
    camera = authors["cam_net"].predict(theirs(seen))
    placed = tf.constant(np.concatenate([theirs(joints), camera], axis=1))
    projected = authors["reprojection_layer"](placed)
    planar = authors["weighted_pose_2d_loss"](tf.constant(theirs(seen)), projected)
    off, skew = authors["K"].eval(planar), authors["K"].eval(authors["cam_loss"](None, tf.constant(camera)))
    wanted = float(off.mean()) * 32 / float(weights.sum()) + float(skew.mean())
    assert float(camera_term(authors)(lifted).detach()) == pytest.approx(wanted, rel=1e-4)
