"""Import of published checkpoints: the net is found from the file, and the engine gives its outputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import ManifestEntry, Normalization, choose_backend, load_manifest, open_engine
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import sha256_of, write_manifest
from pose3d_ros.errors import EngineError, SkeletonError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import crop_transforms, cut_crops
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_training.importing.checkpoint_import import (
    ROOTNET,
    ImportOptions,
    OfficialWeights,
    import_posenet,
    import_rootnet,
)
from pose3d_training.nets.checkpoint_file import read_state_dict
from pose3d_training.nets.mppe_nets import PoseNet, RootNet

SIDE = 64


def _save(net: nn.Module, path: Path, **changes: Tensor | None) -> Path:
    """As 3DMPPE saves it. changes: key with `_` for `.` → another tensor, None to leave it out."""
    state = {f"module.{key}": value for key, value in net.state_dict().items()}
    for key, value in changes.items():
        state.pop(f"module.{key.replace('__', '.')}", None)
        if value is not None:
            state[f"module.{key.replace('__', '.')}"] = value
    torch.save({"epoch": 1, "network": state, "optimizer": {}}, path)
    return path


def _enliven(net: nn.Module, last: nn.Conv2d) -> None:
    """The authors' initial weights give flat maps, which would hide a wrong crop."""
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    nn.init.normal_(last.weight, std=0.01)


def _rootnet(path: Path) -> tuple[Path, RootNet]:
    torch.manual_seed(0)
    net = RootNet("resnet50w8x16", SIDE).eval()
    _enliven(net, net.root.xy_layer)
    nn.init.ones_(net.root.depth_layer.bias)  # type: ignore[arg-type]
    return _save(net, path), net


def _posenet(path: Path, joints: int = 18) -> tuple[Path, PoseNet]:
    torch.manual_seed(1)
    net = PoseNet(joints, "resnet10w8", SIDE).eval()
    _enliven(net, net.head.final_layer)
    return _save(net, path), net


def test_rootnet_manifest_entry(tmp_path: Path) -> None:
    checkpoint, _ = _rootnet(tmp_path / "snapshot_19.pth.tar")
    imported = import_rootnet(
        checkpoint, tmp_path / "engines", ImportOptions(input_size_px=SIDE, training_data="Human3.6M")
    )
    entry = load_manifest(tmp_path / "engines").for_role("root")
    assert imported.net == "resnet50w8x16, crops of 64 px"
    assert (entry.name, entry.decoder, entry.input_size_px) == (
        "3dmppe-rootnet-resnet50w8x16", "3dmppe_rootnet", (SIDE, SIDE)
    )  # fmt: skip
    assert entry.normalization is not None
    # White in 0–255, not 0–1: (255 − 0.485) / 0.229.
    white = entry.normalization.apply(np.full((1, 1, 1, 3), 255, np.uint8))
    np.testing.assert_allclose(white.ravel(), [1111.4192, 1136.3571, 1131.5289], rtol=1e-6)
    assert entry.license == "see the authors' terms: https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE"
    assert entry.training_data == f"Human3.6M (checkpoint snapshot_19.pth.tar, sha256 {sha256_of(checkpoint)})"
    assert entry.sha256 == sha256_of(entry.file)
    assert entry.accuracy == {"onnx_difference_from_torch": imported.stored.difference}
    assert imported.stored.difference is not None
    assert imported.stored.difference <= 1e-4


