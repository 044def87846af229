"""Import of depthpose's lifters; with a clone of its repository, against the authors' own code."""

from __future__ import annotations

import importlib.util
import os
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pose3d_ros.cli.main import main
from pose3d_ros.engines import RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.keypoints import Keypoints
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.root_localization import localize
from pose3d_ros.types import Array
from pose3d_training.importing.checkpoint_import import ImportOptions
from pose3d_training.importing.depthpose_import import import_depthpose, read_statistics
from pose3d_training.nets.depthpose_net import DepthposeNet, Statistics

CAMERA = Camera(np.array([[1500.0, 0, 1000], [0, 1480, 540], [0, 0, 1]]), 1920, 1080)
COMMON = get_skeleton("common14")
SIZES = pytest.mark.parametrize(("values_in", "values_out"), [(56, 51), (42, 51), (42, 48)])


def statistics(values_in: int, values_out: int) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    mean3d, std3d = rng.normal(0, 200, values_out), rng.uniform(50, 300, values_out)
    if values_out == 51:
        mean3d[-3:], std3d[-3:] = (100, 200, np.log(4000)), (800, 300, 0.4)
    mean2d, std2d = rng.normal(0, 0.2, values_in), rng.uniform(0.05, 0.5, values_in)
    return {"mean2d": mean2d, "std2d": std2d, "mean3d": mean3d, "std3d": std3d}


def random_net(net: nn.Module) -> nn.Module:
    """Weights that make poses of people a few metres away, and normalizations that do something."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm1d):
            module.load_state_dict(
                {
                    **module.state_dict(),
                    "running_mean": 0.3 * torch.randn(module.num_features),
                    "running_var": 0.5 + 1.5 * torch.rand(module.num_features),
                }
            )
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    nn.init.normal_(last.weight, std=0.01)
    return net.eval()


def saved(net: nn.Module, values_in: int, values_out: int, folder: Path) -> Path:
    """As the authors' files: the full model's lifter is in a larger net. The pickle is of Python 2's protocol."""
    state = net.state_dict()
    if values_in == 56:
        state = {**{f"pose_net.{k}": v for k, v in state.items()}, "trunk_net.module.0.weight": torch.ones(2)}
    torch.save(state, folder / "model_weights.pkl", _use_new_zipfile_serialization=False)
    (folder / "normalization.pkl").write_bytes(python2_pickle(statistics(values_in, values_out)))
    return folder / "model_weights.pkl"


def python2_pickle(content: object) -> bytes:
    """As Python 2 writes it with protocol 2: bytes are its strings."""
    data = bytearray(pickle.dumps(content, protocol=3))
    data[1] = 2
    strings = {"BINBYTES": ord("T"), "SHORT_BINBYTES": ord("U")}
    for opcode, _, position in list(pickletools.genops(bytes(pickle.dumps(content, protocol=3)))):
        if opcode.name in strings and position is not None:
            data[position] = strings[opcode.name]
    return bytes(data)


def ours(values_in: int, values_out: int) -> nn.Module:
    given = {k: torch.from_numpy(v).float() for k, v in statistics(values_in, values_out).items()}
    return random_net(DepthposeNet(values_in, Statistics(**given), absolute=values_out == 51).net)


def people() -> tuple[Array, Array]:
    """Joints (5, 14, 2) in pixels and scores, of which some are low."""
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.3, 1.0, (5, 14))
    scores[2, 5] = scores[3, 9] = 0.05
    return rng.uniform((300, 200), (1300, 900), (5, 14, 2)), scores


def lifted(folder: Path) -> tuple[Keypoints, Array]:
    """What the pipeline makes of these people: a lifter's keypoints, and joints in the camera's frame."""
    joints_px, scores = people()
    box = Detection(np.array([0.0, 0.0, 1000.0, 1000.0]), 1.0)
    known = np.ones(scores.shape, dtype=bool)
    seen = Keypoints(COMMON, [box] * 5, joints_px, scores, known, known[:, 0], np.full(scores.shape, np.nan))
    entry = load_manifest(folder).for_role("lifter")
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        found = Lifter(RoleEngine(engine, entry), COMMON)(Frame(np.zeros((8, 8, 3), np.uint8), CAMERA, 0), seen)
    if found.root_cam_m is None:
        return found, np.empty(0)
    return found, localize(CAMERA, found, None, hip_centered=False).joints_cam_m


