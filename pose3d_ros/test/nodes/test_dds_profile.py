from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import (
    NO_IMAGES_PROFILE,
    PROFILE,
    PROFILE_VARIABLES,
    SMALL_PROFILE,
    SharedMemory,
    image_profile,
    lost_images_remedy,
    profile_setting,
    segment_bytes,
    shared_memory,
    shared_memory_problem,
    transport_environment,
    user_profile,
)

IMAGE_4K_BYTES = 3840 * 2160 * 3
IMAGE_1080P_BYTES = 1920 * 1080 * 3
DOCKER = SharedMemory(64 << 20, 60 << 20)
DESKTOP = SharedMemory(8 << 30, 7 << 30)


def test_shared_memory_segment_holds_a_large_image() -> None:
    tree = ElementTree.parse(share_file(PROFILE))
    segments = [int(e.text or 0) for e in tree.iter() if e.tag.endswith("segment_size")]
    assert len(segments) == 1
    assert segments[0] > IMAGE_4K_BYTES


def test_docker_gets_segments_that_fit_four_times_into_its_64_mb() -> None:
    assert image_profile(DESKTOP) == image_profile(None) == PROFILE
    assert image_profile(DOCKER) == SMALL_PROFILE
    small = segment_bytes(str(share_file(SMALL_PROFILE)))
    assert IMAGE_1080P_BYTES < small <= DOCKER.total_bytes // 4


def test_processes_that_send_no_images_have_no_segment_of_ours() -> None:
    assert segment_bytes(str(share_file(NO_IMAGES_PROFILE))) == 0
    assert profile_setting({}, sends_images=False) == {PROFILE_VARIABLES[0]: str(share_file(NO_IMAGES_PROFILE))}
    assert profile_setting({PROFILE_VARIABLES[0]: "/mine.xml"}, sends_images=False) == {}


def test_segments_that_do_not_fit_are_a_problem_with_its_remedies() -> None:
    ours, small = ({PROFILE_VARIABLES[0]: str(share_file(profile))} for profile in (PROFILE, SMALL_PROFILE))
    problem = shared_memory_problem(ours, DOCKER)
    assert problem is not None
    for words in ("64 MB", "32 MB for each", "--shm-size", "--ipc=host", f"={share_file(SMALL_PROFILE)}"):
        assert words in problem
    full = shared_memory_problem(small, SharedMemory(64 << 20, 2 << 20))
    assert full is not None
    assert "2 MB of them free" in full
    assert "fastdds_small" not in full
    assert shared_memory_problem(small, DOCKER) is None
    assert shared_memory_problem(ours, DESKTOP) is None


@pytest.mark.parametrize("profile", [None, "/no/such/file.xml", "/dev/zero", "a\0b", __file__])
def test_without_segments_of_a_profile_there_is_no_problem(profile: str | None) -> None:
    assert shared_memory_problem({PROFILE_VARIABLES[0]: profile} if profile else {}, DOCKER) is None


def test_shared_memory_is_that_of_the_folder(tmp_path: Path) -> None:
    found = shared_memory(str(tmp_path))
    assert found is not None
    assert 0 <= found.free_bytes <= found.total_bytes
    assert shared_memory(str(tmp_path / "none")) is None


@pytest.mark.parametrize("profile", [PROFILE, SMALL_PROFILE, NO_IMAGES_PROFILE])
def test_participant_goes_on_announcing_itself_every_second(profile: str) -> None:
    names = {"p": "http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles"}
    config = ElementTree.parse(share_file(profile)).find(".//p:participant/p:rtps/p:builtin/p:discovery_config", names)
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


def test_remedy_for_an_image_larger_than_the_segment_is_a_larger_one() -> None:
    small = {PROFILE_VARIABLES[0]: str(share_file(SMALL_PROFILE))}
    image_bytes = 3 * 3840 * 2160
    remedy = lost_images_remedy("rmw_fastrtps_cpp", False, small, image_bytes)
    for words in ("23 MB", "8 MB", "larger segment_size", "--shm-size", "compressed"):
        assert words in remedy
    assert "publisher with it as well" in lost_images_remedy("rmw_fastrtps_cpp", False, small, 3 * 1920 * 1080)
    assert "publisher with it as well" in lost_images_remedy("rmw_fastrtps_cpp", True, small, image_bytes)
