"""Of a bag with several cameras, transports and camera_infos those that belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.bags.bag_parts import BagTopic
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE
from pose3d_ros.bags.topic_choice import TopicChoice
from pose3d_ros.errors import BagError


def choice(**counts: int) -> TopicChoice:
    """A bag with these topics (`__` for a slash), known by their names, and the numbers of their messages."""
    found = []
    for name, count in counts.items():
        topic = "/" + name.replace("__", "/")
        info = topic.endswith("info")
        compressed = topic.endswith(("/compressed", "compressedDepth"))
        kind = CAMERA_INFO_TYPE if info else COMPRESSED_TYPE if compressed else IMAGE_TYPE
        kind = PEOPLE_TYPE if topic.endswith("people") else kind
        found.append(BagTopic(topic, kind, latched=False, count=count))
    return TopicChoice(Path("b.mcap"), found)


STEREO = choice(left__image_raw=20, right__image_raw=30, right__camera_info=30, left__camera_info=20)


def test_several_cameras_are_an_error_with_their_counts() -> None:
    with pytest.raises(BagError) as caught:
        STEREO.image()
    assert "/left/image_raw (sensor_msgs/msg/Image, 20 messages), /right/image_raw" in str(caught.value)
    assert str(caught.value).endswith("Choose one with --image-topic.")


@pytest.mark.parametrize("name", ["/right/image_raw", "right/image_raw", "*right*"])
def test_camera_is_that_beside_the_chosen_images(name: str) -> None:
    assert STEREO.image(name).name == "/right/image_raw"
    assert STEREO.camera(image=name).name == "/right/camera_info"


def test_camera_of_another_namespace_is_taken_where_no_other_images_are() -> None:
    assert choice(images=3, driver__camera_info=3).camera().name == "/driver/camera_info"
    pair = choice(left__image_raw=20, right__image_raw=30, right__camera_info=30)
    with pytest.raises(BagError, match=r"beside /left/image_raw, got /right/camera_info .*--camera-info-topic"):
        pair.camera(image="/left/image_raw")
    assert pair.camera("/right/camera_info", "/left/image_raw").name == "/right/camera_info"


def test_raw_images_come_before_the_same_ones_compressed() -> None:
    both = choice(image_raw__compressed=5, image_raw=5, image_raw__compressedDepth=5)
    assert both.image().name == "/image_raw"
    assert both.image("/image_raw/compressed").name == "/image_raw/compressed"
    assert choice(image_raw__compressed=5).image("/image_raw").name == "/image_raw/compressed"


def test_topics_without_messages_are_passed_over() -> None:
    bag = choice(image_raw=0, image_raw__compressed=5, other__image=0, camera_info=0, other__camera_info=5)
    assert bag.image().name == "/image_raw/compressed"
    assert bag.camera().name == "/other/camera_info"
    assert choice(image_raw=0).image().name == "/image_raw"


def test_depth_images_and_their_cameras_are_known_by_their_names() -> None:
    bag = choice(color__image_raw=5, color__camera_info=5, depth__image_rect_raw=5, depth__camera_info=5)
    assert (bag.image().name, bag.camera().name) == ("/color/image_raw", "/color/camera_info")
    assert bag.depth() == "/depth/image_rect_raw"


def test_bag_without_images_is_an_error_that_lists_what_it_has() -> None:
    bag = choice(camera_info=7)
    with pytest.raises(BagError, match=r"got only /camera_info \(sensor_msgs/msg/CameraInfo, 7 messages\)"):
        bag.image()
    assert bag.camera().name == "/camera_info"
    with pytest.raises(BagError, match="got an empty bag"):
        choice().image()


@pytest.mark.parametrize("order", ["{}__ground_truth__people", "ground_truth__{}__people"])
def test_ground_truth_is_that_in_the_namespace_of_the_images(order: str) -> None:
    names = {order.format(side): 20 for side in ("left", "right")}
    pair = choice(left__image_raw=20, right__image_raw=30, left__people=3, **names)
    for side in ("left", "right"):
        found = pair.ground_truth(f"/{side}/*")
        assert found is not None
        assert found.name == "/" + order.format(side).replace("__", "/")
    with pytest.raises(BagError, match=r"Choose one with --image-topic"):
        pair.ground_truth()
    without_images = choice(**names).ground_truth("/left/*")
    assert without_images is not None
    assert "/left/" in without_images.name


def test_only_ground_truth_is_that_of_all_images_and_none_is_none() -> None:
    one = choice(camera__image_raw=2, ground_truth__people=2, people=2).ground_truth()
    assert one is not None
    assert one.name == "/ground_truth/people"
    assert choice(image_raw=2, people=2).ground_truth() is None


def test_ground_truth_that_no_namespace_tells_apart_is_an_error() -> None:
    several = choice(left__image_raw=2, a__ground_truth__people=2, b__ground_truth__people=2)
    with pytest.raises(BagError, match=r"ground_truth in its name in the namespace of /left/image_raw, got /a/ground"):
        several.ground_truth("/left/*")
    with pytest.raises(BagError, match=r"got /a/ground_truth/people .*, /b/ground_truth/people"):
        choice(a__ground_truth__people=2, b__ground_truth__people=2).ground_truth()
