"""The environment in .venv, step by step; a step whose inputs have not changed is skipped."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from bootstrap.console import Console
from bootstrap.messages import build_messages, localize_wheels
from bootstrap.models import get_models
from bootstrap.stamps import Stamp
from bootstrap.system import can_install, install_packages, missing_packages, wanted_packages

PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_CHECK = "import rclpy, cv2, onnxruntime, rosbags, pose3d_ros; from pose3d_msgs.msg import Person3DArray as P; P()"


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _prepend(variable: str, folder: Path) -> str:
    """Line of shell that puts a folder first in a search path, once."""
    first = shlex.quote(str(folder))
    extended = f'{first}"${{{variable}:+:${variable}}}"'
    return f'case "${{{variable}:-}}:" in {first}:*) ;; *) export {variable}={extended} ;; esac'


class Environment:
    """A virtual environment with ROS, the run-time packages, the messages and our packages (editable) in it."""

    def __init__(self, root: Path, profile: str, ros_distro: str, console: Console) -> None:
        self._root = root
        self._profile = profile
        self._ros_distro = ros_distro
        self._console = console
        self._venv = root / ".venv"
        self._python = self._venv / "bin/python"
        self._site_packages = self._venv / "lib" / PYTHON_NAME / "site-packages"
        # Scripts in the environment hold its path, so a moved copy is made anew.
        self._identity = f"{self._venv} {sys.version} {ros_distro or 'wheels'}"

    def update(self) -> None:
        """Do what is not up to date. Raises SetupError when a step fails."""
        self._system_packages()
        self._virtual_environment()
        self._python_packages()
        self._messages()
        self._robot_package()
        self._training_package()
        released = self._root / "pose3d_ros/pose3d_ros/engines/mediapipe/released_files.py"
        get_models(self._console, self._venv / "env.sh", self._stamp("models", released))

    def _system_packages(self) -> None:
        missing = missing_packages(ros_sourced=bool(self._ros_distro))
        missing += wanted_packages(self._profile) if can_install() else []
        if not missing:
            self._console.skip()
            return
        with self._console.step(f"system packages: {', '.join(missing)}"):
            install_packages(self._console, missing)

    def _virtual_environment(self) -> None:
        stamp = self._stamp("venv")
        if stamp.is_current() and self._python.exists():
            self._console.skip()
            return
        with self._console.step(f"virtual environment .venv (Python {sys.version.split()[0]})"):
            if self._venv.exists():
                shutil.rmtree(self._venv)
            flags = ["--system-site-packages"] if self._ros_distro else []
            self._console.run([sys.executable, "-m", "venv", *flags, self._venv])
            base_python = Path(getattr(sys, "_base_executable", sys.executable))
            (self._venv / "base-python").write_text(f"{base_python}\n")
            (self._venv / "COLCON_IGNORE").touch()
            self._pip("--upgrade", "pip", "setuptools", "wheel")
            stamp.write()

    def _python_packages(self) -> None:
        # "test" has all that "demo" has.
        if any(self._packages_stamp(profile).is_current() for profile in {self._profile, "test"}):
            self._console.skip()
            return
        files, stamp = self._requirement_files(self._profile), self._packages_stamp(self._profile)
        with self._console.step("Python packages"):
            self._pip(*(part for path in files for part in ("-r", str(path))))
            self._pip("--no-deps", "-r", str(self._requirements("no-deps")))
            if not self._ros_distro:
                localize_wheels(self._venv, self._site_packages)
            stamp.write()

    def _messages(self) -> None:
        sources = (self._root / "pose3d_msgs", self._root / "tools/bootstrap/messages.py")
        stamp = self._stamp("messages", *sources, *([] if self._ros_distro else [self._requirements("ros")]))
        if stamp.is_current():
            self._console.skip()
            return
        with self._console.step("messages"):
            stamp.remove()
            shutil.rmtree(self._venv / "colcon", ignore_errors=True)
            build_messages(self._console, root=self._root, venv=self._venv, site_packages=self._site_packages)
            stamp.write()

    def _robot_package(self) -> None:
        if self._editable("pose3d_ros"):
            env = shlex.quote(str(self._venv / "env.sh"))
            self._console.run(["sh", "-c", f". {env} && python -c '{_CHECK}'"])

    def _training_package(self) -> None:
        """What a robot, and the demo, does without."""
        if self._profile == "test":
            self._editable("pose3d_training")
        else:
            self._console.skip()

    def _editable(self, name: str) -> bool:
        """Install a package as links to its sources. Returns whether there was anything to do."""
        package = self._root / name
        files = (package / file for file in ("setup.py", "setup.cfg", "package.xml"))
        stamp = self._stamp(f"package-{name}", *files, Path(__file__))
        if stamp.is_current():
            self._console.skip()
            return False
        with self._console.step(name):
            # "compat" puts the folder on the path, where the import hook of the default loses to the folder of the same
            # name at the root.
            compat = ("--config-settings", "editable_mode=compat")
            self._pip("--no-deps", "--no-build-isolation", *compat, "--editable", str(package))
            self._expose_to_ament(name)
            self._write_env()
            stamp.write()
        return True

    def _expose_to_ament(self, name: str) -> None:
        # What colcon would install, as links into the source tree, so that ROS's look-ups find it there.
        package = self._root / name
        marker = self._venv / "share/ament_index/resource_index/packages" / name
        marker.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / "resource" / name, marker)
        _link(self._venv / "share" / name, package)
        scripts = ("pose3d", "doctor", "pose_node", "smoother_node", "pose3d_container", "recorder", "bag_player")
        for script in scripts if name == "pose3d_ros" else ():
            _link(self._venv / "lib/pose3d_ros" / script, self._venv / "bin" / script)

    def _write_env(self) -> None:
        folders = {"PATH": "bin", "AMENT_PREFIX_PATH": "", "CMAKE_PREFIX_PATH": ""}
        if self._ros_distro:  # the wheels' Python finds its libraries by itself
            folders |= {"LD_LIBRARY_PATH": "lib"}
        lines = [_prepend(name, self._venv / folder) for name, folder in folders.items()]
        venv = shlex.quote(str(self._venv))
        lines += [f"export VIRTUAL_ENV={venv}", f"export COLCON_DEFAULTS_FILE={venv}/colcon-defaults.yaml", ""]
        (self._venv / "env.sh").write_text("\n".join(lines))
        (self._venv / "colcon-defaults.yaml").write_text(
            f"build:\n  cmake-args: [-DPython3_EXECUTABLE={self._python}, -DBUILD_TESTING=OFF]\n"
        )

    def _packages_stamp(self, profile: str) -> Stamp:
        pins = (*self._requirement_files(profile), self._requirements("no-deps"), self._constraints)
        return self._stamp(f"packages-{profile}", *pins)

    def _requirement_files(self, profile: str) -> list[Path]:
        names = ["runtime-sourced-ros"] if self._ros_distro else ["runtime", "ros"]
        names += ["test", "docs"] if profile == "test" else []
        return [self._requirements(name) for name in names]

    def _requirements(self, name: str) -> Path:
        return self._root / "tools/requirements" / f"{name}.txt"

    @property
    def _constraints(self) -> Path:
        return self._requirements("constraints")

    def _stamp(self, name: str, *parts: Path) -> Stamp:
        return Stamp(self._venv / "stamps", name, [self._identity, *parts])

    def _pip(self, *arguments: str) -> None:
        pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-c", str(self._constraints)]
        self._console.run([self._python, *pip, *arguments])
