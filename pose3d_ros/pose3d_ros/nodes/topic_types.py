"""Message classes by the names that bags and the graph use."""

from __future__ import annotations

import importlib
from typing import Any


def message_class(msgtype: str) -> Any | None:
    """The class of e.g. `sensor_msgs/msg/Image`; None for a type that is not installed."""
    package, _, name = msgtype.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None


def split_topics(text: str) -> tuple[str, ...]:
    """The topics of a parameter that lists them with commas or spaces between."""
    return tuple(text.replace(",", " ").split())
