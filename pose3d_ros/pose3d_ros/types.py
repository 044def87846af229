"""Array types that every module shares; shapes, units and frames are in the names and docstrings of what has them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
"""float64 array."""
ImageArray = npt.NDArray[np.uint8]
"""uint8 image, (H, W, 3) BGR unless a docstring says otherwise."""
