"""Installs the package and its recipes, and registers the commands that it adds to `pose3d`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from setuptools import find_packages, setup

NAME = "pose3d_training"
MANIFEST = ET.parse(Path(__file__).parent / "package.xml").getroot()

setup(
    name=NAME,
    version=MANIFEST.findtext("version"),
    description=MANIFEST.findtext("description"),
    license=MANIFEST.findtext("license"),
    url=MANIFEST.findtext("url"),
    maintainer=MANIFEST.findtext("maintainer"),
    maintainer_email=MANIFEST.findall("maintainer")[0].get("email"),
    author=MANIFEST.findtext("author"),
    author_email=MANIFEST.findall("author")[0].get("email"),
    packages=find_packages(exclude=["test", "test.*"]),
    package_data={NAME: ["py.typed", "recipes/*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    python_requires=">=3.10",
    install_requires=["setuptools", "lightning-fabric", "onnx", "onnxruntime", "pose3d_ros", "torch"],
    extras_require={"rendering": ["moderngl"], "curves": ["tensorboard"]},
    zip_safe=False,
    entry_points={
        "pose3d.extensions": [
            "train = pose3d_training.commands.train",
            "synth = pose3d_training.commands.synth",
            "triangulate = pose3d_training.commands.triangulate",
            "import-checkpoint = pose3d_training.commands.import_checkpoint",
            "held-out-set = pose3d_training.synthetic.held_out_set",
        ]
    },
)
