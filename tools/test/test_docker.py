"""docker/Dockerfile is linted and copies what there is; what it installs by pip can be; devcontainer.json fits it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker/Dockerfile"
TARGETS = ("cpu", "cuda", "jetson")
SEARCH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


class Stage(NamedTuple):
    """base: an image, or the name of a stage. steps: its instructions, each on one line."""

    base: str
    steps: tuple[str, ...]


def stages() -> dict[str, Stage]:
    """The stages of the Dockerfile by name, without comments."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    steps = re.sub(r"\\\n\s*", "", text).splitlines()
    found: dict[str, Stage] = {}
    for step in filter(None, steps):
        if started := re.fullmatch(r"FROM (\S+) AS (\w+)", step):
            found[name := started[2]] = Stage(started[1], ())
        elif found:
            found[name] = Stage(found[name].base, (*found[name].steps, step))
    return found


def inherited(name: str) -> list[str]:
    """All steps of a stage, those of the stages that it is based on first."""
    found = stages()
    base = found[name].base
    return [*(inherited(base) if base in found else []), *found[name].steps]


@pytest.mark.parametrize("path", sorted(ROOT.glob("docker/*Dockerfile*")), ids=lambda path: path.name)
def test_dockerfiles_pass_hadolint(path: Path) -> None:
    linter = shutil.which("hadolint", path=SEARCH)
    if linter is None:
        pytest.skip("hadolint is not installed (make setup)")
    done = subprocess.run([linter, "--no-color", path], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    linter = shutil.which("hadolint", path=SEARCH)
    if linter is None:
        pytest.skip("hadolint is not installed (make setup)")
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM ros:latest\nRUN apt-get install python3-pip\n")
    done = subprocess.run([linter, wrong], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "DL3007" in done.stdout


def test_bases_are_pinned_and_no_image_runs_as_root() -> None:
    found = stages()
    outside = {stage.base for stage in found.values()} - set(found) - {"${PLATFORM}"}
    assert outside
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+", base) and not base.endswith(":latest") for base in outside)
    for target in (*TARGETS, "dev"):
        users = [step for step in inherited(target) if step.startswith("USER ")]
        assert users[-1] == "USER ${UID}", target


def test_no_layer_keeps_caches() -> None:
    for name, stage in stages().items():
        for step in stage.steps:
            if "apt-get install" in step or "rosdep install" in step:
                assert "rm -rf" in step, name
                assert "/var/lib/apt/lists/*" in step, name
            if "pip install" in step:
                assert "--no-cache-dir" in step, name


def test_what_is_copied_is_there_and_reaches_the_builder() -> None:
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [step.split() for stage in stages().values() for step in stage.steps if step.startswith("COPY ")]
    sources = [word for words in copied if "--from=build" not in words for word in words[1:-1] if word[0] != "-"]
    assert len(sources) >= 6
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == path or source.startswith(f"{path}/") for path in let_through), source


def test_images_start_the_nodes_through_the_entry_point_and_check_them() -> None:
    steps = inherited("cpu")
    assert 'ENTRYPOINT ["/opt/pose3d/entrypoint.sh"]' in steps
    assert [step for step in steps if step.startswith("HEALTHCHECK ")]
    (command,) = [json.loads(step.removeprefix("CMD ")) for step in steps if step.startswith("CMD ")]
    assert command[:3] == ["ros2", "launch", "pose3d_ros"]
    assert (ROOT / "pose3d_ros/launch" / command[3]).is_file()


def test_entry_point_is_a_script_that_says_what_it_lacks() -> None:
    script = ROOT / "docker/entrypoint.sh"
    assert os.access(script, os.X_OK)
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run([script, "true"], env=env, capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 1
    assert "ROS_DISTRO: is not set" in done.stderr


def test_dev_container_is_a_stage_of_the_dockerfile() -> None:
    path = ROOT / ".devcontainer/devcontainer.json"
    settings = json.loads(path.read_text())
    build = settings["build"]
    assert (path.parent / build["dockerfile"]).resolve() == DOCKERFILE
    assert (path.parent / build["context"]).resolve() == ROOT
    assert build["target"] in stages()
    (made,) = [step for step in inherited(build["target"]) if "useradd" in step]
    assert re.search(rf"useradd [^&]*{settings['remoteUser']}\b", made)
    assert "make setup" in settings["postCreateCommand"]
    assert any(argument.startswith(("--shm-size=", "--ipc=")) for argument in settings["runArgs"])


def test_readme_builds_every_target() -> None:
    readme = (ROOT / "docker/README.md").read_text()
    assert set(re.findall(r"--target (\w+)", readme)) == set(TARGETS)
    jobs = (ROOT / ".github/workflows/ci.yml").read_text()
    assert "docker build" in jobs
    assert all(re.search(rf"target: {target}\b", jobs) for target in TARGETS)


@pytest.mark.slow
def test_what_the_image_installs_by_pip_runs_in_a_clean_environment(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP", "http"))}
    env |= {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/tmp")}
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], env=env, check=True, timeout=120)
    probe = [str(python), "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), "rich"]
    if subprocess.run(probe, env=env, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("no package index can be reached")
    (step,) = [step for step in stages()["cpu"].steps if "pip install" in step]
    command = step.removeprefix("RUN ").replace("/opt/pose3d/requirements", str(ROOT / "tools/requirements"))
    command = command.replace("/opt/pose3d/python", str(tmp_path / "target"))
    command = command.replace("pip install", f"{python} -m pip install -q")
    subprocess.run(["bash", "-ec", command], env=env, check=True, timeout=900)
    modules = "import attr, numpy, onnx, onnxruntime, rich, rosbags.rosbag2, tflite; print(numpy.__version__)"
    env["PYTHONPATH"] = str(tmp_path / "target")
    done = subprocess.run([python, "-c", modules], env=env, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("1.")
