"""What colcon installs, what package.xml declares and what the pins say agree with the source."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import InvalidPackage, parse_package, parse_package_string
from catkin_pkg.package_version import get_forthcoming_label

import pose3d_ros
from pose3d_ros.cli.view import VISER

PACKAGE = Path(__file__).resolve().parents[2] / "pose3d_ros"
ROOT = PACKAGE.parent
PACKAGES = ("pose3d_msgs", "pose3d_ros", "pose3d_training")
REQUIREMENTS = ROOT / "tools/requirements"

ROSDEP_KEYS = {
    "attr": "python3-attrs",
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "rich": "python3-rich",
    "scipy": "python3-scipy",
    "torch": "python3-torch",
    "yaml": "python3-yaml",
}
PIP_NAMES = {
    "attr": "attrs",
    "cv2": "opencv-python-headless",
    "lightning_fabric": "lightning-fabric",
    "yaml": "PyYAML",
}
# Python module → ROS package, where they differ or the name does not show it.
ROS_PACKAGES = {"tf2_ros": "tf2_ros_py"} | {n: n for n in ("rclpy", "ament_index_python", "launch", "launch_ros")}
# What is used where it is there.
OPTIONAL = {
    "pose3d_ros": {
        "cv_bridge",
        "h5py",
        "hri_msgs",
        "imageio_ffmpeg",
        "onnx2torch",
        "ray",
        "tensorrt",
        "torch",
        "torchvision",
        "trackeval",
        "viser",
    },
    "pose3d_training": {"tensorboard"},
}
# What rosbags requires, of which Python 3.14 has zstd itself.
WITH_ROSBAGS = {"backports", "compression", "lz4"}
# What no distribution packages; the packages' setup.py require it. A rosdep key of pip's is none that bloom can use.
BY_PIP = {
    "pose3d_ros": {"onnx", "onnxruntime", "rosbags", "tflite"},
    "pose3d_training": {"lightning_fabric", "moderngl", "onnx", "onnxruntime"},
}
# What a robot may do without: a display, and the messages of packages that it does not run.
NO_DEPENDENCIES = {
    "rviz2",
    "ffmpeg",
    "cv_bridge",
    "vision_msgs",
    "hri_msgs",
    "people_msgs",
    "yolo_msgs",
    "foxglove_bridge",
}

# Beside this interpreter when the environment is used without being sourced.
SEARCH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
needs_colcon = pytest.mark.skipif(shutil.which("colcon", path=SEARCH) is None, reason="colcon is not installed")


def _manifest(package: str) -> ET.Element:
    return ET.parse(ROOT / package / "package.xml").getroot()


def _dependencies(package: str) -> set[str]:
    return {element.text or "" for element in _manifest(package) if element.tag.endswith("depend")}


def _imported(folder: Path) -> set[str]:
    """First names of all modules that the files of a folder import, TYPE_CHECKING or not."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
        found |= set(re.findall(r"import_module\(\"(\w+)", path.read_text()))
    return found


def _pins(name: str) -> dict[str, str]:
    lines = [line.strip() for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines()]
    pins = {}
    for line in lines:
        if line and not line.startswith("#"):
            matched = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z]+\])?==([0-9][^;\s]*)(?:\s*;.*)?", line)
            assert matched, f"{name}.txt: not pinned: {line}"
            pins[matched[1]] = matched[2]
    return pins


