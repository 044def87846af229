"""Messages of every kind: images and people, or one of our errors."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pose3d_msgs.msg import Joint3D, Person3D, Person3DArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fuzzing import fuzz
from hostile_inputs import mutated_bytes
from pose3d_ros.bags.image_decoding import decoded_bgr
from pose3d_ros.bags.image_encodings import ENCODINGS, image_bgr
from pose3d_ros.bags.message_records import camera_of
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.conversion import TrackNumbers, read_people
from pose3d_ros.skeletons import SKELETONS
from reliability_log import ReliabilityLog

NAMES = ("", "bgr8", "rgb16", "8UC0", "8UC999999999", "bayer_rggb", "yuv422", "jpeg", "\x1b[2J", "x" * 300, "32FC1")
FORMATS = ("", "jpeg", "png", "rgb8; png compressed bgr8", "32FC1; compressedDepth", "rgb8; png", "\0", "webp", "tiff")
NUMBERS = (0.0, -1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 3.0, 0.5, 640.0)
COUNTS = (0, 1, 2, 3, 8, 255, 65536, 2**31, 2**32 - 1)
PICTURES = [
    cv2.imencode(suffix, np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3))[1].tobytes()
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff")
]


def raw_image(chance: random.Random) -> Any:
    """An image whose size, encoding and data may not belong together."""
    made = Image(encoding=chance.choice((*ENCODINGS, *NAMES)))
    made.height, made.width = (chance.choice((2, 4, 6, chance.choice(COUNTS))) for _ in range(2))
    made.step = chance.choice((made.width * 3 % 2**32, made.width, chance.choice(COUNTS)))
    made.is_bigendian = chance.choice((0, 1, 255))
    made.data = bytes(chance.choice((0, 1, 48, min(made.step * made.height, 4096))))
    return image_bgr(made)


def compressed_image(chance: random.Random) -> Any:
    """A damaged picture."""
    data = chance.choice(PICTURES)
    made = CompressedImage(format=chance.choice(FORMATS))
    made.data = mutated_bytes(data, chance)
    return decoded_bgr(made)


def camera(chance: random.Random) -> Any:
    """A camera_info with extreme numbers."""
    made = CameraInfo(distortion_model=chance.choice(("plumb_bob", "equidistant", "rational_polynomial", *NAMES)))
    made.height, made.width = (chance.choice((480, 640, chance.choice(COUNTS))) for _ in range(2))
    made.k = [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]
    if chance.random() < 0.5:
        made.k[chance.randrange(9)] = chance.choice(NUMBERS)
    made.d = [chance.choice((0.1, chance.choice(NUMBERS))) for _ in range(chance.choice((0, 4, 5, 8, 14, 200)))]
    made.p[chance.randrange(12)] = chance.choice(NUMBERS)
    made.roi.x_offset, made.roi.width = chance.choice(COUNTS), chance.choice(COUNTS)
    made.binning_x = chance.choice(COUNTS)
    found = camera_of(made)
    found.project([[0.1, 0.2, 2.0], [-40.0, 3.0, 1.0]])
    return found


def people(chance: random.Random) -> Any:
    """People with extreme numbers, unknown states and other joints than their skeleton's."""
    skeleton = chance.choice((*SKELETONS, *NAMES))
    count = len(SKELETONS[skeleton]) if skeleton in SKELETONS and chance.random() < 0.8 else chance.choice((0, 1, 400))
    person = Person3D(id=chance.choice(("person_1", "9" * 5000, "", "\x1b")), score=chance.choice((0.5, float("nan"))))
    person.state = chance.choice((0, 1, 2, 3, 4, 129, 255))
    person.root.z = chance.choice(NUMBERS)
    person.root_covariance = [chance.choice(NUMBERS) for _ in range(9)]
    person.joints = [Joint3D(valid=True, u=0.5) for _ in range(count)]
    for joint in person.joints[:3]:
        joint.position.x, joint.position.z = chance.choice(NUMBERS), chance.choice(NUMBERS)
    return read_people(Person3DArray(skeleton=skeleton, people=[person] * chance.choice((1, 2))), TrackNumbers())


def read(chance: random.Random) -> Any:
    """What a node makes of any of these messages."""
    return chance.choice((raw_image, compressed_image, camera, people))(chance)


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_message_is_read_or_an_error(chance: random.Random) -> None:
    with contextlib.suppress(Pose3DError):
        read(chance)


@pytest.mark.slow
def test_100000_messages(record_promise: ReliabilityLog) -> None:
    found = fuzz(read, 100_000)
    record_promise("fuzzing: messages", "records or one of our errors, no hang, no blow-up", str(found), found.kept)
