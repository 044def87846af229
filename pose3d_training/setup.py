"""Installs the package and its recipes, and tells `pose3d` which commands it adds."""

from __future__ import annotations

from setuptools import find_packages, setup

NAME = "pose3d_training"

setup(
    name=NAME,
    version="0.1.0",
    description="Training of pose3d_ros engines: networks, rendered people, checkpoint import and delivery.",
    license="Apache-2.0",
    maintainer="pose3d_ros maintainers",
    maintainer_email="maintainers@pose3d-ros.org",
    packages=find_packages(exclude=["test", "test.*"]),
    package_data={NAME: ["py.typed", "recipes/*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    python_requires=">=3.10",
    install_requires=["setuptools", "lightning-fabric", "onnx", "pose3d_ros", "torch"],
    extras_require={"rendering": ["moderngl"], "curves": ["tensorboard"]},
    zip_safe=False,
    entry_points={
        "pose3d.extensions": [
            "train = pose3d_training.commands.train",
            "synth = pose3d_training.commands.synth",
            "import-checkpoint = pose3d_training.commands.import_checkpoint",
            "held-out-set = pose3d_training.synthetic.held_out_set",
        ]
    },
)
