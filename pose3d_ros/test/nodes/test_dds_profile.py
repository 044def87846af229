from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import (
    PROFILE,
    PROFILE_VARIABLES,
    lost_images_remedy,
    transport_environment,
    user_profile,
)

IMAGE_4K_BYTES = 3840 * 2160 * 3


def test_shared_memory_segment_holds_a_large_image() -> None:
    tree = ElementTree.parse(share_file(PROFILE))
    segments = [int(e.text or 0) for e in tree.iter() if e.tag.endswith("segment_size")]
    assert len(segments) == 1
    assert segments[0] > IMAGE_4K_BYTES


def test_participant_goes_on_announcing_itself_every_second() -> None:
    names = {"p": "http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles"}
    config = ElementTree.parse(share_file(PROFILE)).find(".//p:participant/p:rtps/p:builtin/p:discovery_config", names)
    assert config is not None
    assert config.findtext("p:leaseAnnouncement/p:sec", namespaces=names) == "1"
    assert config.findtext("p:initialAnnouncements/p:count", namespaces=names) == "10"


@pytest.mark.parametrize(
    ("environment", "variable"),
    [({"HOME": "/home/me"}, PROFILE_VARIABLES[0]), ({"ROS_DISTRO": "humble"}, PROFILE_VARIABLES[1])],
)
def test_child_process_gets_the_profile_by_the_variable_of_its_distribution(
    environment: dict[str, str], variable: str
) -> None:
    child = transport_environment(environment)
    assert child == {**environment, variable: str(share_file(PROFILE))}


@pytest.mark.parametrize("name", PROFILE_VARIABLES)
def test_users_own_profile_is_kept(name: str) -> None:
    child = transport_environment({name: "/mine.xml"})
    assert child == {name: "/mine.xml"}
    assert user_profile(child) == "/mine.xml"


def test_remedy_names_what_is_missing() -> None:
    bare = lost_images_remedy("rmw_fastrtps_cpp", False, {})
    assert f"FASTDDS_DEFAULT_PROFILES_FILE={share_file(PROFILE)}" in bare
    assert "compressed" in bare
    profiled = lost_images_remedy("rmw_fastrtps_cpp", True, {PROFILE_VARIABLES[0]: "/mine.xml"})
    assert "/mine.xml" in profiled
    assert "publisher with it" in profiled
    assert "rmem_max" in lost_images_remedy("rmw_cyclonedds_cpp", False, {})
