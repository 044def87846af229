"""Finding and reading bags."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.errors import BagError


def test_missing_sample_recording_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pose3d_ros.bags.bag_reader.share_directories", lambda: (tmp_path,))
    with pytest.raises(BagError, match="--bag"):
        sample_bag()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples/x.mcap").write_bytes(b"")
    assert sample_bag() == tmp_path / "samples/x.mcap"