@SIZES
def test_checkpoint_and_statistics_become_a_lifter(
    values_in: int, values_out: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = saved(ours(values_in, values_out), values_in, values_out, tmp_path)
    assert main(["import", "depthpose", str(checkpoint), "--output", str(tmp_path / "models")]) == 0
    assert "it reads the 2D joints of the presets rtmpose" in capsys.readouterr().out
    entry = load_manifest(tmp_path / "models").for_role("lifter")
    assert entry.decoder == ("lifter_absolute" if values_out == 51 else "lifter_frame")
    found, joints_cam_m = lifted(tmp_path / "models")
    assert found.valid.all()
    if values_out == 51:
        assert (joints_cam_m[:, 14, 2] > 1).all()
        assert found.root_cam_m is not None
        np.testing.assert_allclose(joints_cam_m[:, 14], found.root_cam_m)


def authors(clone: Path) -> dict[str, Any]:
    """Their functions, without a change, out of files that are of Python 2 as a whole."""
    wanted = {
        "util/misc.py": ["assert_shape"],
        "util/mx_tools.py": ["remove_openpose_root", "insert_zero_joint", "relative_pose_to_absolute",
                             "combine_pose_and_trans", "normalize_arr"],
        "databases/mupots_3d.py": ["OPENPOSE25_TO_COMMON2D14"],
        "util/training.py": ["preprocess_2d"],
    }  # fmt: skip
    found: dict[str, Any] = {"np": np}
    for file, names in wanted.items():
        parts = re.split(r"^(?=def |[A-Z_0-9]+ = )", (clone / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name in names:
            exec(next(part for part in parts if part.startswith((f"def {name}(", f"{name} = "))), found)
        found["mupots_3d"] = type("mupots_3d", (), found)
    return found


@SIZES
def test_joints_are_those_of_the_authors_code(values_in: int, values_out: int, tmp_path: Path) -> None:
    clone = Path(os.environ.get("POSE3D_DEPTHPOSE", "none"))
    if not (clone / "model" / "torch_martinez.py").is_file():
        pytest.skip("POSE3D_DEPTHPOSE names no clone of github.com/vegesm/depthpose")
    spec = importlib.util.spec_from_file_location("torch_martinez", clone / "model" / "torch_martinez.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = {"dense_size": 1024, "n_blocks_in_model": 2, "n_layers_in_block": 2, "activation": "relu", "dropout": 0.5,
              "residual_enabled": True, "batchnorm_enabled": True, "normclip_enabled": False}  # fmt: skip
    net = random_net(module.martinez_net(type("Params", (), config), values_in, values_out)[1])
    code, known = authors(clone), statistics(values_in, values_out)
    joints_px, scores = people()
    openpose = np.zeros((5, 25, 3))
    openpose[:, code["OPENPOSE25_TO_COMMON2D14"]] = np.concatenate([joints_px, scores[..., None]], axis=-1)
    given = code["preprocess_2d"](openpose, CAMERA.fx_px, CAMERA.cx_px, CAMERA.fy_px, CAMERA.cy_px)
    if values_in == 56:  # depths at the joints, at their mean
        given = np.concatenate([given, np.tile(known["mean2d"][42:], (5, 1))], axis=1)
    given = code["normalize_arr"](given, known["mean2d"], known["std2d"])
    with torch.no_grad():
        raw = net(torch.from_numpy(given).float()).numpy()
    decode = code["combine_pose_and_trans" if values_out == 51 else "relative_pose_to_absolute"]
    theirs_m = decode(raw, known["std3d"], known["mean3d"]) / 1000
    import_depthpose(saved(net, values_in, values_out, tmp_path), tmp_path / "models", ImportOptions())
    found, joints_cam_m = lifted(tmp_path / "models")
    ours_m = joints_cam_m if values_out == 51 else found.relative_m
    assert ours_m is not None
    np.testing.assert_allclose(ours_m, theirs_m, atol=2e-5, rtol=1e-5)


def test_statistics_that_do_not_fit_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "normalization.pkl"
    with pytest.raises(EngineError, match=r"statistics .*normalization\.pkl.*--statistics"):
        read_statistics(path, 42, 51)
    path.write_bytes(pickle.dumps(statistics(42, 48)))
    with pytest.raises(EngineError, match=r"mean3d and std3d of 51.* got .*mean3d \(48,\)"):
        read_statistics(path, 42, 51)
    path.write_bytes(pickle.dumps({**statistics(42, 51), "std2d": np.zeros(42)}))
    with pytest.raises(EngineError, match="no deviation 0"):
        read_statistics(path, 42, 51)


def test_statistics_make_nothing_but_arrays(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(EngineError, match="a damaged file, or other objects"):
        read_statistics(tmp_path / "a.pkl", 42, 51)
    assert not (tmp_path / "made").exists()


def test_other_sizes_are_errors(tmp_path: Path) -> None:
    net = DepthposeNet(40, Statistics(*(torch.ones(1),) * 4), absolute=True, channels=8).net
    with pytest.raises(EngineError, match="42 or 56 values in, 51 or 48 out, got 40 in, 51 out"):
        import_depthpose(saved(net, 40, 51, tmp_path), tmp_path / "models", ImportOptions())
