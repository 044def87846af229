"""The two motion formats on skeletons of a few bones."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_training.synthetic.motion_files import INCH_M, Source, read_asf_amc, read_bvh

ASF = """# comment
:version 1.10
:units
  mass 1.0
  length 0.5
  angle deg
:root
  order TX TY TZ RX RY RZ
:bonedata
  begin
    id 1
    name thigh
    direction 0 -1 0
    length 2
    axis 0 0 0 XYZ
    dof rx ry rz
  end
  begin
    id 2
    name shin
    direction 0 -1 0
    length 1
    axis 0 0 90 XYZ
    dof rx
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
AMC = """#!OML:ASF
:FULLY-SPECIFIED
1
root 0 4 0 0 0 0
thigh 0 0 0
shin 0
2
root 1 4 0 0 90 0
thigh 90 0 0
shin 90
"""
BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -4 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -3 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
0 9 0 0 0 0 0 0 0
1 9 0 0 0 90 0 90 0
"""
UNIT_M = INCH_M / 0.5


@pytest.fixture
def recorded(tmp_path: Path) -> Source:
    (tmp_path / "01.asf").write_text(ASF)
    (tmp_path / "01_01.amc").write_text(AMC)
    return read_asf_amc(tmp_path / "01.asf", tmp_path / "01_01.amc")


def test_asf_rest_pose_is_a_chain_in_metres(recorded: Source) -> None:
    assert recorded.names == ("root", "thigh", "shin")
    assert recorded.parents == (-1, 0, 1)
    np.testing.assert_allclose(recorded.rest_head_m[2], [0, -2 * UNIT_M, 0])
    np.testing.assert_allclose(recorded.rest_tail_m[2], [0, -3 * UNIT_M, 0])
    np.testing.assert_allclose(recorded.root_m[:, 1], 4 * UNIT_M)


def test_amc_rotations_are_in_the_axes_of_the_bones(recorded: Source) -> None:
    np.testing.assert_allclose(recorded.rotations[0], np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    heads = recorded.heads_m()[1]
    # The root faces +x (90° about y), the thigh lies ahead (90° about x turns -y into -z, then y into -x).
    np.testing.assert_allclose(heads[2] - heads[1], [-2 * UNIT_M, 0, 0], atol=1e-12)
    # The shin's axis is turned by 90° about z: its x is the world's y, which the thigh took to the root's z = world x.
    root, thigh = recorded.rotations[1, 0], recorded.rotations[1, 1]
    about_y = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    np.testing.assert_allclose(recorded.rotations[1, 2], thigh @ about_y, atol=1e-12)
    np.testing.assert_allclose(root, about_y, atol=1e-12)


def test_gzipped_amc(tmp_path: Path, recorded: Source) -> None:
    (tmp_path / "01.asf").write_text(ASF)
    with gzip.open(tmp_path / "01_02.amc.gz", "wt") as stream:
        stream.write(AMC)
    again = read_asf_amc(tmp_path / "01.asf", tmp_path / "01_02.amc.gz")
    np.testing.assert_array_equal(again.rotations, recorded.rotations)


def test_amc_without_frames_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "01.asf").write_text(ASF)
    (tmp_path / "01_01.amc").write_text(":FULLY-SPECIFIED\n")
    with pytest.raises(InputError, match="0 frames"):
        read_asf_amc(tmp_path / "01.asf", tmp_path / "01_01.amc")


def test_bvh_positions_and_rotations(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(BVH)
    source = read_bvh(tmp_path / "a.bvh")
    assert source.fps == pytest.approx(20)
    np.testing.assert_allclose(source.root_m, [[0, 0.9, 0], [0.1, 0.9, 0]])
    tails = source.tails_m()
    np.testing.assert_allclose(tails[0, 1], [0, 0.2, 0], atol=1e-12)
    # The knee turns by 90° about the hip's x, which the hip has turned to -z: the shin points along +-x.
    np.testing.assert_allclose(tails[1, 1] - source.heads_m()[1, 1], [-0.3, 0, 0], atol=1e-12)


def test_bvh_with_missing_values_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(BVH.replace("0 9 0 0 0 0 0 0 0", "0 9 0").replace("1 9 0 0 0 90 0 90 0", "1 9 0"))
    with pytest.raises(InputError, match="9 channels"):
        read_bvh(tmp_path / "a.bvh")


def test_z_up_bvh_is_rotated_to_y_up(tmp_path: Path) -> None:
    text = BVH.replace("OFFSET 0 -4 0", "OFFSET 0 0 -4").replace("OFFSET 0 -3 0", "OFFSET 0 0 -3")
    (tmp_path / "a.bvh").write_text(text)
    source = read_bvh(tmp_path / "a.bvh")
    np.testing.assert_allclose(source.rest_tail_m[1], [0, -0.7, 0], atol=1e-12)
