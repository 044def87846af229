"""Input features and output layout of the temporal smoother; training and the running smoother share this file.

All vectors are in the frame of the person's own ray: the camera's optical frame, turned by the least rotation that
puts the measured root on the z axis. There the certain directions (x, y: across) and the uncertain one (z: distance)
are the same wherever in the image the person is, and a pose looks as it does in the crop.

Input vector of one person in one frame, C_in = 6·J + 4 values:

| values | meaning |
|---|---|
| 3·J | joints relative to the root, metres, joint-major (x0, y0, z0, x1, …) |
| 3·J | their change since the person's previous frame, metres, × 10 |
| 3   | the root's displacement since then, metres, × 10 |
| 1   | the time since then, in thirtieths of a second |

Output vector, C_out = 3·J values: what to add to the relative joints, metres. Roots have a filter of their own, see
`root_filter`: how much they err depends on what their distance was read from, and poses hardly do.
In a person's first frame the changes are zero and the time is one thirtieth. A joint that was not measured keeps
the relative place it was last seen at, and the root's place before it was ever seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.types import Array

CHANGE_SCALE = 10.0
"""At 30 Hz a walking person's joints move a few centimetres a frame: ×10 brings that near the joints' own size."""
NOMINAL_DT_S = 0.0333
MIN_DT_S = 1.0 / 120.0
MAX_DT_S = 0.2

Floats = npt.NDArray[np.floating]
Float32Array = npt.NDArray[np.float32]


def feature_size(joints: int) -> int:
    """C_in for that many joints."""
    return 6 * joints + 4


def correction_size(joints: int) -> int:
    """C_out for that many joints."""
    return 3 * joints


def clamped_dt(dt_s: Floats) -> Array:
    """Times between frames as the net is trained on: from `MIN_DT_S` to `MAX_DT_S`."""
    return np.asarray(np.clip(dt_s, MIN_DT_S, MAX_DT_S), dtype=np.float64)


def hold_missing(relative_m: Floats, held_m: Floats) -> Array:
    """relative_m with each joint that is not finite taken from held_m; both (..., J, 3), metres, root-relative."""
    valid = np.isfinite(relative_m).all(axis=-1, keepdims=True)
    return np.where(valid, relative_m, held_m).astype(np.float64)


def cam2ray(root_m: Floats) -> Array:
    """Rotations (..., 3, 3) of the camera's optical frame that put roots (..., 3), z above 0, on the z axis."""
    return np.swapaxes(rotation_to_rays(root_m), -1, -2)


def step_features(
    relative_m: Floats, previous_relative_m: Floats, root_m: Floats, previous_root_m: Floats, dt_s: Floats
) -> Float32Array:
    """Input vectors of one frame: (..., J, 3) twice, (..., 3) twice and (...) → (..., 6·J + 4) float32.

    The present root gives the ray. All finite, metres in the camera frame; for a person's first frame give the
    present as the previous one and `NOMINAL_DT_S`. dt_s is clamped to `MIN_DT_S`–`MAX_DT_S`.
    """
    turn = np.swapaxes(cam2ray(root_m), -1, -2)
    change = (relative_m - previous_relative_m) @ turn * CHANGE_SCALE
    displacement = ((root_m - previous_root_m)[..., None, :] @ turn)[..., 0, :] * CHANGE_SCALE
    time = clamped_dt(dt_s)[..., None] / NOMINAL_DT_S
    flat = (*relative_m.shape[:-2], -1)
    parts: tuple[Floats, ...] = ((relative_m @ turn).reshape(flat), change.reshape(flat), displacement, time)
    features: Float32Array = np.concatenate(parts, axis=-1).astype(np.float32)
    return features


def sequence_features(relative_m: Floats, root_m: Floats, dt_s: Floats) -> Float32Array:
    """Input vectors of whole sequences, equal to `step_features` frame by frame.

    relative_m (..., T, J, 3) and root_m (..., T, 3), finite, metres; dt_s (..., T) the time since the frame before
    (its first value is not used). Returns (..., T, 6·J + 4) float32.
    """
    before_relative = np.concatenate((relative_m[..., :1, :, :], relative_m[..., :-1, :, :]), axis=-3)
    before_root = np.concatenate((root_m[..., :1, :], root_m[..., :-1, :]), axis=-2)
    dt = np.array(dt_s, dtype=np.float64)
    dt[..., 0] = NOMINAL_DT_S
    return step_features(relative_m, before_relative, root_m, before_root, dt)


def joint_corrections(y: Floats, root_m: Floats, root: int) -> Array:
    """Output vectors (..., 3·J) → corrections (..., J, 3) to the relative joints, metres, in the camera's frame.

    root_m (..., 3): the measured roots that the input was made with; root: the root joint's index, whose own relative
    place stays zero.
    """
    moves = np.asarray(y, dtype=np.float64)
    joints = moves.reshape(*moves.shape[:-1], -1, 3) @ cam2ray(root_m)
    return np.asarray(joints - joints[..., [root], :])
