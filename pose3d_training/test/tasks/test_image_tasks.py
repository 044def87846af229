"""Network input of the tasks that take images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("moderngl")

from pose3d_ros.engines.spec.entry import Normalization
from pose3d_training.tasks.image_tasks import MEAN_RGB, STD_RGB, normalize


def test_normalized_batch_is_that_of_the_manifest_entry() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    expected = Normalization(1 / 255, MEAN_RGB, STD_RGB, "rgb").apply(images)
    np.testing.assert_allclose(normalize(torch.from_numpy(images)).numpy(), expected, atol=1e-5)
