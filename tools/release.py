"""Sets the version of every package and closes their changelogs: `python tools/release.py 0.2.0`.

catkin_prepare_release does the same, but wants the version in setup.py a second time; here package.xml alone has it.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

PACKAGES = ("pose3d_msgs", "pose3d_ros", "pose3d_training")


def set_version(root: Path, version: str, today: date) -> list[Path]:
    """Write the version where it stands. Returns the changed files; raises ValueError for a wrong version or file."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"version: expected MAJOR.MINOR.PATCH, got {version!r}")
    changes = {root / "CITATION.cff": (r"^version: .*$", f"version: {version}")}
    for package in PACKAGES:
        changes[root / package / "package.xml"] = ("<version>.*</version>", f"<version>{version}</version>")
        heading = f"{version} ({today.isoformat()})"
        changes[root / package / "CHANGELOG.rst"] = (r"^Forthcoming\n-+$", f"{heading}\n{'-' * len(heading)}")
    texts = {path: path.read_text(encoding="utf-8") for path in changes}
    new = {path: re.subn(*changes[path], text, flags=re.MULTILINE) for path, text in texts.items()}
    wrong = [str(path) for path, (_, count) in new.items() if count != 1]
    if wrong:
        raise ValueError(f"expected one version, or one section Forthcoming, in each of {', '.join(wrong)}")
    for path, (text, _) in new.items():
        path.write_text(text, encoding="utf-8")
    return sorted(changes)


if __name__ == "__main__":
    try:
        set_version(Path(__file__).resolve().parents[1], sys.argv[1] if len(sys.argv) > 1 else "", date.today())
    except ValueError as error:
        sys.exit(f"release: {error}")
    print("Look at `git diff`, then commit, tag and push; see CONTRIBUTING.md.")
