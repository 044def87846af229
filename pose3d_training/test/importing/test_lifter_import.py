"""Import of published lifters: the net is found from the file, and the engine gives its outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.cli.main import main
from pose3d_ros.engines import choose_backend, load_manifest, open_engine
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton, get_skeleton
from pose3d_training.importing.checkpoint_import import Imported, ImportOptions
from pose3d_training.importing.lifter_import import import_martinez, import_semgcn, import_videopose3d
from pose3d_training.nets.lifter_nets import ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN, neighbors
from pose3d_training.nets.temporal_net import TemporalModel

COCO = ImportOptions(input_skeleton="coco17")
EDGES = ((0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (8, 10), (10, 11), (11, 12), (8, 13),
         (13, 14), (14, 15))  # fmt: skip
"""Their parents after the nose is removed and the shoulders are rewired."""
GROUPS = ((2, 3), (5, 6), (1, 4), (0, 7), (8, 9), (14, 15), (11, 12), (10, 13))


@pytest.fixture(autouse=True)
def _human36m_without_the_nose(monkeypatch: pytest.MonkeyPatch) -> None:
    if "h36m16" not in SKELETONS:
        h36m = get_skeleton("h36m17")
        joints = tuple(name for name in h36m.joints if name != "Nose")
        parents = (-1, *(a for a, _ in sorted(EDGES, key=lambda edge: edge[1])))
        edges = tuple((p, i) for i, p in enumerate(parents) if p >= 0)
        monkeypatch.setitem(SKELETONS, "h36m16", Skeleton("h36m16", joints, parents, edges, (), 0))


def saved(net: nn.Module, path: Path) -> Path:
    """As their `save_ckpt` does."""
    torch.save({"epoch": 1, "lr": 1e-3, "step": 2, "state_dict": net.state_dict(), "optimizer": {}, "error": 4.0}, path)
    return path


def semgcn(path: Path, *, non_local: bool = False, joints: int = 16) -> tuple[Path, SemGCN]:
    torch.manual_seed(0)
    mask = neighbors(joints, EDGES[: joints - 1])
    net = SemGCN(mask, channels=8, layers=2, groups=GROUPS if non_local else None).eval()
    for name, parameter in net.named_parameters():
        if name.endswith(".e") or ".W.1." in name:
            nn.init.normal_(parameter)
    return saved(net, path), net


def videopose3d(path: Path, widths: tuple[int, ...] = (3, 3), *, causal: bool = False) -> tuple[Path, TemporalModel]:
    """As VideoPose3D saves it, with the state of its random numbers."""
    torch.manual_seed(2)
    net = TemporalModel(17, 2, 17, widths, causal=causal, channels=8).eval()
    content = {"epoch": 80, "lr": 0.1, "random_state": np.random.RandomState(1234), "model_traj": None}
    torch.save({**content, "optimizer": {}, "model_pos": net.state_dict()}, path)
    return path, net


def answer(imported: Imported, keypoints: Tensor) -> npt.NDArray[np.float64]:
    with open_engine(imported.stored.entry, choose_backend("onnxruntime")) as engine:
        return np.asarray(engine.infer({"keypoints": keypoints.numpy()})["joints"], np.float64)


def test_h36m16_has_the_edges_of_semgcn() -> None:
    assert get_skeleton("h36m16").edges == tuple(sorted(EDGES, key=lambda edge: edge[1]))
    assert get_skeleton("h36m16").root == 0


def test_semgcn_state_dict_has_the_published_keys_and_shapes() -> None:
    state = SemGCN(neighbors(16, EDGES), groups=GROUPS).state_dict()
    assert sum(v.numel() for k, v in state.items() if "running" not in k and "num_b" not in k) == 434_703  # 0.43 M
    for key, shape in {
        "gconv_input.0.gconv.W": (2, 2, 128),
        "gconv_input.0.gconv.e": (1, 46),
        "gconv_input.1.nonlocal.g.0.weight": (64, 128, 1),
        "gconv_input.1.nonlocal.concat_project.0.weight": (1, 128, 1, 1),
        "gconv_layers.6.gconv2.bn.running_var": (128,),
        "gconv_layers.7.nonlocal.W.1.weight": (128,),
        "gconv_output.bias": (3,),
    }.items():
        assert state[key].shape == shape


@pytest.mark.parametrize("non_local", [False, True])
def test_imported_semgcn_gives_the_outputs_of_the_torch_net(tmp_path: Path, non_local: bool) -> None:
    checkpoint, net = semgcn(tmp_path / "ckpt_semgcn.pth.tar", non_local=non_local)
    imported = import_semgcn(checkpoint, tmp_path / "engines", ImportOptions(training_data="Human3.6M"))
    entry = load_manifest(tmp_path / "engines").for_role("lifter")
    kind = ", non-local" if non_local else ""
    assert imported.net == f"2 residual blocks of 8 channels{kind}, h36m16"
    assert (entry.decoder, entry.skeleton) == ("lifter_frame", "h36m16")
    assert entry.parameters == {
        "input_skeleton": "h36m16", "input_features": 2, "receptive_field": 1,
        "input": "screen", "focal": 2.29, "ahead": "camera",
    }  # fmt: skip
    assert entry.license == "see the authors' terms: https://github.com/garyzhao/SemGCN"
    keypoints = torch.randn(3, 16, 2)
    with torch.no_grad():
        joints = net(keypoints)
    np.testing.assert_allclose(answer(imported, keypoints), (joints - joints[:, :1]).numpy(), atol=1e-5)


def test_imported_martinez_has_the_root_joint_at_zero(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = ResidualLifter(16, 2, 15, channels=8).eval()
    imported = import_martinez(saved(net, tmp_path / "ckpt_linear.pth.tar"), tmp_path, ImportOptions())
    assert imported.net == "2 residual blocks of 8 channels, h36m16"
    keypoints = torch.randn(3, 16, 2)
    joints = answer(imported, keypoints)
    assert (joints[:, 0] == 0).all()
    with torch.no_grad():
        np.testing.assert_allclose(joints[:, 1:], net(keypoints).numpy(), atol=1e-5)


def test_martinez_port_with_normalized_outputs_is_an_error(tmp_path: Path) -> None:
    checkpoint = saved(ResidualLifter(16, 2, 16, channels=8), tmp_path / "ckpt_best.pth.tar")
    with pytest.raises(EngineError, match=r"expected 45 values for 16 joints.* got 48, as ports .* Give ckpt_linear"):
        import_martinez(checkpoint, tmp_path, ImportOptions())


def test_semgcn_with_other_joints_requires_the_skeleton_option(tmp_path: Path) -> None:
    checkpoint, _ = semgcn(tmp_path / "a.pth.tar", joints=15)
    with pytest.raises(EngineError, match=r"--skeleton: expected the skeleton of the 15 joints .* got h36m16, which"):
        import_semgcn(checkpoint, tmp_path, ImportOptions())


def test_non_local_semgcn_with_other_joints_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = semgcn(tmp_path / "a.pth.tar", non_local=True)
    with pytest.raises(EngineError, match=r"groups for the non-local blocks are known, got mpii16\. Train without"):
        import_semgcn(checkpoint, tmp_path, ImportOptions(skeleton="mpii16"))


def test_checkpoint_of_another_net_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = semgcn(tmp_path / "a.pth.tar")
    with pytest.raises(EngineError, match=r"got one of semgcn\. Run `pose3d import semgcn`"):
        import_martinez(checkpoint, tmp_path, ImportOptions())


def test_missing_weights_are_listed(tmp_path: Path) -> None:
    state = {k: v for k, v in ResidualLifter(16, 2, 15, channels=8).state_dict().items() if k != "w2.bias"}
    torch.save({"state_dict": state}, tmp_path / "a.pth.tar")
    with pytest.raises(EngineError, match=r"1 differences: missing w2\.bias"):
        import_martinez(tmp_path / "a.pth.tar", tmp_path, ImportOptions())


def test_import_command_takes_semgcn_and_martinez(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, _ = semgcn(tmp_path / "a.pth.tar")
    assert main(["import", "semgcn", str(checkpoint), "--output", str(tmp_path / "engines")]) == 0
    assert "found:    2 residual blocks of 8 channels, h36m16" in capsys.readouterr().out
    linear = saved(ResidualLifter(16, 2, 15, channels=8), tmp_path / "b.pth.tar")
    assert main(["import", "martinez", str(linear), "--output", str(tmp_path / "engines")]) == 0
    assert "semgcn-h36m16, the lifter before, is replaced" in capsys.readouterr().out


def test_symmetric_videopose3d_takes_windows(tmp_path: Path) -> None:
    checkpoint, net = videopose3d(tmp_path / "a.bin")
    imported = import_videopose3d(checkpoint, tmp_path, COCO)
    entry = imported.stored.entry
    assert imported.net == "symmetric, filters 3,3 (9 frames), 8 channels, coco17 → h36m17"
    assert (entry.roles, entry.decoder, entry.skeleton) == (("lifter",), "videopose3d", "h36m17")
    assert entry.parameters == {
        "input_skeleton": "coco17", "input_features": 2, "receptive_field": 9
    }  # fmt: skip
    frames = np.random.default_rng(0).normal(size=(2, 12, 17, 2)).astype(np.float32)
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        joints = np.asarray(engine.infer({"keypoints": frames})["joints"])
        assert [spec.shape for spec in engine.outputs] == [("batch", "frames-8", 17, 3)]
    assert joints.shape == (2, 4, 17, 3)
    with torch.no_grad():
        np.testing.assert_allclose(joints, net(torch.from_numpy(frames)).numpy(), atol=1e-5)


def test_causal_videopose3d_steps_frame_by_frame(tmp_path: Path) -> None:
    checkpoint, net = videopose3d(tmp_path / "a.bin", causal=True)
    entry = import_videopose3d(checkpoint, tmp_path, replace(COCO, causal=True)).stored.entry
    assert entry.decoder == "videopose3d_step"
    frames = np.random.default_rng(0).normal(size=(9, 34)).astype(np.float32)
    states: dict[str, npt.NDArray[np.float32]] = {
        "state_0": np.zeros((1, 34, 2), np.float32),
        "state_1": np.zeros((1, 8, 6), np.float32),
    }
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        for frame in frames:
            raw = engine.infer({"x": frame[None], **states})
            states = {name: np.asarray(raw[f"next_{name}"], dtype=np.float32) for name in states}
    with torch.no_grad():
        last = net(torch.from_numpy(frames.reshape(1, 9, 17, 2))).numpy().reshape(1, 51)
    np.testing.assert_allclose(np.asarray(raw["y"]), last, atol=1e-5)


def test_videopose3d_in_millimetres_gives_metres(tmp_path: Path) -> None:
    checkpoint, net = videopose3d(tmp_path / "a.bin")
    entry = import_videopose3d(checkpoint, tmp_path, replace(COCO, units="millimetres")).stored.entry
    frames = np.ones((1, 9, 17, 2), np.float32)
    with open_engine(entry, choose_backend("onnxruntime")) as engine, torch.no_grad():
        joints = np.asarray(engine.infer({"keypoints": frames})["joints"])
        np.testing.assert_allclose(joints * 1000, net(torch.from_numpy(frames)).numpy(), atol=1e-4)


def test_input_features_include_scores(tmp_path: Path) -> None:
    net = TemporalModel(17, 3, 17, (3,), channels=8)
    torch.save({"model_pos": net.state_dict()}, tmp_path / "a.bin")
    assert import_videopose3d(tmp_path / "a.bin", tmp_path, COCO).stored.entry.parameters["input_features"] == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [(None, r"--input-skeleton: expected the order .* 34 values a frame"), ("muco21", "got muco21, 21 joints")],
)
def test_wrong_or_missing_input_skeleton_is_an_error(tmp_path: Path, name: str | None, message: str) -> None:
    checkpoint, _ = videopose3d(tmp_path / "a.bin")
    with pytest.raises(EngineError, match=message):
        import_videopose3d(checkpoint, tmp_path, ImportOptions(input_skeleton=name))


def test_dense_convolutions_are_an_error(tmp_path: Path) -> None:
    checkpoint, _ = videopose3d(tmp_path / "a.bin", (3, 7, 19))
    with pytest.raises(EngineError, match="trained with --dense"):
        import_videopose3d(checkpoint, tmp_path, COCO)


def test_few_tensors_that_claim_a_huge_net_make_none(tmp_path: Path) -> None:
    channels = 1 << 17  # a square layer of it would take 64 GiB
    state = {"expand_conv.weight": torch.ones(channels, 2, 1)[:, :, :1].clone(), "shrink.weight": torch.ones(51, 1, 1)}
    state["layers_conv.0.weight"] = torch.ones(1, 1, 3)
    state["layers_conv.1.weight"] = torch.ones(1, 1, 1)
    state["expand_conv.weight"] = torch.ones(channels, 34, 1)
    torch.save({"model_pos": state}, tmp_path / "net.bin")
    with pytest.raises(EngineError, match="differences"):
        import_videopose3d(tmp_path / "net.bin", tmp_path / "out", ImportOptions(input_skeleton="h36m17"))


def test_receptive_field_has_a_limit(tmp_path: Path) -> None:
    state = {"expand_conv.weight": torch.ones(4, 34, 3), "shrink.weight": torch.ones(51, 4, 1)}
    for block in range(12):
        state[f"layers_conv.{2 * block}.weight"] = torch.ones(4, 4, 3)
        state[f"layers_conv.{2 * block + 1}.weight"] = torch.ones(4, 4, 1)
    torch.save({"model_pos": state}, tmp_path / "net.bin")
    with pytest.raises(EngineError, match="a receptive field of up to 4096 frames"):
        import_videopose3d(tmp_path / "net.bin", tmp_path / "out", ImportOptions(input_skeleton="h36m17"))
