"""Installs the package, its launch files, parameters and default engines where ROS 2 looks for them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from setuptools import find_packages, setup

NAME = "pose3d_ros"
SHARE = f"share/{NAME}"
HERE = Path(__file__).parent
MANIFEST = ET.parse(HERE / "package.xml").getroot()


def shared_files() -> list[tuple[str, list[str]]]:
    """Every file below launch/, config/, engines/ and samples/, grouped by the share folder it goes to."""
    groups: dict[str, list[str]] = {}
    for top in ("launch", "config", "engines", "samples"):
        for path in sorted((HERE / top).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(HERE)
                groups.setdefault(f"{SHARE}/{relative.parent.as_posix()}", []).append(relative.as_posix())
    return list(groups.items())


def package_files() -> list[str]:
    """Every file of the Python package that is not Python: the marker of its types, the report's assets."""
    found = [path for path in (HERE / NAME).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    return sorted(path.relative_to(HERE / NAME).as_posix() for path in found)


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
    package_data={NAME: package_files()},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        *shared_files(),
    ],
    python_requires=">=3.10",
    install_requires=["setuptools", "onnx", "onnxruntime", "rosbags", "tflite"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "pose3d = pose3d_ros.cli.main:main",
            "doctor = pose3d_ros.cli.doctor:main",
            "pose_node = pose3d_ros.nodes.pose_node:main",
            "smoother_node = pose3d_ros.nodes.smoother_node:main",
            "hri_bridge = pose3d_ros.nodes.hri_bridge:main",
            "fusion_node = pose3d_ros.nodes.fusion_node:main",
            "pose3d_container = pose3d_ros.launching.container_process:main",
            "recorder = pose3d_ros.nodes.recorder:main",
            "bag_player = pose3d_ros.nodes.bag_player:main",
        ]
    },
)