@pytest.mark.parametrize("flip", [False, True])
def test_imported_engines_give_the_poses_of_the_torch_nets(tmp_path: Path, flip: bool) -> None:
    """Both nets in torch, decoded by 3DMPPE's formulas, against the stages: half a bin shows."""
    (root_file, rootnet), (pose_file, posenet) = _rootnet(tmp_path / "r.pth"), _posenet(tmp_path / "p.pth")
    import_rootnet(root_file, tmp_path, ImportOptions(input_size_px=SIDE))
    import_posenet(pose_file, tmp_path, ImportOptions(input_size_px=SIDE))
    manifest, backend = load_manifest(tmp_path), choose_backend("onnxruntime")
    pose, root = manifest.for_role("pose"), manifest.for_role("root")
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    camera, box = Camera(np.array([[200.0, 0, 80], [0, 210, 60], [0, 0, 1]]), 160, 120), np.array([50.0, 20, 90, 110])
    with open_engine(pose, backend) as pose_engine, open_engine(root, backend) as root_engine:
        models = RoleEngine(pose_engine, pose), RoleEngine(root_engine, root)
        estimator, frame = RootPoseEstimator(*models, config=PoseConfig(flip_test=flip)), Frame(image, camera)
        (found,) = estimator.localize(frame, estimator.estimate_keypoints(frame, [Detection(box, 1.0)]))
    # 90 px high, so 89 from the first pixel's center to the last one's, x1.25: a box of 111.25 px about (70, 65).
    transforms = crop_transforms(box[None], 160, 120, SIDE, half_pixel_centers=False, inset_px=0.5)
    np.testing.assert_allclose(transforms.boxes_xyxy_px[0], [14.375, 9.375, 125.625, 120.625])
    images = cut_crops(image, transforms.img2crop, transforms.size_px)
    rgb = torch.from_numpy(images[..., ::-1].astype(np.float32)).permute(0, 3, 1, 2)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).reshape(2, 3, 1, 1)
    network_input = (rgb - mean) / std
    bins = _authors_bins(posenet, network_input, flip)
    with torch.no_grad():
        k_mm = np.sqrt(2000.0 * 2000.0 * 200 * 210 / 111.25**2)
        depth_mm = float(rootnet(network_input, torch.tensor([k_mm]).float())[0, 2])
    pixels = bins[:, :2] / 16 * 111.25 + [14.375, 9.375]
    z_m = (bins[:, 2] / 64 * 2 - 1) + depth_mm / 1000
    np.testing.assert_allclose(found.joints_img_px, pixels, atol=1e-3)
    np.testing.assert_allclose(found.joints_cam_m[:, 2], z_m, rtol=1e-4)
    np.testing.assert_allclose(found.joints_cam_m[:, 0], (pixels[:, 0] - 80) / 200 * z_m, atol=1e-3)
    assert found.root_cam_m[2] == pytest.approx(depth_mm / 1000, rel=1e-4)
    assert np.ptp(bins, axis=0).min() > 0.3  # the maps are not flat


def _authors_bins(net: PoseNet, network_input: Tensor, flip: bool) -> npt.NDArray[np.float64]:
    with torch.no_grad():
        bins = net(network_input)[0].double().numpy()
        mirrored = net(network_input.flip(3))[0].double().numpy()
    mirrored = mirrored[list(get_skeleton("h36m18").flip_order)]
    mirrored[:, 0] = 16 - mirrored[:, 0] - 1
    return np.asarray((bins + mirrored) / 2 if flip else bins)


@pytest.mark.parametrize(("joints", "name"), [(17, "h36m17"), (18, "h36m18"), (21, "muco21")])
def test_default_skeleton_by_number_of_joints(tmp_path: Path, joints: int, name: str) -> None:
    checkpoint, _ = _posenet(tmp_path / "p.pth", joints)
    imported = import_posenet(checkpoint, tmp_path, ImportOptions(input_size_px=SIDE))
    assert imported.stored.entry.skeleton == name
    assert imported.net == f"resnet10w8, crops of 64 px, {joints} joints ({name})"


def test_skeleton_option_is_required_for_other_numbers_of_joints(tmp_path: Path) -> None:
    checkpoint, _ = _posenet(tmp_path / "p.pth", 16)
    with pytest.raises(EngineError, match=r"--skeleton: expected the skeleton of the 16 joints .* Give one of mpii16"):
        import_posenet(checkpoint, tmp_path, ImportOptions(input_size_px=SIDE))
    with pytest.raises(EngineError, match="muco21, which has 21"):
        import_posenet(checkpoint, tmp_path, ImportOptions(skeleton="muco21", input_size_px=SIDE))
    with pytest.raises(SkeletonError, match="expected one of"):
        import_posenet(checkpoint, tmp_path, ImportOptions(skeleton="octopus", input_size_px=SIDE))
    assert (
        import_posenet(checkpoint, tmp_path, ImportOptions(skeleton="mpii16", input_size_px=SIDE)).stored.entry.skeleton
        == "mpii16"
    )


