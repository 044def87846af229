"""What tools/training_images.py keeps of a package: the license decides, and what can be cut out."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOOL = Path(__file__).resolve().parents[1] / "training_images.py"
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2014 Somebody
License: GPL-2+

Files: data/textures/*.png
       16.04/Bridge.jpg
Copyright: 2015 Another
License: CC-BY-SA-4.0

Files: data/textures/both.png
Copyright: 2016 A third
License: GPL-3 and CC-BY-SA-3.0
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    if not TOOL.exists():
        pytest.skip("not in a checkout")
    spec = importlib.util.spec_from_file_location("training_images", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["training_images"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("path", "license", "free"),
    [
        ("data/textures/wall.png", "CC-BY-SA-4.0", True),
        ("usr/share/backgrounds/Bridge.jpg", "CC-BY-SA-4.0", True),
        ("data/textures/both.png", "GPL-3 and CC-BY-SA-3.0", False),
        ("data/music.ogg", "GPL-2+", False),
    ],
)
def test_last_matching_paragraph_gives_the_license(tool: ModuleType, path: str, license: str, free: bool) -> None:
    assert tool.Licenses(COPYRIGHT).of(path) == license
    assert tool.is_free(license) is free


@pytest.mark.parametrize("license", ["", "CC-BY-NC-4.0", "CC-BY-ND-3.0", "CC-BY-SA-3.0 and Other", "publicly-seen"])
def test_licenses_that_are_not_free(tool: ModuleType, license: str) -> None:
    assert not tool.is_free(license)


@pytest.mark.parametrize("license", ["CC0", "CC-BY-4.0 and CC-BY-3.0", "CC-BY-SA-4.0 or CC-BY-SA-3.0", "public-domain"])
def test_licenses_that_are_free(tool: ModuleType, license: str) -> None:
    assert tool.is_free(license)


def test_cutout_is_cropped_to_its_visible_part(tool: ModuleType) -> None:
    image = np.zeros((200, 300, 4), np.uint8)
    image[50:90, 100:160, :] = 200
    image[50:90, 100:130, 3] = 255
    image[50:90, 130:160, 3] = 100
    thing = tool.cut_out(image)
    assert thing.shape == (40, 60, 4)


def test_opaque_and_empty_images_are_no_cutouts(tool: ModuleType) -> None:
    assert tool.cut_out(np.full((100, 100, 4), 255, np.uint8)) is None
    assert tool.cut_out(np.zeros((100, 100, 4), np.uint8)) is None
