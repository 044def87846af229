"""Message definitions for bags: those of ROS from rosbags, and this project's own from their .msg files."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from pose3d_ros.errors import BagError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

MESSAGES = "pose3d_msgs"
PEOPLE_TYPE = f"{MESSAGES}/msg/Person3DArray"
IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"


def message_directories() -> tuple[Path, ...]:
    """Where pose3d_msgs' .msg files may lie: beside the source, in this environment, in pose3d_msgs' own prefix."""
    installed = Path("share") / MESSAGES / "msg"
    candidates = [Path(__file__).resolve().parents[3] / MESSAGES / "msg", Path(sys.prefix) / installed]
    spec = importlib.util.find_spec(MESSAGES)
    if spec is not None and spec.origin:
        candidates += [parent / installed for parent in Path(spec.origin).resolve().parents]
    return tuple(candidates)


def message_definitions() -> dict[str, str]:
    """Type name → text of each of pose3d_msgs' messages. Raises BagError when they are nowhere."""
    for directory in message_directories():
        files = sorted(directory.glob("*.msg"))
        if files:
            return {f"{MESSAGES}/msg/{file.stem}": file.read_text(encoding="utf-8") for file in files}
    raise BagError(
        f"{MESSAGES} message definitions",
        expected=f"a folder {MESSAGES}/msg with .msg files",
        got="none in " + ", ".join(str(d) for d in message_directories()),
        fix=f"Build {MESSAGES} (make setup, or colcon build) and source it.",
    )


@cache
def pose3d_typestore() -> Typestore:
    """A type store with the ROS 2 message types (as of Humble) and pose3d_msgs. Raises BagError without the latter."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in message_definitions().items():
        store.register(get_types_from_msg(text, name))
    return store
