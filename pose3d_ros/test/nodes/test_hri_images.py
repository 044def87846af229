from __future__ import annotations

from pose3d_ros.nodes.hri_images import _KEPT, StampPairs


def test_pairs_are_of_one_stamp_in_either_order() -> None:
    pairs: StampPairs[str, str] = StampPairs()
    assert pairs.put_first(1, "image 1") is None
    assert pairs.put_first(2, "image 2") is None
    assert pairs.put_second(2, "people 2") == "image 2"
    assert pairs.put_second(3, "people 3") is None
    assert pairs.put_first(3, "image 3") == "people 3"
    assert pairs.put_second(3, "people 3 again") is None


def test_only_the_latest_are_kept() -> None:
    pairs: StampPairs[int, int] = StampPairs()
    for stamp in range(_KEPT + 1):
        pairs.put_first(stamp, stamp)
    assert pairs.put_second(0, 0) is None
    assert pairs.put_second(1, 1) == 1


def test_cleared_pairs_are_forgotten() -> None:
    pairs: StampPairs[int, int] = StampPairs()
    pairs.put_first(1, 1)
    pairs.clear()
    assert pairs.put_second(1, 1) is None