@pytest.mark.parametrize("package", PACKAGES)
def test_manifest_fits_format_3_and_names_license_people_and_urls(package: str) -> None:
    warnings: list[str] = []
    manifest = parse_package(ROOT / package, warnings=warnings)
    manifest.validate(warnings)
    assert (warnings, manifest.name, manifest.package_format) == ([], package, 3)
    assert manifest.licenses == ["Apache-2.0"]
    assert {url.type for url in manifest.urls} == {"website", "repository", "bugtracker"}
    people = [*manifest.maintainers, *manifest.authors]
    assert len(people) >= 2
    assert all(re.fullmatch(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", person.email) for person in people)


def test_manifest_that_breaks_format_3_is_found() -> None:
    text = (PACKAGE / "package.xml").read_text()
    for broken in (text.replace("</name>", "</nam>"), text.replace("maintainer", "keeper"), text.replace("0.1.0", "1")):
        with pytest.raises(InvalidPackage):
            parse_package_string(broken)


@pytest.mark.parametrize("package", PACKAGES)
def test_ament_xmllint_accepts_the_manifest(package: str) -> None:
    linter = pytest.importorskip("ament_xmllint.main", reason="ament_xmllint comes with a ROS")
    assert linter.main([str(ROOT / package / "package.xml")]) == 0


def test_version_is_in_package_xml_alone_and_the_same_everywhere() -> None:
    versions = {package: parse_package(ROOT / package).version for package in PACKAGES}
    assert set(versions.values()) == {pose3d_ros.__version__}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == pose3d_ros.__version__
    for package in ("pose3d_ros", "pose3d_training"):
        for path in (ROOT / package / "setup.py", ROOT / package / package / "__init__.py"):
            assert re.findall(r"[\"']\d+\.\d+\.\d+[\"']", path.read_text()) == [], path


@pytest.mark.parametrize("package", PACKAGES)
def test_changelog_is_in_the_form_of_bloom(package: str) -> None:
    path = ROOT / package / "CHANGELOG.rst"
    changelog = get_changelog_from_path(path, package)
    versions = [version for version, _, _ in changelog.foreach_version()]
    assert get_forthcoming_label(path.read_text()) == "Forthcoming" or pose3d_ros.__version__ in versions


def test_citation_file_has_the_required_keys() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["cff-version"], citation["license"]) == ("1.2.0", "Apache-2.0")


@pytest.mark.parametrize("package", ["pose3d_ros", "pose3d_training"])
def test_every_import_is_declared(package: str) -> None:
    folder = ROOT / package / package
    ros = _imported(folder / "nodes") | _imported(folder / "launching") if package == "pose3d_ros" else set()
    ros = {ROS_PACKAGES.get(n, n) for n in ros if n.endswith(("_msgs", "_srvs", "_interfaces")) or n in ROS_PACKAGES}
    ros -= OPTIONAL[package]
    outside = (
        _imported(folder) - sys.stdlib_module_names - {"_typeshed", "pose3d_ros", "pose3d_training"} - OPTIONAL[package]
    ) - WITH_ROSBAGS
    used = {name for name in outside if ROS_PACKAGES.get(name, name) not in ros}
    unknown = used - set(ROSDEP_KEYS) - BY_PIP[package]
    assert unknown == set()
    assert ros | {ROSDEP_KEYS[name] for name in used - BY_PIP[package]} <= _dependencies(package)
    pins = _pins("runtime") | (_pins("test") if package == "pose3d_training" else {})
    assert {PIP_NAMES.get(name, name) for name in used} <= set(pins)


def test_launch_files_have_their_packages() -> None:
    assert {"launch", "launch_ros", "ros2launch"} <= _dependencies("pose3d_ros")


@pytest.mark.parametrize("package", PACKAGES)
def test_distributions_can_package_every_dependency(package: str) -> None:
    assert [name for name in _dependencies(package) if name.endswith("-pip")] == []
    assert _dependencies(package) & NO_DEPENDENCIES == set()


@pytest.mark.parametrize("package", ["pose3d_ros", "pose3d_training"])
def test_what_comes_from_pip_is_required_by_setup_py(package: str) -> None:
    text = (ROOT / package / "setup.py").read_text()
    missing = [name for name in BY_PIP[package] if f'"{PIP_NAMES.get(name, name)}"' not in text]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "docs/robot.md"])
def test_pages_install_what_comes_from_pip(page: str) -> None:
    (line,) = re.findall(r'^ +PIP_BREAK_SYSTEM_PACKAGES=1 pip install "numpy<2" (.*)$', (ROOT / page).read_text(), re.M)
    assert set(line.split()) == BY_PIP["pose3d_ros"]


def test_message_package_lists_every_message_and_its_dependencies() -> None:
    cmake = (ROOT / "pose3d_msgs/CMakeLists.txt").read_text()
    files = sorted(path.name for path in (ROOT / "pose3d_msgs/msg").glob("*.msg"))
    assert re.findall(r'"msg/(\w+\.msg)"', cmake) == files
    used = {
        name
        for path in (ROOT / "pose3d_msgs/msg").glob("*.msg")
        for name in re.findall(r"^(\w+)/\w+ ", path.read_text(), flags=re.MULTILINE)
    }
    assert used <= _dependencies("pose3d_msgs")
    for name in used:
        assert f"find_package({name} REQUIRED)" in cmake


@pytest.mark.parametrize(
    "name", ["runtime", "ros", "test", "docs", "runtime-sourced-ros", "cuda", "no-deps", "constraints"]
)
def test_requirements_are_pinned(name: str) -> None:
    assert _pins(name)