def test_number_of_joints_without_a_skeleton_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = _posenet(tmp_path / "p.pth", 19)
    with pytest.raises(EngineError, match="No skeleton of pose3d_ros has 19 joints"):
        import_posenet(checkpoint, tmp_path, ImportOptions(input_size_px=SIDE))


def test_checkpoint_of_another_net_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = _posenet(tmp_path / "p.pth")
    with pytest.raises(EngineError, match=r"got one of 3dmppe-posenet\. Run `pose3d import 3dmppe-posenet`"):
        import_rootnet(checkpoint, tmp_path, ImportOptions())
    torch.save({"some.weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(EngineError, match=r"with root\.depth_layer\.weight, got keys some\.weight"):
        import_rootnet(tmp_path / "other.pth", tmp_path, ImportOptions())


def test_differing_checkpoint_lists_differences_and_writes_nothing(tmp_path: Path) -> None:
    net = RootNet("resnet10w8", SIDE)
    changes = {"backbone__bn1__weight": None, "root__xy_layer__bias": torch.ones(2), "extra": torch.ones(1)}
    checkpoint = _save(net, tmp_path / "a.pth", **changes)
    with pytest.raises(EngineError) as caught:
        import_rootnet(checkpoint, tmp_path / "engines", ImportOptions(input_size_px=SIDE))
    for part in ("root.xy_layer.bias is (2,), not (1,)", "missing backbone.bn1.weight", "unexpected extra"):
        assert part in str(caught.value)
    assert list((tmp_path / "engines").iterdir()) == []


def test_unknown_numbers_of_blocks_are_an_error(tmp_path: Path) -> None:
    net = RootNet("resnet10w8", SIDE)
    gone = {key.replace(".", "__"): None for key in net.state_dict() if key.startswith("backbone.layer3")}
    with pytest.raises(EngineError, match="1-1-0-1 blocks without a third convolution"):
        import_rootnet(_save(net, tmp_path / "a.pth", **gone), tmp_path, ImportOptions(input_size_px=SIDE))


def test_output_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = _rootnet(tmp_path / "r.pth")
    with pytest.raises(EngineError, match="a folder that can be written"):
        import_rootnet(checkpoint, checkpoint, ImportOptions(input_size_px=SIDE))


def _entry(folder: Path, name: str, *roles: str) -> ManifestEntry:
    """An engine as a manifest has it; nothing opens its file."""
    file = folder / f"{name}.onnx"
    file.write_bytes(name.encode())
    return ManifestEntry(
        name=name,
        roles=roles,
        file=file,
        sha256=sha256_of(file),
        decoder="root_pose_metric",
        input_size_px=(96, 96),
        normalization=Normalization(1 / 255, (0, 0, 0), (1, 1, 1), "rgb"),
        skeleton="muco21",
        units="metres",
        license="Apache-2.0",
        training_data="none",
    )


def test_import_replaces_the_engine_of_its_role_only(tmp_path: Path) -> None:
    (first, _), (second, _) = _rootnet(tmp_path / "r.pth"), _posenet(tmp_path / "p.pth")
    write_manifest(tmp_path, [_entry(tmp_path, "det", "detector"), _entry(tmp_path, "both", "root", "pose")])
    stored = import_rootnet(first, tmp_path, ImportOptions(input_size_px=SIDE)).stored
    assert stored.changes == ("both is no longer the root, but still the pose",)
    assert all(stored.manifest.has_role(role) for role in ("detector", "root", "pose"))
    again = import_rootnet(first, tmp_path, ImportOptions(input_size_px=SIDE)).stored
    assert again.changes == ("3dmppe-rootnet-resnet50w8x16, the root before, is replaced",)
    other = import_posenet(second, tmp_path, ImportOptions(input_size_px=SIDE)).stored
    assert other.changes == ("both, the pose before, is replaced; its file both.onnx is left where it is",)
    names = ["det", "3dmppe-rootnet-resnet50w8x16", "3dmppe-posenet-resnet10w8-h36m18"]
    assert [entry.name for entry in load_manifest(tmp_path).entries] == names


def test_name_of_an_engine_of_another_role_is_an_error(tmp_path: Path) -> None:
    checkpoint, _ = _rootnet(tmp_path / "r.pth")
    taken = _entry(tmp_path, "3dmppe-rootnet-resnet50w8x16", "detector")
    write_manifest(tmp_path, [taken])
    with pytest.raises(EngineError, match="no other model named 3dmppe-rootnet-resnet50w8x16"):
        import_rootnet(checkpoint, tmp_path, ImportOptions(input_size_px=SIDE))
    assert sha256_of(taken.file) == taken.sha256


def test_broken_manifest_is_an_error_and_kept(tmp_path: Path) -> None:
    checkpoint, _ = _rootnet(tmp_path / "r.pth")
    (tmp_path / "manifest.yaml").write_text("schema: 9\n")
    with pytest.raises(EngineError, match="schema: 1"):
        import_rootnet(checkpoint, tmp_path, ImportOptions(input_size_px=SIDE))
    assert (tmp_path / "manifest.yaml").read_text() == "schema: 9\n"


class _Reduced:
    """Pickled as a call of `make` with `arguments`, and `state` for what it returns."""

    def __init__(self, make: Callable[..., object], arguments: tuple[object, ...], state: object = None) -> None:
        self.parts = (make, arguments, state)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...], object]:
        return self.parts


