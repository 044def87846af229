"""Which topics of a bag are meant: the images of one camera, the camera_info beside them, people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pose3d_ros.bags.bag_parts import BagTopic
from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE
from pose3d_ros.errors import BagError

_COMPRESSED = "/compressed"
GROUND_TRUTH = "ground_truth"
"""Part of the names of its topics."""
IMAGE_OPTION, CAMERA_OPTION = "--image-topic", "--camera-info-topic"


@dataclass(frozen=True)
class TopicChoice:
    """Choices among the topics of a bag. Names may be (shell) patterns, those of images without `/compressed`.

    Topics without a message count only where no other fits. problems: of the bag, for an error of an empty one.
    """

    path: Path
    topics: Sequence[BagTopic]
    problems: Sequence[str] = ()

    def fitting(self, msgtypes: Collection[str], name: str = "*") -> list[BagTopic]:
        """The topics of these types that fit, with and without messages."""
        return [t for t in self.topics if t.msgtype in msgtypes and _fits(t.name, name)]

    def only(self, msgtypes: Collection[str], name: str = "*", option: str = "") -> BagTopic:
        """The only topic of one of these types that fits.

        Raises BagError, with the bag's topics and the numbers of their messages, when there is none or more than one.
        option: of the commands, that chooses one.
        """
        return self._one(_filled(self.fitting(msgtypes, name)), msgtypes, name, option)

    def image(self, name: str = "*") -> BagTopic:
        """The only images that fit, raw if they were recorded both ways; depth images are known by their names."""
        types = (COMPRESSED_TYPE, IMAGE_TYPE)
        fitting = _filled(self.fitting(types, name))
        color = [topic for topic in fitting if not _is_depth(topic.name)]
        if len({camera_name(topic.name) for topic in color}) == 1:
            return min(color, key=lambda topic: topic.msgtype != IMAGE_TYPE)
        return self._one(color or fitting, types, name, IMAGE_OPTION)

    def camera(self, name: str = "*", image: str = "*") -> BagTopic:
        """The only camera_info that fits; of several that in the namespace of the images, as image_transport has it.

        One in another namespace is taken where the bag has no other images. Raises BagError as `only`.
        """
        types = (CAMERA_INFO_TYPE,)
        fitting = _filled([t for t in self.fitting(types, name) if name != "*" or not _is_depth(t.name)])
        if name != "*" or not self.fitting((COMPRESSED_TYPE, IMAGE_TYPE)):
            return self._one(fitting, types, name, CAMERA_OPTION)
        chosen = camera_name(self.image(image).name)
        beside = [topic for topic in fitting if topic.name.rpartition("/")[0] == chosen.rpartition("/")[0]]
        others = {camera_name(t.name) for t in self._color()} - {chosen}
        return self._one(beside or fitting, types, name, CAMERA_OPTION, expected=chosen if others else "")

    def ground_truth(self, image: str = "*") -> BagTopic | None:
        """That of the people in the images that fit; None where the bag has none.

        Of several the one whose name has most of the images' namespace. Raises BagError where that is not one.
        """
        found = _filled(self.fitting((PEOPLE_TYPE,), f"*{GROUND_TRUTH}*"))
        if len(found) < 2:
            return found[0] if found else None
        chosen = self.image(image).name if self._color() else image
        parts = set(camera_name(chosen).split("/")[:-1])
        shared = [len(parts & set(topic.name.split("/"))) for topic in found]
        nearest = [topic for topic, count in zip(found, shared, strict=True) if count == max(shared)]
        if len(nearest) == 1:
            return nearest[0]
        raise BagError(
            f"bag {self.path}",
            expected=f"one topic with {GROUND_TRUTH} in its name in the namespace of {chosen}",
            got=", ".join(map(str, nearest)),
            fix=f"Choose the images with {IMAGE_OPTION}, and record each camera's ground truth in their namespace.",
        )

    def depth(self) -> str:
        """The first topic of depth images, without a transport's suffix; "" without one."""
        depths = [t.name for t in self.fitting((COMPRESSED_TYPE, IMAGE_TYPE)) if _is_depth(t.name)]
        return depths[0].removesuffix(DEPTH_SUFFIX) if depths else ""

    def _color(self) -> list[BagTopic]:
        return [t for t in _filled(self.fitting((COMPRESSED_TYPE, IMAGE_TYPE))) if not _is_depth(t.name)]

    def _one(
        self, fitting: Sequence[BagTopic], msgtypes: Collection[str], name: str, option: str, expected: str = ""
    ) -> BagTopic:
        """expected: images beside which the topic must be."""
        is_beside = not expected or all(t.name.rpartition("/")[0] == expected.rpartition("/")[0] for t in fitting)
        if len(fitting) == 1 and is_beside:
            return fitting[0]
        listed = ", ".join(map(str, fitting or self.topics))
        pattern = "" if name == "*" else f" {name}"
        beside = f" beside {expected}" if expected else ""
        raise BagError(
            f"bag {self.path}",
            expected=f"{'one' if fitting else 'a'} topic{pattern} of type {' or '.join(msgtypes)}{beside}",
            got=listed if fitting else f"only {listed}" if listed else "; ".join(("an empty bag", *self.problems)),
            fix=f"Choose one with {option}." if fitting and option else "Name the topic, or record the bag with it.",
        )


def camera_name(image_topic: str) -> str:
    """An image topic without its transport."""
    return image_topic.removesuffix(_COMPRESSED)


def _fits(topic: str, name: str) -> bool:
    full = name if name.startswith(("/", "*")) else f"/{name}"
    return topic == full or fnmatchcase(topic, name) or fnmatchcase(camera_name(topic), full)


def _filled(topics: Sequence[BagTopic]) -> list[BagTopic]:
    return [topic for topic in topics if topic.count] or list(topics)


def _is_depth(topic: str) -> bool:
    """Whether a topic's name has a part such as `depth`, `aligned_depth_to_color` or `compressedDepth`."""
    return any("depth" in part.lower() for part in topic.split("/"))
