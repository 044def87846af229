"""Rendered people and scenes, and the motions they are made of.

Frames used here besides the camera's (x right, y down, z forward, metres): `world` is x right, y up, z towards the
viewer, metres, the floor at y = 0; a person's rest pose stands in it facing +z with the left side at +x, as both
MakeHuman's base mesh and CMU's motions do.
"""

import numpy as np
import numpy.typing as npt

Array32 = npt.NDArray[np.float32]
"""float32 array."""
IntArray = npt.NDArray[np.int64]
"""int64 array, of indices."""