@pytest.mark.parametrize("zipped", [True, False])
def test_numpy_random_state_in_a_checkpoint_is_not_constructed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    old_maker = getattr(np.random, "__RandomState_ctor")
    old = _Reduced(old_maker, (), np.random.RandomState(1).get_state())
    content = {"new": np.random.RandomState(1234), "seeded": np.random.RandomState(), "old": old}
    before = set(torch.serialization.get_safe_globals())
    torch.save({**content, "model_pos": {"a": torch.ones(2)}}, tmp_path / "a", _use_new_zipfile_serialization=zipped)
    for name in ("numpy.random.__RandomState_ctor", "numpy.random._pickle.__randomstate_ctor"):
        monkeypatch.setattr(name, lambda *_: pytest.fail("NumPy ran"))
    assert read_state_dict(tmp_path / "a")["a"].tolist() == [1.0, 1.0]
    assert set(torch.serialization.get_safe_globals()) == before


def test_code_behind_numpy_names_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    """What the stand-ins are given is dropped; what it would have to be made of first is refused."""
    maker, victim = getattr(np.random, "__RandomState_ctor"), tmp_path / "pwned"
    evil = _Reduced(os.mkdir, (str(victim),))
    for hidden in (_Reduced(maker, (evil,)), _Reduced(maker, (), evil), _Reduced(eval, ("1 + 1",))):
        torch.save({"random_state": hidden, "model_pos": {"a": torch.ones(2)}}, tmp_path / "a.bin")
        with pytest.raises(EngineError, match="tensors and plain values only"):
            import_rootnet(tmp_path / "a.bin", tmp_path / "engines", ImportOptions())
    assert not victim.exists()
    assert list((tmp_path / "engines").iterdir()) == []


def test_numpy_object_among_the_weights_is_an_error(tmp_path: Path) -> None:
    torch.save({"model_pos": {"a": np.ones(2)}}, tmp_path / "a.bin")
    with pytest.raises(EngineError, match="named tensors"):
        read_state_dict(tmp_path / "a.bin")


@pytest.mark.parametrize(
    "name", ["resnet10w8", "resnet18", "resnet34w48x256", "resnet50", "resnet101", "resnet152", "resnet50w8x16"]
)
def test_backbone_is_found_from_keys_and_shapes(name: str) -> None:
    with torch.device("meta"):
        state = RootNet(name).state_dict()
    assert OfficialWeights(ROOTNET, Path("a"), state).backbone() == name