def test_view_says_how_to_get_the_version_that_is_pinned() -> None:
    assert f"viser=={_pins('runtime')['viser']}" == VISER
    assert VISER in (ROOT / "docs/start.md").read_text()


def test_demo_needs_no_torch() -> None:
    names = {name.lower() for file in ("runtime", "ros", "runtime-sourced-ros") for name in _pins(file)}
    assert not [name for name in names if name.startswith(("torch", "nvidia", "onnx-", "onnx2", "tensorrt"))]


def test_no_requirement_names_a_package_index() -> None:
    for path in REQUIREMENTS.glob("*.txt"):
        assert "://" not in path.read_text(), path.name


def test_console_scripts_point_at_functions() -> None:
    scripts = re.findall(r'"(\w+) = ([\w.]+):(\w+)"', (PACKAGE / "setup.py").read_text())
    assert [name for name, _, _ in scripts][:2] == ["pose3d", "doctor"]
    assert {"pose_node", "smoother_node", "hri_bridge", "recorder", "bag_player"} <= {name for name, _, _ in scripts}
    for _, module, function in scripts:
        path = (PACKAGE / module.replace(".", "/")).with_suffix(".py")
        tree = ast.parse(path.read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, module


def test_typed_marker_is_shipped() -> None:
    assert (PACKAGE / "pose3d_ros/py.typed").is_file()


def _colcon(*arguments: str | Path, cwd: Path) -> str:
    """Run colcon in a workspace of its own. Returns what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "COLCON_"))}
    env["PATH"] = SEARCH
    done = subprocess.run(
        ["colcon", *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_colcon
def test_colcon_finds_the_three_packages_and_nothing_else(tmp_path: Path) -> None:
    listed = _colcon("list", "--names-only", "--base-paths", ROOT, cwd=tmp_path)
    assert listed.split() == ["pose3d_msgs", "pose3d_ros", "pose3d_training"]


@needs_colcon
def test_colcon_installs_scripts_assets_launch_files_parameters_and_engines(tmp_path: Path) -> None:
    _colcon("build", "--base-paths", PACKAGE, cwd=tmp_path)
    prefix = tmp_path / "install/pose3d_ros"
    scripts = {path.name for path in (prefix / "lib/pose3d_ros").iterdir()}
    assert {"pose3d", "doctor", "pose_node", "smoother_node", "recorder", "bag_player"} <= scripts
    assert (prefix / "share/ament_index/resource_index/packages/pose3d_ros").is_file()
    share = prefix / "share/pose3d_ros"
    for top in ("launch", "config", "engines", "samples"):
        shipped = {p.relative_to(PACKAGE) for p in (PACKAGE / top).rglob("*") if p.is_file() and p.suffix != ".pyc"}
        missing = [path for path in shipped if not (share / path).is_file()]
        assert shipped, top
        assert missing == [], top
    (installed,) = prefix.glob("lib/python*/site-packages/pose3d_ros")
    assets = {
        p.relative_to(PACKAGE) for p in (PACKAGE / "pose3d_ros").rglob("*") if p.suffix not in (".py", ".pyc", "")
    }
    assert [path for path in assets if not (installed.parent / path).is_file()] == []


def test_ci_and_templates_are_well_formed_and_run_targets_that_exist() -> None:
    files = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github").rglob("*.yml")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    runs = [str(s.get("run", "")) for job in files["ci.yml"]["jobs"].values() for s in job["steps"]]
    used = {target for run in runs for target in re.findall(r"^make ([a-z-]+)", run, flags=re.MULTILINE)}
    assert used == {"test", "demo", "docs", "coverage"}
    assert used <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^CORE_COVERAGE := 9[5-9]$", makefile, flags=re.MULTILINE)
    assert "--fail-under=$(CORE_COVERAGE)" in makefile
    assert all({"name", "description", "body"} <= set(files[name]) for name in ("bug.yml", "feature.yml"))
    assert {update["package-ecosystem"] for update in files["dependabot.yml"]["updates"]} == {
        "pip",
        "github-actions",
        "docker",
    }


@needs_colcon
def test_colcon_installs_the_recipes_of_the_training_package(tmp_path: Path) -> None:
    _colcon("build", "--base-paths", ROOT / "pose3d_training", cwd=tmp_path)
    installed = {p.name for p in (tmp_path / "install").glob("*/lib/python*/site-packages/*/recipes/*.yaml")}
    assert installed == {p.name for p in (ROOT / "pose3d_training").rglob("*.yaml")}
    assert "root_pose.yaml" in installed
